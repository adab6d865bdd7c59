"""How fast a microscope loses focus, measured on its z-stacks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import signal, stats

# Cycles per pixel at the middle of rings half as wide again: lower ones lie within few
# coefficients, higher ones within noise.
_FREQUENCIES = (0.03, 0.05, 0.07, 0.09, 0.12, 0.16)
_RING = 0.2  # half a ring's width, relative to its frequency
# Amplitudes relative to the focal plane's that tell a blur: not the same, not noise.
_TELLING = (0.3, 0.9)
# Per slice, of stacks in which nothing telling is found: next to no blur.
_LEAST_BLUR = 0.01


def estimate_blur(stacks: Sequence[np.ndarray], focal_planes: Sequence[int]) -> np.ndarray:
    """Estimate the Gaussian blur at each distance from the focal plane.

    The amplitude of spatial frequency f at distance d is taken for exp(-2 (pi f s)^2) of the
    focal plane's, and sigma s for a power of d. Both its parameters are medians over
    frequencies and distances.

    Args:
        stacks: (Z, Y, X) each, Y and X at least 16, any real type.
        focal_planes: of every stack, from 0.

    Returns:
        sigma in pixels by distance in slices, float (slices of the deepest stack,).

    Source:
        ours. Theil 1950 and Sen 1968 for the line through logarithms. Real defocus has a longer
        tail than a Gaussian.
    """
    power: dict[tuple[int, float], list[float]] = {}
    for stack, focal_plane in zip(stacks, focal_planes):
        of_slices = np.array([_ring_power(lateral_slice) for lateral_slice in stack])
        relative = of_slices / np.maximum(of_slices[focal_plane], np.finfo(float).tiny)
        for z, rings in enumerate(relative):
            for frequency, ratio in zip(_FREQUENCIES, rings):
                power.setdefault((abs(z - focal_plane), frequency), []).append(ratio)
    found = []
    for (distance, frequency), ratios in power.items():
        amplitude = np.sqrt(np.median(ratios))
        if distance and _TELLING[0] < amplitude < _TELLING[1]:
            found.append((distance, np.sqrt(-np.log(amplitude) / 2) / (np.pi * frequency)))
    distances = np.arange(max(map(len, stacks)))
    if not found:
        return _LEAST_BLUR * distances
    of_distance, sigmas = np.log(found).T
    if np.ptp(of_distance) == 0:  # one point has no slope: a straight line to it
        return np.exp(sigmas.mean() - of_distance[0]) * distances
    exponent, offset, _, _ = stats.theilslopes(sigmas, of_distance)
    return np.exp(offset) * distances ** max(exponent, 0)


def _ring_power(image: np.ndarray) -> np.ndarray:
    """Mean power of an image in rings of spatial frequency."""
    window = np.outer(*(signal.windows.hann(length, sym=False) for length in image.shape))
    power = np.abs(np.fft.rfft2((image - image.mean(dtype=np.float64)) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(image.shape[0])[:, np.newaxis],
                         np.fft.rfftfreq(image.shape[1]))
    return np.array([power[np.abs(frequency - middle) <= max(_RING * middle, 1 / min(image.shape))
                           ].mean() for middle in _FREQUENCIES])
