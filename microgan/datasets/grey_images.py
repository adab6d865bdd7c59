"""Load and check files of many grey images: arrays and CARE's archives."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from microgan.files.arrays import names_in_npz, read_npy, read_npz
from microgan.errors import UserError, one_line


def load_array(path: Path) -> np.ndarray:
    """Load and check `NAME_X.npy` or `NAME_Y.npy`: (N, Y, X), memory-mapped, not unpickled.

    Raises:
        UserError: it is missing, damaged or not a stack of grey images.
    """
    if not path.exists():
        raise UserError(f"There is no {path}, though its partner exists: degraded images are in "
                        "NAME_X.npy, clean ones in NAME_Y.npy.")
    return _check_stack(read_npy(path, mmap_mode="r"), path)


def _check_stack(array: np.ndarray, source: Path) -> np.ndarray:
    check_numeric(array, source)
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3:
        raise UserError(f"{source} has shape {array.shape}: expected (N, Y, X) or (N, Y, X, 1), "
                        "N grey images.")
    if array.size == 0:
        raise UserError(f"{source} is empty: shape {array.shape}.")
    return array


def check_numeric(array: np.ndarray, source: Path | str) -> None:
    """Refuse an array of anything but integers or real floating-point numbers."""
    if array.dtype.kind not in "iuf":
        raise UserError(f"{source} holds {array.dtype} values: expected integers or real "
                        "floating-point numbers.")


def is_care_archive(path: Path) -> bool:
    """Whether a `.npz` has an array X or Y, or is damaged, which loading then reports."""
    try:
        return not names_in_npz(path).isdisjoint({"X", "Y"})
    except Exception:  # a damaged archive makes zipfile raise nearly anything
        return True


def load_archive(path: Path, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Load the arrays of a `.npz` as `read_npz` does.

    Raises:
        UserError: it is damaged.
    """
    try:
        return read_npz(path, names)
    except Exception as error:  # a damaged archive makes numpy raise nearly anything
        raise UserError(f"{path} cannot be read as a numpy archive: {one_line(error)}. Get a "
                        "whole copy, or write it again with numpy.savez.") from error


def load_care_archive(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Load the degraded and the clean images, (N, Y, X), of CARE's training file.

    Raises:
        UserError: it is damaged or not such a file.
    """
    found = load_archive(path, ("X", "Y", "axes"))
    missing = [key for key in ("X", "Y") if key not in found]
    if missing:
        raise UserError(f"{path} lacks {' and '.join(missing)}: CARE's training file has keys X "
                        "and Y.")
    axes = str(found["axes"]) if "axes" in found else None
    return _care_images(found["X"], axes, path), _care_images(found["Y"], axes, path)


def _care_images(array: np.ndarray, axes: str | None, path: Path) -> np.ndarray:
    """Reorder CARE's (S, C, Y, X); axes other than sample, Y and X must have length 1."""
    axes = axes or {3: "SYX", 4: "SCYX"}.get(array.ndim, "")
    if len(axes) != array.ndim or not set("SYX") <= set(axes):
        raise UserError(f"{path} has shape {array.shape} and axes '{axes}': expected one letter "
                        "per axis, S (sample), Y and X among them.")
    order = [axes.index(letter) for letter in "SYX"]
    others = [index for index in range(array.ndim) if index not in order]
    if any(array.shape[index] != 1 for index in others):
        raise UserError(f"{path} has shape {array.shape} and axes '{axes}': only grey 2D images "
                        "are supported, so C and Z must have length 1.")
    array = array.transpose(others + order)
    return _check_stack(array.reshape(array.shape[-3:]), path)


def sizes_and_types(images: Iterable[np.ndarray]) -> str:
    """Name the smallest and the largest size of images (Y, X) and all types of their values.

    Example:
        >>> sizes_and_types([np.zeros((64, 80), np.uint8), np.zeros((96, 96), np.uint16)])
        '64 x 80 to 96 x 96 pixels of uint16 and uint8'
    """
    found = list(images)
    sizes = sorted({image.shape for image in found}, key=math.prod)
    types = sorted({image.dtype.name for image in found})
    ends = [" x ".join(map(str, size)) for size in dict.fromkeys((sizes[0], sizes[-1]))]
    return f"{' to '.join(ends)} pixels of {' and '.join(types)}"
