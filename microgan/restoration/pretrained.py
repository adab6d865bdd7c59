"""Restoring with a network that has seen none of the user's images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from microgan.datasets.normalization import IntensityRange
from microgan.restoration.planes import Planes
from microgan.runtime.amounts import percent

if TYPE_CHECKING:
    from microgan.restoration.familiarity import Familiarity
    from microgan.restoration.restorer import Network

SEEN_NONE = (
    "This generator has seen only simulated images: it removes what looks like noise, blur or "
    "missing columns, and may be wrong. Measure nothing on the result before you have trained on "
    "a few pairs of your own and looked at their scores. What it fails at: docs/pretraining.md.")
_FITTED_PX = 512
# Noise and blur change nothing on this scale.
_SMOOTHED_PX = 4.0
# Noise as a share of the range, and the change as a multiple of the noise: below the first of both
# an image is left as it is, above the second of either the whole change is applied.
_NOISE = (0.015, 0.02)
_CHANGE = (1.5, 2.5)
_NOISE_FROM = 0.6  # cycles per pixel: what a lens passes lies below, noise everywhere
_LEAST_PX = 16


@dataclass(frozen=True)
class FitToImage:
    """How the output of a pretrained network becomes an image.

    Args:
        intensities: those of the network's -1 and 1.
        share: of the network's change that is applied, 0 to 1.
    """

    intensities: IntensityRange
    share: float

    def undo(self, values: np.ndarray, measured: np.ndarray) -> np.ndarray:
        """Map network values to intensities, given the measured ones (Y, X)."""
        restored = self.intensities.undo(values)
        return measured + self.share * (restored - measured) if self.share < 1 else restored


def fit_to_image(network: Network, measured: IntensityRange,
                 read: Callable[..., np.ndarray], planes: Planes,
                 familiarity: Familiarity | None, report: Callable[[str], object]) -> FitToImage:
    """Keep an image's own intensities, and most of the image where it is like none known.

    Without training images nothing else says how bright restored images are. Scale and offset
    are fitted by least squares to the middle of the middle plane, both smoothed. Beyond the
    distance within which nearly all known images have neighbours, less and less is changed; at
    twice that distance, nothing. Nor is an image changed that hardly needs it; see
    `needed_share`.

    Args:
        network: the generator.
        measured: intensities that it gets as -1 and 1.
        read: a plane's place and a part of it -> normalised pixels.
        planes: of the image.
        familiarity: compares with the images of the pretraining; None if they are unknown.
        report: called with a line for the user if the image is unlike those.
    """
    from scipy import ndimage

    place = planes.places[len(planes.places) // 2]
    middle = tuple(slice((length - side) // 2, (length + side) // 2) for length, side in (
        (length, min(length, _FITTED_PX)) for length in planes.shape))
    degraded = read(place, middle)
    restored = network.restore_batch(degraded[np.newaxis], range(1), 0, 0)[0]
    found, wanted = (ndimage.gaussian_filter(image.astype(np.float64), _SMOOTHED_PX).ravel()
                     for image in (restored, degraded))
    (variance, covariance), _ = np.cov(found, wanted)
    intensities, scale, offset = measured, 1.0, 0.0
    if covariance > 0:  # otherwise nothing of the image is left
        scale = covariance / variance
        offset = wanted.mean() - scale * found.mean()
        low, high = measured.undo(np.array([offset - scale, offset + scale]))
        intensities = IntensityRange(float(low), float(high))
    share = needed_share(degraded, scale * restored + offset)
    if share < 1:
        report("This image is sharp and has hardly any noise, so "
               f"{f'only {percent(share)}' if share else 'nothing'} of the generator's change is "
               "applied.")
    if familiarity is not None:
        known = float(np.clip(2 - familiarity(degraded), 0, 1))
        if known < 1:
            report("Warning: this image is unlike all that the generator was pretrained on, so "
                   f"only {percent(known)} of its change is applied. Train on pairs of your own.")
        share = min(share, known)
    return FitToImage(intensities, share)


def needed_share(degraded: np.ndarray, restored: np.ndarray) -> float:
    """Return how much of a change to apply to an image that may hardly need restoring.

    Where there is little noise, and little is changed beside it, the change is as likely to take
    away fine detail as noise.

    Args:
        degraded: (Y, X), normalised as the network gets it, so that its range is 2.
        restored: like `degraded`.

    Returns:
        0 where the noise is at most 1.5 % of the range and the change at most 1.5 times the noise
        (standard deviations), 1 where the noise is at least 2 % or the change at least 2.5 times
        it, and between 0 and 1 in between.

    Source:
        ours; the bounds were chosen on training images (docs/pretraining.md).

    Example:
        >>> image = np.random.default_rng(0).normal(0, 0.02, (64, 64))
        >>> needed_share(image, image + 0.001)
        0.0
        >>> needed_share(10 * image, image)
        1.0
    """
    if min(degraded.shape) < _LEAST_PX:
        return 1.0
    noise = _noise_deviation(degraded)
    change = float(np.std(restored - degraded))
    return float(max(np.clip((value - low) / (high - low), 0, 1) for value, (low, high) in (
        (noise / 2, _NOISE), (change / max(noise, 1e-9), _CHANGE))))


def _noise_deviation(image: np.ndarray) -> float:
    """Return the standard deviation of white noise, from the median power of the finest detail."""
    window = np.outer(*(np.hanning(length) for length in image.shape))
    power = np.abs(np.fft.fft2((image - image.mean()) * window)) ** 2 / np.sum(window ** 2)
    y, x = (np.fft.fftfreq(length) for length in image.shape)
    # The median of squared amplitudes is log(2) times their mean.
    return float(np.sqrt(np.median(power[np.hypot(y[:, np.newaxis], x) > _NOISE_FROM])
                         / np.log(2)))
