"""How unlike the defects of two sets of images are, whatever the images show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage, signal, stats

Images = Sequence[np.ndarray]
# Variance of a pixel below which nothing counts: less than an 8-bit step's rounding error.
_FLOOR = 1e-6
_NUM_NOISE_BINS = 10
_MIN_PIXELS = 50
# Second differences along both axes: no smooth structure passes; white noise keeps its
# variance. Immerkaer 1996, Fast noise variance estimation.
_NOISE_KERNEL = np.outer([1, -2, 1], [1, -2, 1]) / 6
_LOCAL_MEAN_PX = 7


def spectrum_distance(images: Images, others: Images) -> float:
    """RMS difference of log10 mean power over all spatial frequencies but zero.

    Args:
        images: (Y, X) each, at least 16 pixels a side.
        others: like `images`; number and sizes may differ.

    Source:
        ours.
    """
    size = common_size(images, others)
    return _rms(radial_spectrum(images, size) - radial_spectrum(others, size))


def direction_distance(images: Images, others: Images) -> float:
    """RMS difference of log10 (power along X / power along Y) over frequency.

    Args:
        images: as for `spectrum_distance`.
        others: like `images`.

    Source:
        ours.
    """
    size = common_size(images, others)
    return _rms(directional_spectrum(images, size) - directional_spectrum(others, size))


def histogram_distance(images: Images, others: Images) -> float:
    """1-Wasserstein distance of all pixels' intensities.

    Args:
        images: (Y, X) each.
        others: like `images`.
    """
    return float(stats.wasserstein_distance(*(np.concatenate([image.ravel() for image in each])
                                              for each in (images, others))))


def noise_distance(images: Images, others: Images) -> float:
    """RMS difference of log10 noise variance at equal intensity.

    Args:
        images: (Y, X) each.
        others: like `images`; their intensities give the bins. Bins in which either has
            hardly a pixel do not count.

    Returns:
        The distance; NaN where no intensity is common to both.

    Source:
        ours.
    """
    edges = noise_bins(others)
    difference = noise_against_mean(images, edges) - noise_against_mean(others, edges)
    return _rms(difference[np.isfinite(difference)])


def radial_spectrum(images: Images, size: int) -> np.ndarray:
    """Log10 of the mean power at each spatial frequency.

    Args:
        images: (Y, X) each, at least `size` pixels a side; their middle counts.
        size: side of the square that is transformed, in pixels.

    Returns:
        (size // 2,) for 1 to size // 2 periods a square. White noise of variance v has
        log10(v) everywhere.
    """
    window = np.outer(*[signal.windows.hann(size, sym=False)] * 2)
    power = np.mean([np.abs(np.fft.fft2(_middle(image, size, window))) ** 2
                     for image in images], axis=0) / np.sum(window ** 2)
    frequency = np.fft.fftfreq(size, 1 / size)
    ring = np.rint(np.hypot(frequency[:, np.newaxis], frequency)).astype(int)
    rings = np.arange(1, size // 2 + 1)
    return np.log10(ndimage.mean(power, ring, rings) + _FLOOR)


def directional_spectrum(images: Images, size: int) -> np.ndarray:
    """Log10 of the power along X over that along Y, at each spatial frequency.

    Args:
        images: as for `radial_spectrum`.
        size: as for `radial_spectrum`.

    Returns:
        (size // 2,); 0 where the image has no preferred direction.
    """
    window = signal.windows.hann(size, sym=False)
    power = []
    for axis in (1, 0):
        along = window[np.newaxis] if axis == 1 else window[:, np.newaxis]
        spectra = [np.abs(np.fft.fft(_middle(image, size, along), axis=axis)) ** 2
                   for image in images]
        mean = np.mean(spectra, axis=(0, 2 - axis)) / np.sum(window ** 2)
        power.append(mean[1:size // 2 + 1] + _FLOOR)
    return np.log10(power[0] / power[1])


def noise_bins(images: Images) -> np.ndarray:
    """Edges of intensity bins that hold equally many pixels of the images' local means."""
    means = np.concatenate([_local_mean(image).ravel() for image in images])
    return np.unique(np.quantile(means, np.linspace(0, 1, _NUM_NOISE_BINS + 1)))


def noise_against_mean(images: Images, edges: np.ndarray) -> np.ndarray:
    """Log10 of the noise variance at each intensity.

    Noise is what is left of second differences along both axes, local mean that of 7 x 7
    pixels. Fine structure counts as noise, too: compare images of like samples only.

    Args:
        images: (Y, X) each.
        edges: of the intensity bins, from `noise_bins`.

    Returns:
        (len(edges) - 1,), NaN in bins with hardly a pixel.
    """
    means = np.concatenate([_local_mean(image).ravel() for image in images])
    squares = np.concatenate([(ndimage.convolve(image, _NOISE_KERNEL)[1:-1, 1:-1] ** 2).ravel()
                              for image in images])
    inside = (means >= edges[0]) & (means <= edges[-1])
    count, _ = np.histogram(means[inside], edges)
    total, _ = np.histogram(means[inside], edges, weights=squares[inside])
    variance = np.divide(total, count, out=np.full(len(count), np.nan),
                         where=count >= _MIN_PIXELS)
    return np.log10(variance + _FLOOR)


def _local_mean(image: np.ndarray) -> np.ndarray:
    return ndimage.uniform_filter(image, _LOCAL_MEAN_PX)[1:-1, 1:-1]


def _middle(image: np.ndarray, size: int, window: np.ndarray) -> np.ndarray:
    top, left = ((length - size) // 2 for length in image.shape)
    square = image[top:top + size, left:left + size]
    return (square - square.mean()) * window


def common_size(*sets: Images) -> int:
    """Side of the largest square of even size, in pixels, that fits into all images."""
    size = min(min(image.shape) for images in sets for image in images)
    return size - size % 2


def _rms(difference: np.ndarray) -> float:
    return float(np.sqrt(np.mean(difference ** 2))) if len(difference) else float("nan")
