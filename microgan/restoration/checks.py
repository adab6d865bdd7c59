"""Checks of what a generator is asked to do."""

from __future__ import annotations

import dataclasses
import importlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from microgan.datasets.paired_arrays import MIN_SIDE_PX
from microgan.errors import UserError, one_line
from microgan.generator_file import GeneratorInfo
from microgan.networks.registry import find_network
from microgan.runtime.precision import PRECISIONS
from microgan.runtime.startup import held_back_stderr
from microgan.restoration.stored_images import Pixels, check_numbers

# Stacks are padded by reflection to a multiple of this.
_MIN_DEPTH = 4


def check_task(info: GeneratorInfo, task: str | None) -> None:
    """Raise `UserError`, listing the known tasks, if one is unknown or needed but missing."""
    if task is None and len(info.tasks) > 1 and info.method == "cin_gan":
        raise UserError("The generator adds defects: choose one with "
                        f"--task={' or --task='.join(info.tasks)}.")
    if task is not None and not info.tasks:
        raise UserError(f"The generator was pretrained for any image and knows no tasks: leave "
                        f"out --task={task}.")
    if task is not None and task not in info.tasks:
        raise UserError(f"The generator does not know the task '{task}'. It was trained on "
                        f"{', '.join(info.tasks)}: choose with --task.")


def choose_augmentation(info: GeneratorInfo, wanted: bool | None) -> GeneratorInfo:
    """Turn test-time augmentation on or off, or keep the training's choice.

    A change leaves no bounds of errors, which were measured without it.

    Args:
        info: of the generator.
        wanted: on, off, or None.

    Raises:
        UserError: the generator has none.
    """
    if wanted is None:
        return info
    if wanted and not info.can_augment:
        raise UserError("--test_time_augmentation is for the U-Net of train_cGAN.py; this is the "
                        f"{info.network} of a {info.method} generator. Leave it out.")
    if wanted == info.test_time_augmentation:
        return info
    return dataclasses.replace(info, test_time_augmentation=wanted, error_bounds={})


def why_not_onnx(info: GeneratorInfo, precision: str) -> str | None:
    """Say why ONNX Runtime cannot restore by a generator, and the remedy; None if it can.

    Args:
        info: of the generator.
        precision: that is asked for.
    """
    unsuited = unsuited_to_onnx(info, precision)
    if unsuited is not None:
        return unsuited
    missing = why_not_loaded()
    return None if missing is None else (
        f"ONNX Runtime cannot be loaded ({missing}): pip install 'microgan[onnx]', or leave out "
        "--backend=onnx")


def unsuited_to_onnx(info: GeneratorInfo, precision: str) -> str | None:
    """As `why_not_onnx`, wherever it is installed."""
    network = find_network(info.method, info.network)
    if network is None or network.write is None or not network.is_local:
        return (f"ONNX Runtime restores by the U-Net of train_cGAN.py and the residual network of "
                f"train_zsegan.py; this is the {info.network} of a {info.method} generator: "
                "leave out --backend=onnx")
    if precision == "mixed_bfloat16":
        return ("ONNX Runtime computes in float32, not in bfloat16: leave out --precision or "
                "--backend=onnx")
    return None


def why_not_loaded() -> str | None:
    """Return the reason why ONNX Runtime, or onnx, cannot be loaded; None if both can."""
    try:
        with held_back_stderr():  # it complains of hardware that it does not know
            for name in ("onnx", "onnxruntime"):
                importlib.import_module(name)
    except ImportError as error:  # it is missing, or a library that it needs
        return one_line(error)
    return None


def check_size(shape: Sequence[int]) -> None:
    """Refuse planes that are too small for a generator.

    Args:
        shape: (Y, X), or (Z, Y, X) of a volume.

    Raises:
        UserError: Y or X has less than 16 pixels, or Z less than 4.
    """
    if len(shape) == 3 and shape[0] < _MIN_DEPTH:
        raise UserError(f"Stacks of {shape[0]} slices are too small: at least {_MIN_DEPTH} are "
                        "needed. Are the axes right?")
    if min(shape[-2:]) < MIN_SIDE_PX:
        raise UserError(f"Planes of {shape[-2]} x {shape[-1]} pixels are too small: at least "
                        f"{MIN_SIDE_PX} x {MIN_SIDE_PX} are needed. Are the axes right?")


def as_image(image: Any) -> np.ndarray:
    """Convert what a user calls an image to an array.

    Raises:
        UserError: it is empty, masked, a list of images of different sizes, or not of
            integers or real floating-point numbers.
    """
    if any(isinstance(part, np.ma.MaskedArray)
           for part in (image, *(image if isinstance(image, (list, tuple)) else ()))):
        raise UserError("The image is a masked array, whose mask would be lost. Fill it, and pass "
                        "the fill value: restore(image.filled(-1), nodata=-1).")
    try:
        array = np.asarray(image)
    except Exception as error:  # other libraries' arrays raise nearly anything
        raise UserError(f"The image cannot be read as one array: {one_line(error)}. Restore "
                        "images of different sizes one by one.") from error
    check_numbers(array, "The image")
    return array


def as_pixels(image: Any) -> Pixels:
    """Like `as_image`, but keep an image that is read part by part."""
    lazy = (not isinstance(image, np.ndarray) and hasattr(image, "dtype")
            and hasattr(image, "shape"))
    if not lazy:
        return as_image(image)
    check_numbers(image, "The image")
    return image


def check_target(target: Any, image: Pixels) -> None:
    """Refuse a target that cannot hold the result.

    Raises:
        UserError: it has another shape, is not of real numbers, is read-only, or is the image.
    """
    shape = getattr(target, "shape", image.shape)
    if tuple(shape) != tuple(image.shape):
        raise UserError(f"The target has shape {tuple(shape)}, the result {tuple(image.shape)}.")
    if np.dtype(target.dtype).kind not in "iuf":
        raise UserError(f"The target is of type {target.dtype}: integers or real floating-point "
                        "numbers are needed.")
    if isinstance(target, np.ndarray):
        if not target.flags.writeable:
            raise UserError("The target is read-only.")
        if isinstance(image, np.ndarray) and np.may_share_memory(target, image):
            raise UserError("The target is the image, or shares memory with it.")


def check_call(axes: Any, nodata: Any, seed: Any) -> None:
    """Refuse arguments of the wrong type.

    Raises:
        UserError: `axes` is not text, `nodata` not a number, or `seed` not a whole number >= 0.
    """
    if axes is not None and not isinstance(axes, str):
        raise UserError(f"axes must be one letter per axis, such as 'ZYX'. Received: {axes!r}")
    if nodata is not None and (isinstance(nodata, bool)
                               or not isinstance(nodata, (int, float, np.number))):
        raise UserError(f"nodata must be a number or NaN. Received: {nodata!r}")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise UserError(f"seed must be a whole number, at least 0. Received: {seed!r}")


def check_load(path: Any, precision: Any, tile: Any, backend: Any) -> None:
    """Refuse arguments of the wrong type.

    Raises:
        UserError: `path` is not a path, `precision` or `backend` is unknown, or `tile` is not a
            valid side.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise UserError(f"The path of a generator.h5 is needed. Received: {path!r}")
    if precision not in PRECISIONS:
        raise UserError(f"precision must be one of {', '.join(PRECISIONS)}. Received: "
                        f"{precision!r}")
    if backend not in ("tensorflow", "onnx"):
        raise UserError(f"backend must be tensorflow or onnx. Received: {backend!r}")
    if tile is not None and (type(tile) is not int or tile < MIN_SIDE_PX):
        raise UserError(f"tile must be a whole number of pixels, at least {MIN_SIDE_PX}. "
                        f"Received: {tile!r}")
