"""Fourier ring correlation: the finest detail that two images share."""

from __future__ import annotations

import numpy as np
from scipy import signal

# Correlation that counts as agreement. If two halves of the data correlate by F, all of it
# correlates with the truth by sqrt(2 F / (1 + F)) (Rosenthal and Henderson 2003): 1/7 becomes
# 0.5.
BETWEEN_HALVES = 1 / 7
AGAINST_CLEAN = 0.5
NYQUIST_PERIOD_PX = 2.0


def fourier_ring_correlation(first: np.ndarray, second: np.ndarray,
                             ) -> tuple[np.ndarray, np.ndarray]:
    """Correlate two images ring by ring in Fourier space.

    A periodic Hann window, applied after subtracting the mean, removes the jump at the borders,
    which would correlate at every frequency.

    Args:
        first: (Y, X), any real type, Y and X at least 4, not necessarily equal.
        second: like `first`.

    Returns:
        Spatial frequencies of the rings' centres in cycles per pixel, from 1 / min(Y, X) in
        steps of it up to 0.5, and the correlations, float64, -1 to 1; 0 in a ring where an
        image has no power.

    Raises:
        ValueError: the images differ in shape, are not 2D or are too small.

    Source:
        Saxton and Baumeister 1982; van Heel 1987. Rings have equal spatial frequency, so
        images need not be square.
    """
    if first.shape != second.shape or first.ndim != 2 or min(first.shape) < 4:
        raise ValueError("`first` and `second` must be 2D of one shape, at least 4 x 4. "
                         f"Received: shapes {first.shape} and {second.shape}")
    spectra = [_windowed_spectrum(image) for image in (first, second)]
    height, width = first.shape
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    ring = np.rint(frequency * min(first.shape)).astype(int).ravel()

    def sum_over_rings(values: np.ndarray) -> np.ndarray:
        return np.bincount(ring, weights=values.ravel())[1:min(first.shape) // 2 + 1]

    shared = sum_over_rings((spectra[0] * spectra[1].conj()).real)
    power = np.sqrt(np.prod([sum_over_rings(np.abs(item) ** 2) for item in spectra], axis=0))
    correlation = np.divide(shared, power, out=np.zeros_like(shared), where=power > 0)
    return np.arange(1, len(shared) + 1) / min(first.shape), correlation


def fourier_ring_resolution(clean: np.ndarray, restored: np.ndarray, *,
                            threshold: float = AGAINST_CLEAN) -> float:
    """Return the period of the finest detail that a restored image shares with the clean one.

    Args:
        clean: (Y, X), any real type, Y and X at least 4.
        restored: like `clean`. Scale and offset do not matter.
        threshold: correlation that counts as agreement; `BETWEEN_HALVES` for two images
            measured from one half of the data each.

    Returns:
        Period in pixels where the correlation first falls below `threshold`, linearly
        interpolated: from 2 (full agreement) to min(Y, X) (no agreement, or a constant image).
        Coarse rings that disagree before the first that agrees do not count, since a varying
        background would hide shared detail.

    Raises:
        ValueError: as `fourier_ring_correlation`.

    Source:
        Rosenthal and Henderson 2003, J. Mol. Biol. 333:721 (thresholds 0.143 and 0.5).
    """
    frequency, correlation = fourier_ring_correlation(clean, restored)
    agrees = correlation >= threshold
    if not agrees.any():
        return float(1 / frequency[0])
    falls = np.flatnonzero(agrees[:-1] & ~agrees[1:])
    if not falls.size:
        return NYQUIST_PERIOD_PX
    around = [falls[0] + 1, falls[0]]
    return float(1 / np.interp(threshold, correlation[around], frequency[around]))


def _windowed_spectrum(image: np.ndarray) -> np.ndarray:
    """Return Fourier coefficients (Y, X) of the image, windowed and without its mean."""
    # Subtract the first pixel first, so that rounding leaves a constant image at 0.
    image = np.asarray(image, dtype=np.float64) - float(image.flat[0])
    window = np.outer(*(signal.windows.hann(length, sym=False) for length in image.shape))
    return np.fft.fft2((image - image.mean()) * window)
