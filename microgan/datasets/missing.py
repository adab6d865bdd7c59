"""Pixels without a measurement: NaN, and the numbers that programs write instead."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

# The sum of 2**24 exposures of 16 bits is 1.1e12. Marks of missing data beyond it: the limits of
# 32 and 64 bit floating point (GDAL, Fiji's stitching), 9.97e36 (netCDF), 1e20.
_LARGEST_MEASURED = 1e12
# Marks of missing data within the range of measurements: GDAL, ESRI, NASA, 16 and 32 bit limits.
_MARKS = (-999.0, -9999.0, -99999.0, -32767.0, -32768.0, -2.0**31)


class Unmeasured(NamedTuple):
    """Pixels that no camera has measured.

    Args:
        text: their number and what they hold.
        mark: the value they hold, as given to a flag.
        may_be_measured: whether cameras may measure that value.
    """

    text: str
    mark: str
    may_be_measured: bool = False


def is_missing(values: np.ndarray, nodata: float | None) -> np.ndarray:
    """Find the pixels that the user declares missing.

    Args:
        values: integers or real floating-point numbers, any shape.
        nodata: the value they hold, rounded to the type of `values`, or NaN; None for no
            pixel.

    Returns:
        Boolean array of the shape of `values`.
    """
    if nodata is None:
        return np.zeros(values.shape, bool)
    if values.dtype.kind != "f":
        return np.asarray(values == nodata)
    if math.isnan(nodata):
        return np.isnan(values)
    if math.isfinite(nodata) and abs(nodata) > float(np.finfo(values.dtype).max):
        return np.zeros(values.shape, bool)
    return np.asarray(values == values.dtype.type(nodata))


def find_unmeasured(parts: Iterable[np.ndarray], nodata: float | None = None) -> Unmeasured | None:
    """Find pixels that no camera can have measured, in an image that can hold such numbers.

    These hold NaN, infinity or numbers beyond 1e12; also -9999, -32768 or other usual marks of
    missing data, if they are farther from all other values than those are from each other.
    With `nodata`, that value is accepted and such marks are not searched for.

    Args:
        parts: of the image, any shapes; each is read once.
        nodata: what missing pixels hold, as in `is_missing`.

    Returns:
        What was found; None if nothing was, and of unsigned integers, which are measured: the
        largest is saturation.

    Source:
        ours.
    """
    num_nan = num_infinite = num_far = 0
    infinite: object = None
    far: object = None
    marks: Counter[float] = Counter()
    low, high = math.inf, -math.inf
    for part in parts:
        if part.dtype.kind == "u":
            return None
        values = part[~is_missing(part, nodata)]
        finite = values[np.isfinite(values)]
        nan = int(np.count_nonzero(np.isnan(values)))
        num_nan += nan
        if values.size > finite.size + nan:
            infinite = values[np.isinf(values)][0]
            num_infinite += values.size - finite.size - nan
        # Both ends, since the smallest integer has no absolute value.
        largest = min(_LARGEST_MEASURED, float(_limits(part.dtype).max))
        far_off = (finite > largest) | (finite < -largest - (part.dtype.kind == "i"))
        if far_off.any():
            far, num_far = finite[far_off][0], num_far + int(np.count_nonzero(far_off))
        elif finite.size:
            of_marks = np.isin(finite, _MARKS) & (finite < 0)
            marks.update(finite[of_marks].tolist())
            others = finite[~of_marks]
            if others.size:
                low, high = min(low, float(others.min())), max(high, float(others.max()))
    if num_nan:
        return Unmeasured(f"{_pixels(num_nan + num_infinite)} NaN or infinite", "nan")
    if num_infinite:
        return Unmeasured(f"{_pixels(num_infinite)} infinite", str(infinite))
    if num_far:
        return Unmeasured(f"{_pixels(num_far)} {far!s}, which no camera measures", str(far))
    if nodata is None and low <= high:
        for mark, count in marks.items():
            if low - mark > max(high - low, 0):
                return Unmeasured(f"{_pixels(count)} {mark:.0f}, far from all others: a usual "
                                  "mark of missing data", f"{mark:.0f}", may_be_measured=True)
    return None


def _limits(dtype: np.dtype) -> np.finfo | np.iinfo:
    return np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)


def _pixels(count: int) -> str:
    return "1 pixel is" if count == 1 else f"{count} pixels are"
