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

# Pixels that are processed together: 32 MB of float64.
PART_PIXELS = 2**22
# Missing pixels get a mean of the measured ones around them, weighted by this Gaussian.
_SIGMA_PX = 4.0
_REACH_PX = 16
# With less weight of measured pixels than this, the image's level counts more.
_LEAST_WEIGHT = 1e-3


def check_pixels(image: Pixels, nodata: float | None) -> int:
    """Count the missing pixels of an image, part by part.

    Args:
        image: of any type and size.
        nodata: what missing pixels hold, as in `is_missing`.

    Raises:
        UserError: other pixels are NaN, infinite or beyond what cameras measure, or all
            are missing.
    """
    wheres = list(parts(image.shape, PART_PIXELS))
    found = find_unmeasured((image[where] for where in wheres), nodata)
    if found and nodata is not None:
        raise UserError(f"{found.text}, beside those of --nodata={nodata:.15g}. Only pixels of "
                        "one value are kept as they are: fix the others first.")
    if found:
        measured = "; if they were measured, pass --nodata=nan" if found.may_be_measured else ""
        raise UserError(f"{found.text}. Keep such pixels as they are with "
                        f"--nodata={found.mark}{measured}, or fix them first.")
    if nodata is None:
        return 0
    count = sum(int(np.count_nonzero(is_missing(image[where], nodata))) for where in wheres)
    if count == math.prod(image.shape):
        raise UserError(f"All pixels are {nodata:.15g}, which --nodata declares as missing.")
    return count


def refuse_unless_held(nodata: float, dtype: np.dtype) -> None:
    """Raise `UserError` for a type that cannot hold the value of missing pixels."""
    if dtype.kind == "f":
        held = not math.isfinite(nodata) or abs(nodata) <= float(np.finfo(dtype).max)
    else:
        limits = np.iinfo(dtype)
        held = (math.isfinite(nodata) and nodata == int(nodata)
                and limits.min <= nodata <= limits.max)
    if not held:
        raise UserError(f"{dtype} cannot hold --nodata={nodata:.15g}. Leave out --output_type, or "
                        "give a target that can.")


def read_filled(read: Callable[[tuple[slice, ...]], np.ndarray], where: tuple[slice, ...],
                shape: Sequence[int], nodata: float, level: float) -> np.ndarray:
    """Read a part of a plane or volume, its missing pixels filled in from around them.

    A pixel's value does not depend on the part: nothing beyond 16 pixels counts.

    Args:
        read: returns a part of it.
        where: the part.
        shape: of the whole.
        nodata: what missing pixels hold, as in `is_missing`.
        level: for pixels with nothing measured nearby.

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
        result: of a type that can hold them; written to. Other integers in it that equal
            `nodata` change by 1, so that they do not count as missing.
        measured: the image that was restored.
        nodata: as in `is_missing`.
    """
    missing = is_missing(measured, nodata)
    if result.dtype.kind in "iu":
        alike = is_missing(result, nodata) & ~missing
        result[alike] = nodata - 1 if nodata == np.iinfo(result.dtype).max else nodata + 1
    result[missing] = measured[missing]
