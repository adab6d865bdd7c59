"""`restore.py --method=filter`: z-stacks sharpened without a network."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from microgan.config import RestoreConfig
from microgan.datasets.grey_images import check_numeric
from microgan.datasets.paired_arrays import MIN_SIDE_PX, check_values
from microgan.datasets.z_stacks import MIN_DEPTH
from microgan.errors import UserError
from microgan.files.names import shown
from microgan.programs.restored_file import tell_written
from microgan.restoration.image_files import open_image_file
from microgan.restoration.planes import to_type
from microgan.restoration.stored_images import ImageFile, Scratch


def check_stacks(path: Path, file: ImageFile) -> None:
    """Refuse files that hold anything but grey z-stacks.

    Args:
        path: of the file.
        file: opened.

    Raises:
        UserError: names file, axes or size, and remedy.
    """
    for image in file.images:
        long = "".join(axis for axis, length in zip(image.axes, image.pixels.shape) if length > 1)
        if long != "ZYX":
            raise UserError(
                f"{path} has axes {image.axes} of lengths {image.pixels.shape}, but "
                "--method=filter sharpens grey z-stacks. Pass --axes=ZYX if it is one, save "
                "each channel and time point as a file, name a --generator or, for images, a "
                "folder of pairs with --data_dir.")
        depth, *size = (length for length in image.pixels.shape if length > 1)
        if depth < MIN_DEPTH or min(size) < MIN_SIDE_PX:
            raise UserError(
                f"{path} has {depth} slices of {size[0]} x {size[1]} pixels: "
                f"--method=filter needs at least {MIN_DEPTH} of {MIN_SIDE_PX} x {MIN_SIDE_PX}.")


def filter_file(path: Path, target: Path, config: RestoreConfig) -> None:
    """Fit a filter to each stack of a file, apply it, and write a file like the one read.

    Args:
        path: of the file.
        target: of the one to write.
        config: of the program.

    Raises:
        UserError: see `check_stacks`; or pixels are not finite real numbers or all equal.
    """
    from microgan.estimation.stack_filters import choose_filter  # loads much of scipy

    with open_image_file(path, axes=config.axes) as file, contextlib.ExitStack() as parts:
        check_stacks(path, file)
        pixel, step = (size or 0.0 for size in file.voxel_size_um)
        if not (pixel and step):
            print(f"{shown(path)}: voxels of unknown size are taken for cubes.")
        restored = []
        for image in file.images:
            whole = image.pixels[(slice(None),) * len(image.axes)]
            stack = whole.reshape([length for length in whole.shape if length > 1])
            check_numeric(stack, path)
            check_values(stack, path)
            chosen = choose_filter(stack, step_px=step / pixel if pixel and step else 1.0)
            print(f"{shown(path)}: {chosen.name} filter, {chosen.setting}.", flush=True)
            dtype = np.dtype(whole.dtype if config.output_type == "same" else config.output_type)
            part = parts.enter_context(Scratch(target.parent, whole.shape, dtype))
            part[(slice(None),) * whole.ndim] = to_type(
                chosen.sharpen(stack), dtype)[0].reshape(whole.shape)
            restored.append(part)
        file.write_like(target, restored)
    tell_written(file, path, target)
