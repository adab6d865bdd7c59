"""Images of any size as Dask arrays, restored block by block wherever Dask computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgan.errors import UserError
from microgan.restoration.blocks import (
    block_lengths, block_margin, refuse_unless_blockwise, restore_part)
from microgan.restoration.checks import check_call, check_numbers, check_size, check_task
from microgan.restoration.loaded_from import LoadedFrom
from microgan.restoration.planes import Planes, to_type
from microgan.restoration.restorer import Restorer, refuse_other_type
from microgan.restoration.stored_images import choose_axes


def restore_lazily(restorer: Restorer, image: Any, *, axes: str | None,
                   task: str | None) -> Any:
    """Describe the work of restoring an image; see `Restorer.restore_dask`."""
    try:
        import dask.array
    except ImportError as error:
        raise UserError("restore_dask needs an extra: pip install 'microgan[dask]'.") from error
    array = dask.array.asarray(image)
    check_numbers(array, "The image")
    if any(length != length for length in array.shape):
        raise UserError("The Dask array does not know its shape. Call its compute_chunk_sizes() "
                        "first.")
    check_call(axes, None, 0)
    axes = choose_axes(array.shape, axes)
    check_task(restorer.info, task)
    planes = Planes(array.shape, axes, restorer.info.axes)
    check_size(planes.shape)
    source = refuse_unless_blockwise(restorer, task)
    task = task or restorer.info.tasks[0]
    refuse_other_type(restorer.info.ranges(task)[1], array.dtype)
    lengths = dict(zip(restorer.info.axes, block_lengths(restorer, planes.shape)))
    chunks = tuple(lengths.get(axis, (1,) * length) for axis, length in zip(axes, array.shape))
    margins = dict(zip(restorer.info.axes, block_margin(restorer)))
    depth = {number: margins.get(axis, 0) if len(chunks[number]) > 1 else 0
             for number, axis in enumerate(axes)}
    return dask.array.map_overlap(
        _restore_block, array.rechunk(chunks), depth=depth, boundary="none",
        allow_rechunk=False, dtype=array.dtype, meta=np.empty((0,) * array.ndim, array.dtype),
        source=source, letters=axes, task=task)


def _restore_block(block: np.ndarray, *, source: LoadedFrom, letters: str,
                   task: str) -> np.ndarray:
    return to_type(restore_part(source, block, axes=letters, task=task), block.dtype)[0]
