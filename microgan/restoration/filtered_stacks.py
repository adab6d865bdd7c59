"""The filter before a network that corrects it: applied to parts of stacks, and undone."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from microgan.datasets.normalization import PERCENTILES
from microgan.errors import UserError
from microgan.estimation.stack_base import apply_base, base_margin_px, blur_by_base, levels_of
from microgan.generator_file import GeneratorInfo
from microgan.restoration.checks import as_pixels, check_size
from microgan.restoration.planes import Planes, WritablePixels, percentiles, to_type
from microgan.restoration.stored_images import Pixels, choose_axes
from microgan.restoration.tiles import tile_grid
from microgan.simulation.fitted_microscope import StackBase

# A stack of at most the first number of voxels is filtered whole, a larger one in blocks of the
# second. Two rows of blocks are kept, since the network's tiles lie across them.
_WHOLE_VOXELS, _BLOCK_VOXELS = 8 * 10**6, 4 * 10**6


class FilteredStacks:
    """Reads an image's stacks as the filter of a generator makes them.

    Args:
        base: the filter.
        planes: of the image.
        image: with stacks of the filter's depth.

    Raises:
        UserError: the stacks have another depth.
    """

    def __init__(self, base: StackBase, planes: Planes, image: Pixels) -> None:
        check_depth(base, planes.shape[0])
        self._base, self._planes, self._image = base, planes, image
        depth, *lateral = planes.shape
        num_depths = math.ceil(depth * max(1.0, base.fit.microscope.z_step_um))
        is_whole = num_depths * math.prod(lateral) <= _WHOLE_VOXELS
        side = max(lateral) if is_whole else max(1, math.isqrt(_BLOCK_VOXELS // num_depths))
        self._blocks = tile_grid(lateral, side, [base_margin_px(base)] * 2, (1, 1))
        self._levels = functools.lru_cache(1)(self._measured_levels)
        self._filtered = functools.lru_cache(2 * -(-lateral[1] // side))(self._filtered_block)

    def read(self, place: tuple[int, ...], where: tuple[slice, ...]) -> np.ndarray:
        """Return a part of the filtered stack at a place, float32 (Z, Y, X)."""
        slices, *lateral = where
        part = np.empty([each.stop - each.start for each in where], np.float32)
        for number, block in enumerate(self._blocks):
            common = [slice(max(wanted.start, core.start), min(wanted.stop, core.stop))
                      for wanted, core in zip(lateral, block.core)]
            if all(each.start < each.stop for each in common):
                target, source = (
                    tuple(slice(each.start - whole.start, each.stop - whole.start)
                          for each, whole in zip(common, of)) for of in (lateral, block.core))
                part[(slice(None), *target)] = self._filtered(place, number)[(slices, *source)]
        return part

    def _filtered_block(self, place: tuple[int, ...], number: int) -> np.ndarray:
        block = self._blocks[number]
        measured = self._planes.read(self._image, place,
                                     (self._planes.everything[0], *block.outer))
        return apply_base(self._base, measured, self._levels(place))[(slice(None), *block.inner)]

    def _measured_levels(self, place: tuple[int, ...]) -> tuple[float, float]:
        low, high = percentiles(_OneStack(self._planes, self._image, place), None, PERCENTILES)
        return low, high


class FittedBlurrer:
    """Blurs sharpened stacks again as the microscope does that a generator's filter knows.

    Args:
        info: of a generator with a filter.

    Call arguments:
        image, axes: as for a `Restorer`; of the filter's depth.

    Returns:
        The blurred image, shape and type of `image`.

    Raises:
        UserError: the stacks have another depth, or the axes do not fit.
    """

    def __init__(self, info: GeneratorInfo) -> None:
        assert info.base is not None
        self.info, self._base = info, info.base

    def __call__(self, image: Any, *, axes: str | None = None) -> np.ndarray:
        pixels = as_pixels(image)
        blurred = np.empty(pixels.shape, pixels.dtype)
        self.restore_into(blurred, pixels, axes=axes)
        return blurred

    def restore_into(self, target: WritablePixels, image: Pixels, *, axes: str | None = None,
                     task: str | None = None, nodata: float | None = None,
                     report: Callable[[str], Any] = print,
                     progress: Callable[[float], Any] = lambda share: None) -> None:
        """Blur an image; arguments as for `Restorer.restore_into`. There is one task only."""
        planes = Planes(image.shape, choose_axes(image.shape, axes), self.info.axes)
        check_size(planes.shape)
        check_depth(self._base, planes.shape[0])
        for done, place in enumerate(planes.places, 1):
            stack = planes.read(image, place, planes.everything)
            blurred = blur_by_base(self._base, stack, levels_of(stack))
            planes.write(target, place, planes.everything,
                         to_type(blurred, np.dtype(target.dtype))[0])
            progress(done / len(planes.places))


def check_depth(base: StackBase, depth: int) -> None:
    """Raise `UserError` if stacks have another depth than those that a filter is for."""
    if depth != base.num_slices:
        raise UserError(
            f"The image has stacks of {depth} slices, but the generator sharpens stacks of "
            f"{base.num_slices}, focused at slice {base.fit.microscope.focal_plane + 1:.1f}, as "
            "those that it was trained on. Cut the stack to these slices, or train on stacks like "
            "it.")


class _OneStack:
    """A stack of an image, read part by part."""

    def __init__(self, planes: Planes, image: Pixels, place: tuple[int, ...]) -> None:
        self._planes, self._image, self._place = planes, image, place
        self.shape, self.dtype = planes.shape, image.dtype

    def __getitem__(self, index: Any, /) -> np.ndarray:
        return self._planes.read(self._image, self._place, index)
