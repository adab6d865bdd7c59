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
# Pixels of an image at the brightest level of all, and how many more than at the next.
_LEAST_CUT_OFF = 3
_PILE = 2


@dataclass(frozen=True)
class Intensities:
    """How a set of images is stored.

    Args:
        is_whole: whether grey levels are whole numbers.
        limits: grey levels that no pixel exceeds; None if there are none.
        is_stretched: whether the extremes of each image were moved to the limits; not where
            brighter pixels were cut off, since no pixel tells how far the others were moved.
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
        limits = (float(info.min), ceiling if is_cut_off(images) else float(info.max))
    elif several and max(at_floor, at_ceiling) >= _HALF or is_cut_off(images):
        reach = ceiling - floor
        limits = (floor if at_floor >= _HALF else floor - reach,
                  ceiling if at_ceiling >= _HALF or is_cut_off(images) else ceiling + reach)
    return Intensities(is_whole, limits, is_stretched, at_ceiling if several else 0.0)


def is_cut_off(images: Sequence[np.ndarray]) -> bool:
    """Return whether pixels pile up at the brightest grey level of several images.

    Cameras of 10 or 12 bits saturate below the limit of the type that their images are saved in.

    Example:
        >>> image = np.random.default_rng(0).poisson(4000, (8, 8))
        >>> is_cut_off([image, image]), is_cut_off([np.minimum(image, 4000)] * 2)
        (False, True)
    """
    highest = max(float(image.max()) for image in images)
    counts = [int(np.count_nonzero(image == highest)) for image in images]
    below = [float(image[image < highest].max()) for image in images if image.min() < highest]
    if not below or sum(count >= _LEAST_CUT_OFF for count in counts) < 2:
        return False
    number_below = sum(int(np.count_nonzero(image == max(below))) for image in images)
    return sum(counts) > _PILE * number_below
