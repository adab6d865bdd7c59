"""Compare the defects of two sets of images, whatever the images show."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage, signal, stats

Images = Sequence[np.ndarray]
# Variance per pixel below which nothing counts: less than 8-bit rounding.
_FLOOR = 1e-6
_NUM_NOISE_BINS = 10
_MIN_PIXELS = 50
# Second differences along both axes remove smooth structure and keep white noise's variance.
# Immerkaer 1996, Fast noise variance estimation.
_NOISE_KERNEL = np.outer([1, -2, 1], [1, -2, 1]) / 6
_LOCAL_MEAN_PX = 7


def spectrum_distance(images: Images, others: Images) -> float:
    """RMS difference of log10 mean power over all spatial frequencies except zero.

    Args:
        images: (Y, X) each, at least 16 pixels a side.
        others: like `images`; number and sizes may differ.

    Source:
        ours.
    """
    return _between(radial_spectrum, images, others)


def direction_distance(images: Images, others: Images) -> float:
    """RMS difference of log10 (power along X / power along Y) over frequency.

    Args:
        images: as for `spectrum_distance`.
        others: like `images`.

    Source:
        ours.
    """
    return _between(directional_spectrum, images, others)


def _between(spectrum: Callable[[Images, int], np.ndarray], images: Images,
             others: Images) -> float:
    size = common_size(images, others)
    return _rms(spectrum(images, size) - spectrum(others, size))


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
        others: like `images`; their intensities define the bins. Bins in which either has few
            pixels do not count.

    Returns:
        The distance; NaN where they share no intensity.

    Source:
        ours.
    """
    edges = noise_bins(others)
    difference = noise_against_mean(images, edges) - noise_against_mean(others, edges)
    return _rms(difference[np.isfinite(difference)])


def radial_spectrum(images: Images, size: int) -> np.ndarray:
    """Log10 of the mean power at each spatial frequency.

    Args:
        images: (Y, X) each, at least `size` pixels a side; only the centre counts.
        size: side of the square that is transformed, in pixels.

    Returns:
        (size // 2,) for 1 to size // 2 periods per square. White noise of variance v has
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
        along = np.expand_dims(window, 1 - axis)
        spectra = [np.abs(np.fft.fft(_middle(image, size, along), axis=axis)) ** 2
                   for image in images]
        mean = np.mean(spectra, axis=(0, 2 - axis)) / np.sum(window ** 2)
        power.append(mean[1:size // 2 + 1] + _FLOOR)
    return np.log10(power[0] / power[1])


def noise_bins(images: Images) -> np.ndarray:
    """Return edges of intensity bins with equally many of the images' local means."""
    means = np.concatenate([_local_mean(image).ravel() for image in images])
    return np.unique(np.quantile(means, np.linspace(0, 1, _NUM_NOISE_BINS + 1)))


def noise_against_mean(images: Images, edges: np.ndarray) -> np.ndarray:
    """Log10 of the noise variance at each intensity.

    Noise is measured by second differences along both axes, intensity by the mean of 7 x 7
    pixels. Fine structure counts as noise, too: compare only images of similar samples.

    Args:
        images: (Y, X) each.
        edges: from `noise_bins`.

    Returns:
        (len(edges) - 1,), NaN in bins with few pixels.
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
    """Return the side of the largest even-sized square that fits into all images, in pixels."""
    size = min(min(image.shape) for images in sets for image in images)
    return size - size % 2


def _rms(difference: np.ndarray) -> float:
    return float(np.sqrt(np.mean(difference ** 2))) if len(difference) else float("nan")
