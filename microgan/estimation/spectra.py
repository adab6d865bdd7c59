"""Power spectra of images and of what a degradation makes of them, in bins along both axes.

Power is that of white noise: of variance v it is v at every frequency. Spectra have rows for
frequencies along Y and columns for those along X, from 0 to half a cycle per sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import signal

_MOST_TILES_PER_AXIS = 4
_LARGEST_WINDOW = 256


def window_length(lengths: Sequence[int]) -> int:
    """Return the side of a window that fits all images, even and at most 256."""
    length = min(*lengths, _LARGEST_WINDOW)
    return length - length % 2


def power_spectrum(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return an image's power; see `cross_spectrum`."""
    return cross_spectrum(image, image, shape)


def cross_spectrum(image: np.ndarray, other: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return what two images share, mean over windows of one size and mirrored frequencies.

    Args:
        image: float (Y, X), at least as large as the window.
        other: like `image`.
        shape: of the window, even.

    Returns:
        float64 (shape[0] // 2 + 1, shape[1] // 2 + 1).
    """
    window = _window(shape)
    weight = window / window.sum()
    total = np.zeros((shape[0], shape[1] // 2 + 1))
    corners = [_corners(length, side) for length, side in zip(image.shape, shape)]
    for top in corners[0]:
        for left in corners[1]:
            one, two = (np.fft.rfft2((tile - np.vdot(tile, weight)) * window) for tile in (
                each[top:top + shape[0], left:left + shape[1]] for each in (image, other)))
            total += (one * np.conj(two)).real
    mirrored = np.roll(total[::-1], 1, axis=0)
    mean = (total + mirrored)[:shape[0] // 2 + 1] / 2
    return mean / (len(corners[0]) * len(corners[1]) * np.sum(window ** 2))


def windowed_mean(image: np.ndarray, shape: tuple[int, int]) -> float:
    """Return an image's mean as its power spectrum counts its pixels: weighed by squared windows.

    Of the variance of white noise at each pixel, that is the noise's power.

    Args:
        image: float (Y, X), at least as large as the window.
        shape: of the window, even.
    """
    weight = _window(shape) ** 2
    weight /= weight.sum()
    corners = [_corners(length, side) for length, side in zip(image.shape, shape)]
    return float(np.mean([np.vdot(weight, image[top:top + shape[0], left:left + shape[1]])
                          for top in corners[0] for left in corners[1]]))


def _window(shape: tuple[int, int]) -> np.ndarray:
    return np.outer(*(signal.windows.hann(length, sym=False) for length in shape))


def _corners(length: int, side: int) -> np.ndarray:
    number = min(max(length // side, 1), _MOST_TILES_PER_AXIS)
    return np.linspace(0, length - side, number).astype(int)


@dataclass(frozen=True)
class Bins:
    """Neighbouring frequencies along one axis, taken together.

    Args:
        averaging: (bins, frequencies), whose product with a spectrum is its mean in each bin.
    """

    averaging: np.ndarray

    @classmethod
    def of(cls, length: int) -> Bins:
        """Return bins that are single frequencies at first and a third of theirs wide later."""
        edges = [0]
        while edges[-1] <= length // 2:
            edges.append(edges[-1] + max(1, edges[-1] // 3))
        frequency = np.arange(length // 2 + 1)
        which = np.searchsorted(edges, frequency, side="right") - 1
        averaging = (which == np.arange(which.max() + 1)[:, np.newaxis]).astype(float)
        # Frequencies 0 and one half occur once in a transform, all others twice.
        averaging *= np.where((frequency == 0) | (2 * frequency == length), 1.0, 2.0)
        return cls(averaging / averaging.sum(axis=1, keepdims=True))

    def squared_frequency(self) -> np.ndarray:
        """Return the mean of frequency squared in each bin."""
        top = self.averaging.shape[1] - 1
        return self.averaging @ np.square(np.arange(top + 1) / (2 * top))


def folding(length: int, step_px: float, num_samples: int) -> np.ndarray:
    """Return what sampling does to power along an axis: higher frequencies appear as lower ones.

    Args:
        length: pixels of the window before sampling.
        step_px: distance between samples.
        num_samples: samples of the window after.

    Returns:
        (num_samples // 2 + 1, length // 2 + 1), whose product with a power spectrum before
        sampling is that after.
    """
    fine = np.arange(length // 2 + 1) / length
    result = np.zeros((num_samples // 2 + 1, fine.size))
    orders = int(np.ceil(step_px / 2)) + 1
    for row, coarse in enumerate(np.arange(num_samples // 2 + 1) / num_samples):
        for order in range(-orders, orders + 1):
            frequency = abs(coarse + order) / step_px
            if frequency <= 0.5:
                position = frequency * length
                below = min(int(position), fine.size - 2)
                result[row, below] += below + 1 - position
                result[row, below + 1] += position - below
    # As many frequencies fall on one as there are steps; white noise stays as it is.
    return result / result.sum(axis=1, keepdims=True)
