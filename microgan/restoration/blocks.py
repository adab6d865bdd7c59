"""Blocks of an image that other processes restore, each with what its network must see."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from microgan.datasets.paired_arrays import MIN_SIDE_PX
from microgan.errors import UserError
from microgan.restoration.loaded_from import LoadedFrom, load_once
from microgan.restoration.restorer import Restorer
from microgan.restoration.tiles import Tile

# Unless the restorer has a largest tile: at most 1.2 GB in the limited recipe's network.
_SIDE_PX = 1024


def refuse_unless_blockwise(restorer: Restorer, task: str | None,
                            nodata: float | None = None) -> LoadedFrom:
    """Return where workers load a restorer from.

    Args:
        restorer: to be loaded by them.
        task, nodata: as in a call.

    Raises:
        UserError: its result depends on more of an image than the surroundings of each pixel,
            or it was not loaded from a file.
    """
    reason = needs_whole_image(restorer, task, nodata)
    if reason is not None:
        raise UserError(f"The image cannot be restored block by block: {reason}.")
    if restorer.loaded_from is None:
        raise UserError("Only a restorer that load_restorer has loaded from a file can be loaded "
                        "by other processes.")
    # A block goes through the network as one.
    return dataclasses.replace(restorer.loaded_from, tile=None)


def needs_whole_image(restorer: Restorer, task: str | None,
                      nodata: float | None = None) -> str | None:
    """Say why the blocks of an image would not fit together; None if they do.

    Args:
        restorer: a generator.
        task, nodata: as in a call.
    """
    info = restorer.info
    if not info.tasks:
        return ("the generator has no tasks, so the result's brightness comes from the whole "
                "image; train on pairs of your own")
    if info.base is not None:
        return "the filter before the network needs dark and full light of the whole stack"
    if info.upsample > 1:
        return "the generator enlarges images"
    if info.method == "cin_gan":
        return "the defects that the generator adds depend on the whole image"
    if restorer.num_passes > 1:
        return ("the generator's instance norms take mean and deviation of the whole image; "
                "train with --recipe=limited, whose network has none")
    if task is None and len(info.tasks) > 1:
        return ("without a task, intensity constants are percentiles of the whole image; name "
                f"--task={' or --task='.join(info.tasks)}")
    if nodata is not None:
        return "the median of the whole image fills in for missing pixels"
    return None


def block_margin(restorer: Restorer) -> tuple[int, ...]:
    """Return the pixels that a network sees around a block, along each of its axes."""
    return tuple(-(-margin // multiple) * multiple
                 for margin, multiple in zip(restorer.margin, restorer.multiple))


def block_lengths(restorer: Restorer, shape: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Cut a plane, or volume, into blocks of about equal size.

    Blocks begin where the strides of the network do, and none is smaller than the margin.

    Args:
        restorer: its tile, or 1024 pixels, is the largest side; more if the margin is.
        shape: of the plane.

    Returns:
        Along each axis, the length of each block.
    """
    return tuple(_cut(length, restorer.tile or _SIDE_PX, max(margin, MIN_SIDE_PX), multiple)
                 for length, margin, multiple in zip(shape, block_margin(restorer),
                                                     restorer.multiple))


def _cut(length: int, side: int, least: int, multiple: int) -> tuple[int, ...]:
    count = -(-length // max(side, least))
    step = -(-max(-(-length // count), least) // multiple) * multiple
    lengths = [min(step, length - start) for start in range(0, length, step)]
    if len(lengths) > 1 and lengths[-1] < least:
        lengths[-2:] = [lengths[-2] + lengths[-1]]
    return tuple(lengths)


def plane_blocks(restorer: Restorer, shape: Sequence[int]) -> list[Tile]:
    """Return the blocks of `block_lengths`, each with its margin."""
    along = []
    for lengths, margin, whole in zip(block_lengths(restorer, shape), block_margin(restorer),
                                      shape):
        ends = list(itertools.accumulate(lengths))
        along.append([(slice(end - length, end), slice(max(0, end - length - margin),
                                                       min(whole, end + margin)))
                      for end, length in zip(ends, lengths)])
    return [Tile(tuple(core for core, _ in pieces), tuple(outer for _, outer in pieces))
            for pieces in itertools.product(*along)]


def restore_part(source: LoadedFrom, part: np.ndarray, *, axes: str, task: str) -> np.ndarray:
    """Restore a block with its margin, in the process that calls this.

    Args:
        source: of the restorer, which is loaded once in each process.
        part: of an image.
        axes: of it.
        task: whose intensity constants to use.

    Returns:
        float64, shape of `part`, neither rounded nor clipped.
    """
    restored = np.empty(part.shape)
    load_once(source).restore_into(restored, part, axes=axes, task=task,
                                   report=lambda line: None)
    return restored
