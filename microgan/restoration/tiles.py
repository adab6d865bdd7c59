"""Cut an image into overlapping tiles."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tile:
    """A part of an image, and what a network must see to restore it.

    Args:
        core: what is kept of the result; the cores of all tiles cover the image once.
        outer: the core and a margin around it, within the image.
    """

    core: tuple[slice, ...]
    outer: tuple[slice, ...]

    @property
    def inner(self) -> tuple[slice, ...]:
        """The core's place within `outer`."""
        return tuple(slice(core.start - outer.start, core.stop - outer.start)
                     for core, outer in zip(self.core, self.outer))


def tile_grid(shape: Sequence[int], side: int, margin: Sequence[int],
              multiple: Sequence[int]) -> list[Tile]:
    """Cut an image into tiles of about equal size.

    Args:
        shape: of the image.
        side: largest length of a core along each axis, in pixels; rounded up to
            `multiple`.
        margin: pixels to see around a core, along each axis; rounded up to `multiple`.
        multiple: along each axis; tiles begin at multiples of it, so that the steps of a
            strided network fall on the same pixels in every tile.

    Returns:
        The tiles, in C order.
    """
    axes = [_cut(*of_axis) for of_axis in zip(shape, [side] * len(shape), margin, multiple)]
    return [Tile(tuple(core for core, _ in parts), tuple(outer for _, outer in parts))
            for parts in itertools.product(*axes)]


def grid_size(shape: Sequence[int], side: int, margin: Sequence[int],
              multiple: Sequence[int]) -> tuple[int, int]:
    """Return the number of tiles of a `tile_grid`, and the pixels of the largest with margin."""
    axes = [_cut(*of_axis) for of_axis in zip(shape, [side] * len(shape), margin, multiple)]
    return (math.prod(map(len, axes)),
            math.prod(max(outer.stop - outer.start for _, outer in parts) for parts in axes))


def _cut(length: int, side: int, margin: int, multiple: int) -> list[tuple[slice, slice]]:
    """Return the cores and outer stretches of one axis."""
    margin = _round_up(margin, multiple)
    count = -(-length // _round_up(side, multiple))
    step = _round_up(-(-length // count), multiple)
    cores = [slice(start, min(start + step, length)) for start in range(0, length, step)]
    return [(core, slice(max(core.start - margin, 0), min(core.stop + margin, length)))
            for core in cores]


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def parts(shape: Sequence[int], max_pixels: int) -> Iterator[tuple[slice, ...]]:
    """Cut an image into slabs, in C order, to process all pixels in little memory.

    Args:
        shape: of the image.
        max_pixels: of a slab, >= 1.
    """
    inner, axis = 1, len(shape)
    while axis > 0 and inner * shape[axis - 1] <= max_pixels:
        axis -= 1
        inner *= shape[axis]
    if axis == 0:
        yield tuple(slice(0, length) for length in shape)
        return
    step = max(1, max_pixels // inner)
    rest = tuple(slice(0, length) for length in shape[axis:])
    for place in itertools.product(*(range(length) for length in shape[:axis - 1])):
        before = tuple(slice(number, number + 1) for number in place)
        for start in range(0, shape[axis - 1], step):
            yield (*before, slice(start, min(start + step, shape[axis - 1])), *rest)
