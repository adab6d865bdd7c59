"""The planes, or volumes, of an image that a generator restores one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from microgan.runtime.batching import refuse_not_finite
from microgan.datasets.missing import is_missing
from microgan.datasets.normalization import PERCENTILES
from microgan.errors import UserError
from microgan.restoration.kept_pixels import PART_PIXELS
from microgan.restoration.stored_images import Pixels
from microgan.restoration.tiles import parts

# Percentiles use at most this many pixels; more would not change them.
_SAMPLED_PIXELS = 2**24


class WritablePixels(Protocol):
    """An array that is written part by part, such as numpy's."""

    @property
    def dtype(self) -> Any:
        """Type of the values."""

    def __setitem__(self, index: Any, values: Any, /) -> None:
        """Set a part: one slice per axis, step 1."""


class Planes:
    """Reads and writes an image's planes.

    Args:
        shape: of the image.
        axes: of the image, one letter each.
        plane_axes: axes that a generator takes together, "YX" or "ZYX".

    Raises:
        UserError: the image lacks one of them, or has it twice.
    """

    def __init__(self, shape: Sequence[int], axes: str, plane_axes: str) -> None:
        missing = [axis for axis in plane_axes if axis not in axes]
        if missing:
            raise UserError(f"The generator restores {plane_axes} volumes, but an image with axes "
                            f"{axes} has no {missing[0]}. Name the axes with --axes.")
        if any(axes.count(axis) > 1 for axis in plane_axes):
            raise UserError(f"axes {axes} name one of {plane_axes} twice. Name them with --axes.")
        inner = [axes.index(axis) for axis in plane_axes]
        outer = [number for number in range(len(axes)) if number not in inner]
        self._order = [*outer, *inner]
        self.shape = tuple(shape[number] for number in inner)
        self.places = list(np.ndindex(*(shape[number] for number in outer)))
        self.everything = tuple(slice(0, length) for length in self.shape)

    def read(self, image: Pixels, place: tuple[int, ...], where: tuple[slice, ...]) -> np.ndarray:
        """Read a part of the plane at a place, its axes in the generator's order."""
        part = np.transpose(image[self._index(place, where)], self._order)
        return part.reshape(part.shape[len(place):])

    def write(self, target: WritablePixels, place: tuple[int, ...], where: tuple[slice, ...],
              values: np.ndarray) -> None:
        """Reverse `read`."""
        part = values.reshape(*[1] * len(place), *values.shape)
        target[self._index(place, where)] = np.transpose(part, np.argsort(self._order))

    def _index(self, place: tuple[int, ...], where: tuple[slice, ...]) -> tuple[slice, ...]:
        slices = [*(slice(number, number + 1) for number in place), *where]
        return tuple(slices[number] for number in np.argsort(self._order))


def percentiles(image: Pixels, nodata: float | None = None,
                shares: Sequence[float] = PERCENTILES) -> list[float]:
    """Return percentiles of an image's measured pixels, 0.1 and 99.9 by default.

    Images of more than 16 million pixels are sampled at even spacing.

    Args:
        image: with at least one measured pixel.
        nodata: what missing pixels hold, as in `datasets.missing.is_missing`.
        shares: in per cent.
    """
    step = -(-math.prod(image.shape) // _SAMPLED_PIXELS)
    seen, samples = 0, []
    for where in parts(image.shape, PART_PIXELS):
        values = image[where].ravel()
        if nodata is not None:
            values = values[~is_missing(values, nodata)]
        samples.append(values[-seen % step::step])
        seen += values.size
    return [float(value) for value in np.percentile(np.concatenate(samples), shares)]


def to_type(values: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, int]:
    """Convert values to an image's type: clip to its range, and round for integers.

    Args:
        values: float64, any shape.
        dtype: integer or floating-point.

    Returns:
        The converted array, and how many values were outside the type's range.

    Raises:
        UserError: values are NaN or infinite.
    """
    refuse_not_finite(values)
    if dtype.kind == "f":
        low, high = (float(limit) for limit in (np.finfo(dtype).min, np.finfo(dtype).max))
    else:
        values = np.rint(values)
        low, high = float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)
        if high > np.iinfo(dtype).max:  # 64 bits: the limit itself is not a float
            high = float(np.nextafter(high, 0))
    num_clipped = int(np.count_nonzero((values < low) | (values > high)))
    return np.clip(values, low, high).astype(dtype), num_clipped
