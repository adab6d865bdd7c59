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
    "missing columns, and may be wrong; sharp images with hardly any noise become worse. Measure "
    "nothing on the result before you have trained on a few pairs of your own and looked at their "
    "scores. What it fails at: docs/pretraining.md.")
_FITTED_PX = 512
# Noise and blur change nothing on this scale.
_SMOOTHED_PX = 4.0


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
    twice that distance, nothing.

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
    intensities = measured
    if covariance > 0:  # otherwise nothing of the image is left
        scale = covariance / variance
        offset = wanted.mean() - scale * found.mean()
        low, high = measured.undo(np.array([offset - scale, offset + scale]))
        intensities = IntensityRange(float(low), float(high))
    share = 1.0
    if familiarity is not None:
        share = float(np.clip(2 - familiarity(degraded), 0, 1))
        if share < 1:
            report("Warning: this image is unlike all that the generator was pretrained on, so "
                   f"only {percent(share)} of its change is applied. Train on pairs of your own.")
    return FitToImage(intensities, share)
