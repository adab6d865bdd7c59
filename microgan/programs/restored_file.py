"""One file of `restore.py`, from the opened file to the written one."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microgan.config import RestoreConfig
from microgan.datasets.enlarged import EnlargedPixels, enlarged_shape
from microgan.files.names import shown
from microgan.programs.trust_maps import TrustMaps
from microgan.restoration.channels import find_channel_tasks
from microgan.restoration.displayed import IntensityMap, intensity_map
from microgan.restoration.image_files import open_image_file
from microgan.restoration.pretrained import SEEN_NONE
from microgan.restoration.restorer import Restorer
from microgan.restoration.stored_images import ImageFile, Scratch
from microgan.runtime.progress import Progress

if TYPE_CHECKING:
    from microgan.restoration.dask_restorer import DaskRestorer

Say = Callable[[str], Any]


def _say(line: str) -> None:
    print(line, flush=True)


@contextlib.contextmanager
def collected(failures: dict[Path, Exception], path: Path) -> Iterator[None]:
    """Note why a file cannot be restored, and continue: even a bug must not cost the others."""
    try:
        yield
    except Exception as error:
        failures[path] = error


def restore_file(restorer: Restorer | DaskRestorer, trust_maps: TrustMaps | None, path: Path,
                 target: Path, config: RestoreConfig, *, say: Say = _say) -> None:
    """Restore one file.

    Args:
        restorer: of its images.
        trust_maps: that are written, too; None for none.
        path: of the file.
        target: to write.
        config: everything `restore.py` takes.
        say: called with lines for the user, but not with `SEEN_NONE`, which is said once for
            all files.

    Raises:
        UserError: as `Restorer.restore_into` and `ImageFile.write_like`.
    """
    with open_image_file(path, axes=config.axes) as file, contextlib.ExitStack() as parts:
        file.enlarged = restorer.info.upsample
        restored, maps = [], []
        for image in file.images:
            name = shown(f"{path} {image.label}".strip())
            if image.axes_are_assumed and len(image.axes) > 2:
                say(f"{name}: axes {image.axes} assumed; if they are others, pass --axes.")
            part = parts.enter_context(Scratch(
                target.parent, enlarged_shape(image.pixels.shape, image.axes, file.enlarged),
                image.pixels.dtype if config.output_type == "same" else config.output_type))
            channels = find_channel_tasks(restorer.info, image, config.task)
            chosen = [(part, image.pixels, config.task)]
            moved = [intensity_map(restorer.info, config.task)]
            if channels is not None:
                say(f"{name}: {channels.describe()}.")
                channels.leave_others(part, image.pixels if file.enlarged == 1 else
                                      EnlargedPixels(image.pixels, image.axes, file.enlarged))
                chosen = [(channels.view(part, number), channels.view(image.pixels, number), task)
                          for number, task in channels.chosen()]
                moved = [IntensityMap() if task is None else intensity_map(restorer.info, task)
                         for task in channels.tasks]
            progress = Progress(name).steps(len(chosen))
            for target_pixels, pixels, task in chosen:
                restorer.restore_into(
                    target_pixels, pixels, axes=image.axes, task=task, nodata=config.nodata,
                    seed=zlib.crc32(os.fsencode(f"{path.name} {image.label}")),
                    progress=next(progress),
                    report=lambda line: line == SEEN_NONE or say(f"{name}: {line}"))
            restored.append(part)
            maps.append(moved)
        file.write_like(target, restored, maps)
        if trust_maps is not None:
            trust_maps.write(file, target, restored, shown(path))
    tell_written(file, path, target, say)


def tell_written(file: ImageFile, path: Path, target: Path, say: Say = _say) -> None:
    """Say what the result of a file lacks, and where it is."""
    for loss in file.losses:
        say(f"{shown(path)}: {loss}.")
    say(f"{shown(path)}: restored into {shown(target)}")
