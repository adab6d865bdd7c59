"""Pixels that hold no measurement: NaN, and the numbers that programs write in its place."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

# The sum of 2**24 exposures of 16 bits is 1.1e12. What marks missing data beyond it: the ends
# of 32 and 64 bit floating point (GDAL, Fiji's stitching), 9.97e36 (netCDF), 1e20.
_LARGEST_MEASURED = 1e12
# Marks of missing data that could be measured, too: of GDAL, ESRI, NASA, 16 and 32 bit programs.
_MARKS = (-999.0, -9999.0, -99999.0, -32767.0, -32768.0, -2.0**31)


class Unmeasured(NamedTuple):
    """Pixels that no camera has measured.

    Args:
        text: how many they are, and what.
        mark: the number they hold, as a flag's value.
        may_be_measured: whether cameras may measure that number.
    """

    text: str
    mark: str
    may_be_measured: bool = False


def is_missing(values: np.ndarray, nodata: float | None) -> np.ndarray:
    """Which pixels the user calls missing.

    Args:
        values: integers or real floating-point numbers, any shape.
        nodata: what they hold, rounded to the type of `values`; NaN for those that are NaN,
            None for no pixel.

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
    """Find pixels that no camera can have measured, in a floating-point image.

    These are NaN, infinity, and numbers beyond 1e12. So are -9999, -32768 and other usual
    marks of missing data, if no other pixel comes near them: nearer than the others' own range
    is long. A given `nodata` is neither refused nor are such marks looked for.

    Args:
        parts: of the image, any shapes; each is looked at once.
        nodata: what missing pixels hold, as in `is_missing`.

    Returns:
        What was found; None if nothing was, and of integers, which can all be measured.

    Source:
        ours.
    """
    num_not_finite = num_far = 0
    far: object = None
    marks: Counter[float] = Counter()
    low, high = math.inf, -math.inf
    for part in parts:
        if part.dtype.kind != "f":
            return None
        values = part[~is_missing(part, nodata)]
        finite = values[np.isfinite(values)]
        num_not_finite += values.size - finite.size
        far_off = np.abs(finite) > min(_LARGEST_MEASURED, float(np.finfo(part.dtype).max))
        if far_off.any():
            far, num_far = finite[far_off][0], num_far + int(np.count_nonzero(far_off))
        elif finite.size:
            of_marks = np.isin(finite, _MARKS) & (finite < 0)
            marks.update(finite[of_marks].tolist())
            others = finite[~of_marks]
            if others.size:
                low, high = min(low, float(others.min())), max(high, float(others.max()))
    if num_not_finite:
        return Unmeasured(f"{_pixels(num_not_finite)} NaN or infinite", "nan")
    if num_far:
        return Unmeasured(f"{_pixels(num_far)} {far!s}, which no camera measures", str(far))
    if nodata is None and low <= high:
        for mark, count in marks.items():
            if low - mark > max(high - low, 0):
                return Unmeasured(f"{_pixels(count)} {mark:.0f}, far from all others: a usual "
                                  "mark of missing data", f"{mark:.0f}", may_be_measured=True)
    return None


def _pixels(count: int) -> str:
    return "1 pixel is" if count == 1 else f"{count} pixels are"
