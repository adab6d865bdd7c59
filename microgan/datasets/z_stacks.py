"""Load and check z-stacks and in-focus images."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgan.files.arrays import read_npy
from microgan.files.checked_tiffs import opened_tiff, read_only_image
from microgan.datasets.file_notes import FileNotes
from microgan.datasets.grey_images import check_numeric, load_archive
from microgan.datasets.paired_arrays import (
    MIN_SIDE_PX, check_type, check_values, read_images_below)
from microgan.files.voxel_sizes import tiff_voxel_size_um
from microgan.errors import UserError
from microgan.files.names import choose_files

SUFFIXES = (".npy", ".npz", ".tif", ".tiff")
# A focal plane and a slice on each side of it.
MIN_DEPTH = 3
# Letters of tifffile: Z; I and Q for pages of unknown meaning.
_SLICE_AXES = "ZIQ"


@dataclass(frozen=True)
class ZStack:
    """A grey z-stack and the size of its voxels.

    Args:
        pixels: (Z, Y, X), any real numeric type.
        pixel_size_um: distance between neighbouring pixels of a slice; None if unknown.
        z_step_um: distance between neighbouring slices; None if unknown.
        notes: what the user should know about the file, one line each.
    """

    pixels: np.ndarray
    pixel_size_um: float | None = None
    z_step_um: float | None = None
    notes: tuple[str, ...] = ()


def voxel_size_um(stacks: Sequence[ZStack], paths: Sequence[Path], *,
                  pixel_size_um: float | None, z_step_um: float | None) -> tuple[float, float]:
    """Find the common voxel size of all stacks.

    Args:
        stacks: as read.
        paths: of their files.
        pixel_size_um: distance between pixels, which overrides the files'; None for theirs.
        z_step_um: distance between slices, used in the same way.

    Returns:
        Distances between pixels and between slices, um. An unknown one is assumed to equal the
        other, or 1 if both are unknown, with a printed warning.

    Raises:
        UserError: stacks differ.
    """
    sizes = {}
    for name, given in (("pixel_size_um", pixel_size_um), ("z_step_um", z_step_um)):
        found = [given or getattr(stack, name) for stack in stacks]
        for path, size in zip(paths, found):
            if not np.isclose(size or 0, found[0] or 0, rtol=1e-3):
                raise UserError(f"{paths[0]} has {name} {found[0]}, but {path} has {size}. Take "
                                f"stacks of one voxel size, or pass --{name} for all.")
        sizes[name] = found[0]
    unknown = [name for name, size in sizes.items() if size is None]
    known = next((size for size in sizes.values() if size is not None), 1.0)
    if unknown:
        print(f"Warning: {paths[0]} does not tell its {' and '.join(unknown)}: taken to be "
              f"{known:g} um. Pass {' and '.join(f'--{name}' for name in unknown)}.")
    pixel, step = (known if size is None else size for size in sizes.values())
    return pixel, step


def find_stacks(folder_or_glob: Path | str) -> list[Path]:
    """List the files of z-stacks.

    Args:
        folder_or_glob: a folder, a file or a pattern such as "stacks/day1*.tif".

    Returns:
        Files that end in .tif, .tiff, .npy or .npz, by `choose_files`.

    Raises:
        UserError: there are none, or no such folder; or as `choose_files`.
    """
    source = Path(folder_or_glob)
    if not source.exists() and not glob.has_magic(str(folder_or_glob)):
        raise UserError(f"There is no file or folder {folder_or_glob}: expected one of z-stacks, "
                        "or a quoted pattern such as 'stacks/*.tif'.")
    candidates = ([source] if source.is_file() else list(source.iterdir()) if source.is_dir()
                  else [Path(path) for path in glob.glob(str(folder_or_glob))])
    found = choose_files(candidates, SUFFIXES, folder_or_glob)
    if not found:
        raise UserError(f"There are no z-stacks in {folder_or_glob}: expected files that end in "
                        f"{', '.join(SUFFIXES)}.")
    return found


def read_stacks(paths: Sequence[Path]) -> list[ZStack]:
    """Read and check z-stacks that are used together; print notes about their files.

    Raises:
        UserError: as `read_stack`.
    """
    stacks, notes = [], FileNotes()
    for path in paths:
        stacks.append(read_stack(path))
        notes.add(path, stacks[-1].notes, (stacks[-1].pixel_size_um, stacks[-1].z_step_um))
    notes.print()
    return stacks


def read_stack(path: Path | str) -> ZStack:
    """Read and check one z-stack.

    Args:
        path: a TIFF with axes ZYX or pages of unknown meaning (axes of length 1 are dropped);
            `.npy` (Z, Y, X); or `.npz` with one array, in the layout of ZSE-GAN's authors,
            (Y, X, Z).

    Returns:
        The stack, with voxel sizes from the TIFF's ImageJ or OME metadata. Files are never
        unpickled.

    Raises:
        UserError: the file is missing or damaged; it does not hold finite real numbers; it is
            not 3D, a TIFF with other axes, too small or constant.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no file {path}.")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{path} has the suffix '{path.suffix}': expected one of "
                        f"{', '.join(SUFFIXES)}.")
    if suffix == ".npy":
        stack = ZStack(read_npy(path))
    elif suffix == ".npz":
        stack = ZStack(_read_npz(path))
    else:
        stack = _read_tiff(path)
    _check_stack(stack.pixels, path)
    return stack


def read_images(folder: Path | str, dtype: np.dtype, stack: Path) -> list[np.ndarray]:
    """Read and check all in-focus images (Y, X) in a folder's TIFF files.

    Args:
        folder: of the images.
        dtype: type of the stack that they are compared with.
        stack: its file.

    Raises:
        UserError: there are none; or one is damaged, not a grey image, constant, not finite or
            of another type than the stack.
    """
    notes = FileNotes()
    read = read_images_below(Path(folder), notes)
    notes.print()
    several = next((file for file, count in Counter(read.files).items() if count > 1), None)
    if several is not None:
        raise UserError(f"{Path(folder) / several} holds several planes: expected one image in "
                        "focus per file. Save each as a separate file.")
    for index, image in enumerate(read.images):
        check_values(image, read.place(index))
        check_type(read.place(index), image, dtype, stack)
    return list(read.images)


def _check_stack(pixels: np.ndarray, path: Path) -> None:
    check_numeric(pixels, path)
    if pixels.ndim != 3:
        raise UserError(f"{path} has shape {pixels.shape}: expected a grey z-stack of three axes. "
                        "Save each channel and time point as a separate file.")
    depth, *size = pixels.shape
    if depth < MIN_DEPTH or min(size) < MIN_SIDE_PX:
        raise UserError(f"{path} has {depth} slices of {size[0]} x {size[1]} pixels: at least "
                        f"{MIN_DEPTH} of {MIN_SIDE_PX} x {MIN_SIDE_PX} are needed.")
    check_values(pixels, path)


def _read_npz(path: Path) -> np.ndarray:
    """Read the only array of an archive, from (Y, X, Z) to (Z, Y, X)."""
    arrays = list(load_archive(path).values())
    if len(arrays) != 1:
        raise UserError(f"{path} holds {len(arrays)} arrays: expected one, a z-stack (Y, X, Z). "
                        "Move it away if it is not one.")
    return np.moveaxis(arrays[0], -1, 0) if arrays[0].ndim == 3 else arrays[0]


def _read_tiff(path: Path) -> ZStack:
    with opened_tiff(path) as tiff:
        pixels, axes = read_only_image(tiff, path)
        kept = [axis for axis, length in zip(axes, pixels.shape) if length > 1]
        pixels = pixels.squeeze()
        sizes, notes = tiff_voxel_size_um(tiff.tiff), tiff.notes
    if pixels.ndim == 3 and (kept[1:] != ["Y", "X"] or kept[0] not in _SLICE_AXES):
        raise UserError(
            f"{path} has axes {''.join(kept)}: expected ZYX, grey slices. If it is a z-stack, "
            "save it with Z (in ImageJ: Image > Properties, Slices) or as .npy of axes (Z, Y, X).")
    return ZStack(pixels, *sizes, notes)
