"""An image's blocks restored by the workers of a Dask cluster, each block once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from microgan.errors import UserError
from microgan.files.whole import written_whole
from microgan.restoration.blocks import plane_blocks, refuse_unless_blockwise, restore_part
from microgan.restoration.checks import check_size
from microgan.restoration.loaded_from import LoadedFrom, load_once
from microgan.restoration.planes import Planes, WritablePixels, to_type
from microgan.restoration.restorer import Restorer, describe_clipped, refuse_other_type
from microgan.restoration.stored_images import Pixels
from microgan.restoration.tiles import Tile


class DaskRestorer:
    """Restores the images of a file block by block, like a `Restorer`.

    Workers write blocks into a folder that they share. Blocks found there are not restored
    again, and those of a worker that dies are given to others.

    Args:
        restorer: which workers load, too; `needs_whole_image` must be None for its tasks.
        client: `distributed.Client`.
        folder: of the blocks of one file, whose images are restored in the same order each
            time.
    """

    def __init__(self, restorer: Restorer, client: Any, folder: Path) -> None:
        self.info = restorer.info
        self._restorer = restorer
        self._client = client
        self._folder = folder
        self._num_calls = 0

    def restore_into(self, target: WritablePixels, image: Pixels, *, axes: str,
                     task: str | None = None, nodata: float | None = None, seed: int = 0,
                     report: Callable[[str], Any] = print,
                     progress: Callable[[float], Any] = lambda share: None) -> None:
        """Restore an image; see `Restorer.restore_into`. Workers must be able to read it."""
        planes = Planes(image.shape, axes, self.info.axes)
        check_size(planes.shape)
        source = refuse_unless_blockwise(self._restorer, task, nodata)
        _, after = self._restorer.ranges(image, task, None, report)
        refuse_other_type(after, np.dtype(target.dtype))
        blocks = [(place, tile) for place in planes.places
                  for tile in plane_blocks(self._restorer, planes.shape)]
        paths = [self._folder / f"{self._num_calls}_{number}.npz" for number in range(len(blocks))]
        self._num_calls += 1
        # Listed: on a shared disk, a file once asked for in vain stays invisible for a while.
        found = set(os.listdir(self._folder))
        left = [number for number, path in enumerate(paths) if path.name not in found]
        num_clipped = 0

        def take(number: int) -> None:
            nonlocal num_clipped
            place, tile = blocks[number]
            with np.load(paths[number]) as stored:
                planes.write(target, place, tile.core, stored["values"])
                num_clipped += int(stored["num_clipped"])

        if len(left) < len(blocks):
            report(f"{len(blocks) - len(left)} of {len(blocks)} blocks were restored before.")
        for number in set(range(len(blocks))).difference(left):
            take(number)
        # A task, not scattered: the copy of a worker that dies is made again.
        pixels = self._client.submit(_itself, image, pure=False)
        futures = {self._client.submit(
            _restore_block, source, pixels, axes, *blocks[number],
            task=task or self.info.tasks[0], dtype=np.dtype(target.dtype), path=paths[number],
            pure=False): number for number in left}
        try:
            for done, future in enumerate(completed(futures), len(blocks) - len(left) + 1):
                outcome(future)
                take(futures[future])
                progress(done / len(blocks))
        finally:
            self._client.cancel(list(futures))
        if num_clipped:
            report(describe_clipped(num_clipped, image, np.dtype(target.dtype)))


def completed(futures: Any) -> Any:
    """Yield futures as they end."""
    import distributed

    return distributed.as_completed(futures)


def outcome(future: Any) -> Any:
    """Return a future's result.

    Raises:
        UserError: the work killed worker after worker, or the cluster is gone; or what the work
            raised.
    """
    import distributed
    from distributed.client import CancelledError

    try:
        return future.result()
    except distributed.KilledWorker as error:
        raise UserError("One worker after the other died of this work, most likely for want of "
                        "memory. Use fewer workers on a machine, or smaller blocks with --tile."
                        ) from error
    except (CancelledError, distributed.comm.CommClosedError) as error:
        raise UserError("The Dask cluster has stopped. Start it and run the same command again: "
                        "what is finished is not done again.") from error


def _itself(image: Pixels) -> Pixels:
    return image


def _restore_block(source: LoadedFrom, image: Pixels, axes: str, place: tuple[int, ...],
                   tile: Tile, *, task: str, dtype: np.dtype, path: Path) -> None:
    """Restore a block of an image and write it, on a worker."""
    plane_axes = load_once(source).info.axes
    part = Planes(image.shape, axes, plane_axes).read(image, place, tile.outer)
    restored = restore_part(source, part, axes=plane_axes, task=task)[tile.inner]
    values, num_clipped = to_type(restored, dtype)
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, values=values, num_clipped=num_clipped)
