"""What the widget that trains hands to the training, and reads from its run folder."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from microgan.errors import UserError
from microgan.files.names import check_task_name
from microgan.files.whole import make_folder, written_whole
from microgan.napari_plugin.layers import axes_of, choose_channel
from microgan.restoration.planes import Planes

if TYPE_CHECKING:
    from napari.layers import Image

    from microgan.napari_plugin.layers import LayerPixels

RUN_FOLDER = "Microscopy_cGAN_results"
# Within the folder of the training, beside its run folder.
_IMAGES = "images"
# What is lost if napari is killed.
_CHECKPOINT_MINUTES = 1
_PROGRESS = re.compile(r"update (\d+)/(\d+)")


def task_name(layer_name: str) -> str:
    """Return a layer's name as the name of a task."""
    return re.sub(r"\W+", "_", layer_name).strip("_") or "Images"


def write_pairs(folder: Path, name: str, degraded: Image, clean: Image | None) -> Path:
    """Write the planes of layers as a training reads them, unless they are there already.

    Args:
        folder: of the training.
        name: of the task.
        degraded: whose YX planes are images.
        clean: of the same shape; None if there are only degraded images.

    Returns:
        The folder of the files.

    Raises:
        UserError: the name is not allowed; the layers have channels or differ in shape; or a
            run in the folder began with other images.
    """
    name = check_task_name(name)
    if "," in name:
        raise UserError(f"The name '{name}' has a comma: choose another.")
    halves = {"X": _planes_of(degraded)}
    if clean is not None:
        halves["Y"] = _planes_of(clean)
        if halves["X"][0].shape != halves["Y"][0].shape:
            raise UserError(
                f"Layer '{degraded.name}' has shape {halves['X'][0].shape}, but '{clean.name}' "
                f"{halves['Y'][0].shape}: choose two layers whose planes are pairs.")
    images = folder / _IMAGES
    make_folder(images, "folder")
    for letter, (pixels, planes) in halves.items():
        path = images / f"{name}_{letter}.npy"
        if path.exists() and _are_in(path, pixels, planes):
            continue
        if (folder / RUN_FOLDER).exists():
            raise UserError(f"The training in {folder} began with other images than these layers. "
                            "Choose another folder, or the layers that it began with.")
        with written_whole(path) as temporary:
            target = np.lib.format.open_memmap(
                temporary, "w+", pixels.dtype, (len(planes.places), *planes.shape))
            for number, place in enumerate(planes.places):
                target[number] = planes.read(pixels, place, planes.everything)
            target.flush()
    return images


def _planes_of(layer: Image) -> tuple[LayerPixels, Planes]:
    axes = axes_of(layer)
    if "C" in axes:
        raise UserError(f"Layer '{layer.name}' has channels, axes {axes}: split them into layers "
                        "first (right-click it, Split Stack or Split RGB).")
    pixels, axes = choose_channel(layer, axes, None)
    return pixels, Planes(pixels.shape, axes, "YX")


def _are_in(path: Path, pixels: LayerPixels, planes: Planes) -> bool:
    stored = np.load(path, mmap_mode="r")
    return (stored.shape == (len(planes.places), *planes.shape) and stored.dtype == pixels.dtype
            and all(np.array_equal(plane, planes.read(pixels, place, planes.everything))
                    for plane, place in zip(stored, planes.places)))


def command(folder: Path, data_dir: Path, task: str | None, num_iters: int) -> list[str]:
    """Return the command that starts a training or goes on with it.

    Args:
        folder: in which the run folder is or will be.
        data_dir: of the images.
        task: the only one to train; None for all in `data_dir`.
        num_iters: updates of the whole training.
    """
    return [sys.executable, "-m", "microgan.cli.train_cgan", "--recipe=limited", "--resume",
            f"--dir={folder}", f"--data_dir={data_dir}", f"--num_iters={num_iters}",
            f"--checkpoint_minutes={_CHECKPOINT_MINUTES}",
            *([f"--datasets={task}"] if task else [])]


def length_of_run(folder: Path) -> int | None:
    """Return the updates of the training in a folder; None if there is none."""
    try:
        record = json.loads((folder / RUN_FOLDER / "config.json").read_text(encoding="utf-8"))
        return int(record["config"]["num_iters"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def share_done(line: str) -> float | None:
    """Return the share of a training that a line which it printed says is done, if any."""
    match = _PROGRESS.search(line)
    return int(match[1]) / int(match[2]) if match else None


def pictures(folder: Path) -> Sequence[Path]:
    """Return the newest pictures of the training in a folder: curves, and validation images."""
    run = folder / RUN_FOLDER
    return [*([run / "history.png"] if (run / "history.png").exists() else []),
            *sorted((run / "samples").glob("update_*.png"))[-1:]]
