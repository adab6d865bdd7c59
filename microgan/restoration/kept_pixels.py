"""Missing pixels of an image: filled for the network, kept in the result."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from microgan.datasets.missing import find_unmeasured, is_missing
from microgan.errors import UserError
from microgan.restoration.stored_images import Pixels
from microgan.restoration.tiles import parts

# Pixels that are looked at together: 32 MB of float64.
PART_PIXELS = 2**22
# Missing pixels are filled with the mean of the measured ones around, by a Gaussian so wide.
_SIGMA_PX = 4.0
_REACH_PX = 16
# Beside fewer measured pixels than this share the image's level counts more.
_LEAST_WEIGHT = 1e-3


def check_pixels(image: Pixels, nodata: float | None) -> int:
    """Go through an image, part by part, and count its missing pixels.

    Args:
        image: of any type and size.
        nodata: what missing pixels hold, as in `is_missing`.

    Raises:
        UserError: other pixels are NaN, infinite, or what no camera measures, or all are
            missing.
    """
    wheres = list(parts(image.shape, PART_PIXELS))
    found = find_unmeasured((image[where] for where in wheres), nodata)
    if found:
        measured = "; if they were measured, pass --nodata=nan" if found.may_be_measured else ""
        raise UserError(f"{found.text}. Keep such pixels as they are with "
                        f"--nodata={found.mark}{measured}, or fix them first.")
    if nodata is None:
        return 0
    count = sum(int(np.count_nonzero(is_missing(image[where], nodata))) for where in wheres)
    if count == math.prod(image.shape):
        raise UserError(f"All pixels are {nodata:g}, which --nodata says is missing data.")
    return count


def refuse_unless_held(nodata: float, dtype: np.dtype) -> None:
    """Refuse a type that cannot hold what missing pixels are.

    Raises:
        UserError: it is such a type.
    """
    if dtype.kind == "f":
        held = not math.isfinite(nodata) or abs(nodata) <= float(np.finfo(dtype).max)
    else:
        limits = np.iinfo(dtype)
        held = (math.isfinite(nodata) and nodata == int(nodata)
                and limits.min <= nodata <= limits.max)
    if not held:
        raise UserError(f"{dtype} cannot hold --nodata={nodata:g}. Leave out --output_type, or "
                        "give a target that can.")


def read_filled(read: Callable[[tuple[slice, ...]], np.ndarray], where: tuple[slice, ...],
                shape: Sequence[int], nodata: float, level: float) -> np.ndarray:
    """Read a part of a plane or volume, its missing pixels filled with what is around them.

    The result is the same whatever the part, since nothing further than 16 pixels counts.

    Args:
        read: gives a part of it.
        where: the part.
        shape: of it all.
        nodata: what missing pixels hold, as in `is_missing`.
        level: of pixels with nothing measured near them.

    Returns:
        float64 array where pixels are missing, otherwise of the image's type.

    Source:
        ours, after normalised convolution (Knutsson and Westin 1993).
    """
    wide = tuple(slice(max(0, part.start - _REACH_PX), min(length, part.stop + _REACH_PX))
                 for part, length in zip(where, shape))
    inner = tuple(slice(part.start - wider.start, part.stop - wider.start)
                  for part, wider in zip(where, wide))
    values = read(wide)
    missing = is_missing(values, nodata)
    if not missing[inner].any():
        return values[inner]
    values = values.astype(np.float64) - level
    values[missing] = 0
    around, weight = (ndimage.gaussian_filter(
        each, _SIGMA_PX, mode="constant", radius=_REACH_PX)
        for each in (values, (~missing).astype(np.float64)))
    return level + np.where(missing, around / (weight + _LEAST_WEIGHT), values)[inner]


def keep_missing(result: np.ndarray, measured: np.ndarray, nodata: float) -> None:
    """Put missing pixels back into a result.

    Args:
        result: of a type that can hold them; written to. Its other integers that happen to be
            `nodata` become the next one, or they would be taken for missing.
        measured: what the result was made from.
        nodata: as in `is_missing`.
    """
    missing = is_missing(measured, nodata)
    if result.dtype.kind in "iu":
        alike = is_missing(result, nodata) & ~missing
        result[alike] = nodata - 1 if nodata == np.iinfo(result.dtype).max else nodata + 1
    result[missing] = measured[missing]
