"""Image files of any supported format: opened, read, and written back as they were."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from microgan.files.arrays import read_npy
from microgan.datasets.file_notes import FileNotes
from microgan.files.tiff_planes import UNNAMED
from microgan.errors import UserError
from microgan.files.vendor_images import VENDOR_SUFFIXES
from microgan.files.whole import written_whole
from microgan.files.names import choose_files, print_skipped
from microgan.restoration.displayed import IntensityMap
from microgan.restoration.png_files import PngFile
from microgan.restoration.stored_images import ImageFile, Scratch, StoredImage, stored_image
from microgan.restoration.tiff_files import TiffFile
from microgan.restoration.vendor_files import SUFFIX, MakersFile
from microgan.restoration.zarr_files import ZarrFile
from microgan.files.zarr_metadata import is_zarr_folder

SUFFIXES = (".npy", ".tif", ".tiff", ".zarr", ".png", *VENDOR_SUFFIXES)


def images_in_folder(path: Path) -> list[Path] | None:
    """List the image files in a folder, as `choose_files` does.

    None if `path` is a file or an OME-Zarr image, which is itself a folder. Trust maps are
    skipped: those beside the NAME_trust.json of `restore.py --trust_map`.
    """
    if not path.is_dir() or path.suffix.lower() in SUFFIXES or is_zarr_folder(path):
        return None
    found = choose_files(path.iterdir(), SUFFIXES, path)
    maps = [file for file in found if _is_trust_map(file)]
    print_skipped([f"{file.name} (trust map)" for file in maps], path)
    return [file for file in found if file not in maps]


def _is_trust_map(path: Path) -> bool:
    match = re.fullmatch(r"(.+)_(spread|interval|inconsistency)(\.ome)?", path.stem)
    return match is not None and path.with_name(f"{match[1]}_trust.json").is_file()


def open_image_file(path: Path | str, *, axes: str | None = None) -> ImageFile:
    """Open an image file without reading its pixels.

    Args:
        path: `.npy` (never unpickled), `.tif`, `.tiff`, `.png`, `.czi`, `.lif`, `.nd2`, or
            `.zarr`, a folder, or an image in such a folder.
        axes: one letter per axis, such as "TZYX"; overrides the file's. None: the
            file's; for `.npy`, YX with two axes and ZYX with three.

    Raises:
        UserError: the file is missing, unreadable or of an unknown kind; the type or axes of
            an image in it are not supported; the axes do not fit its shape.
    """
    path = Path(path)
    if path.suffix.lower() != ".zarr" and path.is_dir():
        if is_zarr_folder(path):
            return ZarrFile(path, axes)
        raise UserError(f"{path} is a folder: name a file in it.")
    if not path.exists():
        raise UserError(f"There is no file {path}.")
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path} has the suffix '{path.suffix}': expected "
                        f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}. Save it as OME-TIFF, in "
                        "Fiji after File > Import > Bio-Formats.")
    openers: dict[str, Callable[[Path, str | None], ImageFile]] = {
        ".npy": ArrayFile, ".zarr": ZarrFile, ".png": PngFile,
        **dict.fromkeys(VENDOR_SUFFIXES, MakersFile)}
    file = openers.get(path.suffix.lower(), TiffFile)(path, axes)
    file.notes += tuple(
        f"its axes are named {image.own_axes}, but --axes={image.axes} is used"
        for image in file.images if any(own not in (letter, *UNNAMED) for own, letter in zip(
            image.own_axes, image.axes)))
    return file


def result_name(path: Path) -> str:
    """Return the name of a file's result: the file's name, with the suffix of its format.

    For files of microscopes' makers it is that of an OME-TIFF.
    For an image within an OME-Zarr it includes the path to it: `plate_A_1_0.zarr`.
    """
    if path.suffix.lower() in VENDOR_SUFFIXES:
        return path.stem + SUFFIX
    if path.suffix.lower() in SUFFIXES or not is_zarr_folder(path):
        return path.name
    names = []
    for folder in (path.absolute(), *path.absolute().parents):
        names.append(folder.stem if folder.suffix.lower() == ".zarr" else folder.name)
        if folder.suffix.lower() == ".zarr" or not is_zarr_folder(folder.parent):
            break
    return "_".join(reversed(names)) + ".zarr"


def read_image(path: Path | str, notes: FileNotes, *, axes: str | None = None) -> StoredImage:
    """Read a file of one image that fits in memory.

    Args:
        path: as in `open_image_file`.
        notes: receives what the user should know about how it was read.
        axes: as in `open_image_file`.

    Returns:
        The image, its pixels a numpy array.

    Raises:
        UserError: as `open_image_file`; or it holds several images.
    """
    with open_image_file(path, axes=axes) as file:
        if len(file.images) > 1:
            raise UserError(f"{path} holds {len(file.images)} separate images of different size "
                            "or type. Save each to a separate file.")
        (image,) = file.images
        notes.add(Path(path), file.notes, file.voxel_size_um)
        return replace(image, pixels=image.pixels[(slice(None),) * len(image.axes)])


class ArrayFile(ImageFile):
    """A numpy array, one image.

    Args:
        path: `.npy`.
        axes: one letter per axis, or None.

    Raises:
        UserError: as `open_image_file`.
    """

    def __init__(self, path: Path, axes: str | None) -> None:
        self.images = (stored_image(_ArrayPixels(path), "", axes, path),)

    def write_like(self, path: Path, pixels: Sequence[Scratch],
                   maps: Sequence[Sequence[IntensityMap]] = ()) -> None:
        (only,) = pixels
        with written_whole(path) as temporary, open(temporary, "wb") as file:
            np.lib.format.write_array_header_2_0(file, {
                "descr": np.lib.format.dtype_to_descr(only.dtype), "fortran_order": False,
                "shape": only.shape})
            only.copy_to(file)


class _ArrayPixels:
    """A `.npy` file, mapped only while a part is read, so that memory does not grow."""

    def __init__(self, path: Path) -> None:
        self._path = path
        array = read_npy(path, mmap_mode="r")
        self.shape = array.shape
        self.dtype = array.dtype

    def __getitem__(self, index: Any, /) -> np.ndarray:
        return np.array(read_npy(self._path, mmap_mode="r")[index])
