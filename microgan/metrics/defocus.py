"""How slices of z-stacks fade out of focus: the microscope's transfer function, measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import signal

# Spatial frequencies are told apart in rings as wide as this, in cycles per pixel.
_RING_WIDTH = 1 / 64
_NUM_RINGS = 32  # to half a cycle per pixel; what lies in the corners beyond counts in the last
_FREQUENCIES = (np.arange(_NUM_RINGS) + 0.5) * _RING_WIDTH
# Finer than this, noise is the largest part of a blurred slice; cycles per pixel.
_NOISE_FREQUENCY = 0.4
# A ring of the focal plane that has less signal than this share of its noise tells nothing.
_LEAST_SIGNAL = 0.5


def estimate_transfer(stacks: Sequence[np.ndarray], focal_planes: Sequence[int]) -> np.ndarray:
    """Estimate how much is left of each spatial frequency at each offset from the focal plane.

    All slices of a section are taken for equally rich in detail, so that a slice's power is
    the focal plane's times the square of the transfer, once the power of the noise is taken off
    both. Noise is taken for white and for the same in all slices of a stack.

    Args:
        stacks: (Z, Y, X) each, Y and X at least 16, any real type.
        focal_planes: of every stack, from 0.

    Returns:
        float (2 D - 1, R), 0 to 1, median over stacks: by offset from the focal plane, from
        -(D - 1) to D - 1 slices, D being the depth of the deepest stack, and by ring of
        frequency. Offsets that no stack has are as the nearest that one has. 1 in rings where
        the focal plane shows nothing but noise: nothing is known to fade.

    Source:
        ours. Departs from optics' models of defocus: light of what lies in focus at a slice's
        own depth is in it, too, so that high frequencies fade less than of a Gaussian blur.
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
    # Cut off last: a ring without signal is below 0 as often as above.
    amplitudes = np.sqrt(np.clip([np.median(ratios[index], axis=0) for index in known], 0, 1))
    nearest = np.abs(np.arange(len(ratios))[:, np.newaxis] - known).argmin(axis=1)
    return amplitudes[nearest]


def _ring_power(stack: np.ndarray) -> np.ndarray:
    """Mean power of each slice in every ring; of rings too narrow for it, between the others'."""
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
    """Mean power of what neighbouring slices do not share at high frequencies, at its least.

    Of two slices that show one structure blurred differently, and noise, it is the smaller
    eigenvalue of their powers and cross power. Slices that differ in structure, too, would make
    it too large, so the pair with the least counts: the most blurred one.
    """
    spectra = np.array([_spectrum(image)[_frequency(*image.shape) > _NOISE_FREQUENCY]
                        for image in stack])
    matrices = [np.cov(pair, bias=True) for pair in zip(spectra, spectra[1:])]
    return max(0.0, min((float(np.linalg.eigvalsh(matrix)[0]) for matrix in matrices),
                        default=0.0))


def _spectrum(image: np.ndarray) -> np.ndarray:
    """Fourier coefficients of a slice without its mean, windowed."""
    window = np.outer(*(signal.windows.hann(length, sym=False) for length in image.shape))
    return np.fft.rfft2((image - image.mean(dtype=np.float64)) * window)


def radial_filters(transfer: np.ndarray, height: int, width: int) -> np.ndarray:
    """Lay transfer functions out over the coefficients of a real Fourier transform.

    Args:
        transfer: float (N, R), of `estimate_transfer`.
        height: of the images, pixels.
        width: of the images, pixels.

    Returns:
        float32 (N, height, width // 2 + 1), 1 at frequency 0: brightness does not fade.
    """
    frequency = _frequency(height, width)
    return np.stack([np.interp(frequency, [0, *_FREQUENCIES], [1, *of_rings])
                     for of_rings in transfer]).astype(np.float32)


def _frequency(height: int, width: int) -> np.ndarray:
    """Cycles per pixel of each coefficient of `np.fft.rfft2`."""
    return np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width))
