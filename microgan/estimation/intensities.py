"""What the grey levels of a set of images tell of their file type and of how they were scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Of the error of rounding to whole numbers.
ROUNDING_VARIANCE = 1 / 12
# Extremes that this share of images has in common were made the same.
_MOST_IMAGES = 0.8
_HALF = 0.5
# An image stretched to its own extremes has only a few pixels there.
_FEW_PIXELS = 1e-3


@dataclass(frozen=True)
class Intensities:
    """How a set of images is stored.

    Args:
        is_whole: whether grey levels are whole numbers.
        limits: grey levels that no pixel exceeds; None if there are none.
        is_stretched: whether the extremes of each image were moved to the limits.
        share_saturated: share of images of which several pixels lie at the upper limit.
    """

    is_whole: bool
    limits: tuple[float, float] | None
    is_stretched: bool
    share_saturated: float


def find_intensities(images: Sequence[np.ndarray]) -> Intensities:
    """Look for limits, rounding and stretching.

    Args:
        images: real, (Y, X) each, of one type; whole numbers tell their limits.
    """
    is_whole = all(np.issubdtype(image.dtype, np.integer) or bool(
        np.all(image == np.rint(image))) for image in images)
    lowest, highest = ([float(end(image)) for image in images] for end in (np.min, np.max))
    floor, ceiling = min(lowest), max(highest)
    at_floor, at_ceiling = (float(np.mean(np.equal(ends, end))) for ends, end in
                            ((lowest, floor), (highest, ceiling)))
    several = len(images) > 2
    few = float(np.median([np.mean((image == floor) | (image == ceiling)) for image in images]))
    is_stretched = (several and min(at_floor, at_ceiling) >= _MOST_IMAGES and few < _FEW_PIXELS)
    limits: tuple[float, float] | None = None
    if is_stretched:
        limits = (floor, ceiling)
    elif np.issubdtype(images[0].dtype, np.integer):
        info = np.iinfo(images[0].dtype)
        limits = (float(info.min), float(info.max))
    elif several and max(at_floor, at_ceiling) >= _HALF:
        reach = ceiling - floor
        limits = (floor if at_floor >= _HALF else floor - reach,
                  ceiling if at_ceiling >= _HALF else ceiling + reach)
    return Intensities(is_whole, limits, is_stretched, at_ceiling if several else 0.0)
