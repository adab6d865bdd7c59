"""Measure how slices of z-stacks fade out of focus: the microscope's transfer function."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import signal

_RING_WIDTH = 1 / 64  # cycles per pixel
_NUM_RINGS = 32  # up to half a cycle per pixel; the corners beyond count in the last
_FREQUENCIES = (np.arange(_NUM_RINGS) + 0.5) * _RING_WIDTH
# Above this, noise dominates a blurred slice; cycles per pixel.
_NOISE_FREQUENCY = 0.4
# A ring of the focal plane with less signal than this share of its noise is uninformative.
_LEAST_SIGNAL = 0.5


def estimate_transfer(stacks: Sequence[np.ndarray], focal_planes: Sequence[int]) -> np.ndarray:
    """Estimate how each spatial frequency fades with the offset from the focal plane.

    All slices are assumed to be equally rich in detail, so that, without noise, a slice's power
    is the focal plane's times the squared transfer. Noise is assumed to be white and equal in
    all slices of a stack.

    Args:
        stacks: (Z, Y, X) each, Y and X at least 16, any real type.
        focal_planes: index in each stack.

    Returns:
        float (2 D - 1, R), 0 to 1, median over stacks: by offset from the focal plane, from
        -(D - 1) to D - 1 slices, with D the depth of the deepest stack, and by ring of
        frequency. Missing offsets copy the nearest known one. 1 in rings where the focal plane
        shows only noise.

    Source:
        ours. High frequencies fade less than in optical models of defocus, since a slice also
        shows what is in focus at its depth.
    """
    deepest = max(map(len, stacks))
    ratios: list[list[np.ndarray]] = [[] for _ in range(2 * deepest - 1)]
    for stack, focal_plane in zip(stacks, focal_planes):
        noise = _noise_power(stack)
        power = _ring_power(stack) - noise
        in_focus = power[focal_plane]
        relative = np.divide(power, in_focus, out=np.ones_like(power),
                             where=in_focus > _LEAST_SIGNAL * noise)
        for z, of_rings in enumerate(relative):
            ratios[z - focal_plane + deepest - 1].append(of_rings)
    known = [index for index, found in enumerate(ratios) if found]
    # Clipped after the median: a ring without signal is negative half of the time.
    amplitudes = np.sqrt(np.clip([np.median(ratios[index], axis=0) for index in known], 0, 1))
    nearest = np.abs(np.arange(len(ratios))[:, np.newaxis] - known).argmin(axis=1)
    return amplitudes[nearest]


def _ring_power(stack: np.ndarray) -> np.ndarray:
    """Return each slice's mean power by ring; empty rings are interpolated."""
    size = stack.shape[1:]
    ring = np.minimum(_frequency(*size) / _RING_WIDTH, _NUM_RINGS - 1).astype(int).ravel()
    count = np.bincount(ring, minlength=_NUM_RINGS)
    is_known = count > 0
    means = []
    for image in stack:
        total = np.bincount(ring, np.abs(_spectrum(image)).ravel() ** 2, minlength=_NUM_RINGS)
        means.append(np.interp(_FREQUENCIES, _FREQUENCIES[is_known],
                               total[is_known] / count[is_known]))
    return np.array(means)


def _noise_power(stack: np.ndarray) -> float:
    """Estimate the noise's mean power from what neighbouring slices do not share.

    If two slices show one structure, differently blurred, plus noise, it is the smaller
    eigenvalue of their high frequencies' covariance. Different structure would increase it, so
    the lowest pair counts, which is the most blurred one.
    """
    spectra = np.array([_spectrum(image)[_frequency(*image.shape) > _NOISE_FREQUENCY]
                        for image in stack])
    matrices = [np.cov(pair, bias=True) for pair in zip(spectra, spectra[1:])]
    return max(0.0, min((float(np.linalg.eigvalsh(matrix)[0]) for matrix in matrices),
                        default=0.0))


def _spectrum(image: np.ndarray) -> np.ndarray:
    """Return Fourier coefficients of a slice, windowed and without its mean."""
    window = np.outer(*(signal.windows.hann(length, sym=False) for length in image.shape))
    return np.fft.rfft2((image - image.mean(dtype=np.float64)) * window)


def interpolate_transfer(of_rings: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Return a transfer function at any frequencies.

    Args:
        of_rings: float (R,), a row of `estimate_transfer`.
        frequency: float, any shape, cycles per pixel.

    Returns:
        float64, same shape, 1 at frequency 0: brightness does not fade.
    """
    return np.interp(frequency, [0, *_FREQUENCIES], [1, *of_rings])


def _frequency(height: int, width: int) -> np.ndarray:
    """Return the frequency of each coefficient of `np.fft.rfft2`, cycles per pixel."""
    return np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width))
