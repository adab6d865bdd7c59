"""Read folders of training images: every YX plane of a file is an image."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgan.datasets.file_notes import FileNotes
from microgan.datasets.grey_images import check_numeric
from microgan.files.voxel_sizes import tiff_voxel_size_um
from microgan.errors import UserError
from microgan.files.channel_names import find_channel, listed_channels, tiff_channel_names
from microgan.files.checked_tiffs import opened_tiff, read_only_image
from microgan.files.names import choose_files, paths_below
from microgan.files.png_images import read_png
from microgan.files.vendor_images import VENDOR_SUFFIXES, VendorFile
from microgan.files.zarr_images import open_zarr

SUFFIXES = (".tif", ".tiff", ".zarr", ".png", *VENDOR_SUFFIXES)


@dataclass(frozen=True)
class FolderImages:
    """The images of a folder, file after file and plane after plane.

    Args:
        images: (Y, X) each.
        names: of the images: that of the file below the folder, with the number of the plane
            from 0 where it has several, such as "day1/cells.tif[3]".
        files: of the images, by their names below the folder.
    """

    images: list[np.ndarray]
    names: tuple[str, ...]
    files: tuple[str, ...]


def find_images(folder: Path) -> list[Path]:
    """List the image files in a folder and its subfolders by `choose_files`.

    Raises:
        UserError: there is no such folder, or no such file in it; or as `choose_files`.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}, though its partner exists.")
    found = choose_files(paths_below(folder, SUFFIXES), SUFFIXES, folder)
    if not found:
        raise UserError(f"{folder} is empty: no file that ends in {', '.join(SUFFIXES[:-1])} or "
                        f"{SUFFIXES[-1]}.")
    return found


def read_folder(folder: Path, notes: FileNotes, channel: str | None = None) -> FolderImages:
    """Read all images in a folder and its subfolders; check only their form.

    Args:
        folder: of the files.
        notes: collects what the user should know.
        channel: as for `load_planes`.

    Raises:
        UserError: there is none; or as `load_planes`.
    """
    images: list[np.ndarray] = []
    names: list[str] = []
    files: list[str] = []
    for path in find_images(folder):
        planes = load_planes(path, notes, channel)
        name = path.relative_to(folder).as_posix()
        images += planes
        names += ([name] if len(planes) == 1 else
                  [f"{name}[{number}]" for number in range(len(planes))])
        files += [name] * len(planes)
    return FolderImages(images, tuple(names), tuple(files))


def load_planes(path: Path, notes: FileNotes, channel: str | None = None) -> list[np.ndarray]:
    """Load the planes of one file, (Y, X) each, in the order of its other axes.

    Args:
        path: of the file: a stack, a time series or a single image; TIFF, OME-Zarr, PNG,
            CZI, LIF or ND2.
        notes: collects what the user should know.
        channel: name of the channel to load, or its number from 1; None if there is only one.

    Raises:
        UserError: it is damaged, holds colours, or does not hold this channel, or several.
    """
    with _opened(path, notes) as images:
        return [plane for image in images
                for plane in _planes(_of_channel(image, channel), image.axes, image.where)]


@dataclass(frozen=True)
class _Image:
    """An image of an opened file: its pixels are read by slices; `where` is for messages."""

    where: str
    axes: str
    pixels: Any
    channel_names: Sequence[str] = ("",)


@contextlib.contextmanager
def _opened(path: Path, notes: FileNotes) -> Iterator[list[_Image]]:
    """Open a file of any kind; errors in the block are also attributed to a TIFF."""
    suffix = path.suffix.lower()
    if suffix in VENDOR_SUFFIXES:
        with VendorFile(path) as file:
            notes.add(path, (), file.images[0].voxel_size_um)
            yield [_Image(f"{path} {image.label}".strip(), image.axes, image.pixels,
                          image.channel_names) for image in file.images]
    elif suffix == ".png":
        pixels, lines = read_png(path)
        notes.add(path, lines, (None, None))
        yield [_Image(str(path), "YX", pixels)]
    elif suffix == ".zarr":
        zarr = open_zarr(path)
        if len(zarr.axes) != len(zarr.pixels.shape):
            raise UserError(f"{path} does not name its axes. Write it again as OME-Zarr of "
                            "version 0.4 or newer, or save it as OME-TIFF.")
        notes.add(path, zarr.notes, zarr.voxel_size_um)
        yield [_Image(str(path), zarr.axes, zarr.pixels, zarr.channel_names)]
    else:
        with opened_tiff(path) as tiff:
            pixels, axes = read_only_image(tiff, path)
            notes.add(path, tiff.notes, tiff_voxel_size_um(tiff.tiff))
            yield [_Image(str(path), axes, pixels,
                          tiff_channel_names(tiff.tiff, 0, axes, pixels.shape))]


def _of_channel(image: _Image, channel: str | None) -> np.ndarray:
    """Read one channel; the axis C, if any, is kept with length 1."""
    names, where = image.channel_names, image.where
    index = [slice(0, length) for length in image.pixels.shape]
    if channel is None and len(names) > 1:
        raise UserError(
            f"{where} holds {len(names)} channels ({listed_channels(names)}): choose one or more "
            f"by name or number with --channels, such as --channels={names[0] or 1}. Each becomes "
            "a task.")
    if channel is not None:
        position = find_channel(channel, names)
        if position is None:
            raise UserError(f"{where} has no channel '{channel}', but {listed_channels(names)}. "
                            "Choose by name or number with --channels.")
        if len(names) > 1:
            index[image.axes.index("C")] = slice(position, position + 1)
    return np.array(image.pixels[tuple(index)])


def _planes(pixels: np.ndarray, axes: str, where: str) -> list[np.ndarray]:
    check_numeric(pixels, where)
    shape = " x ".join(map(str, pixels.shape))
    if "S" in axes and pixels.shape[axes.index("S")] > 1:
        raise UserError(f"{where} holds colours (RGB; {axes} of {shape}), but only grey images "
                        "are learned from. Make channels of them (in ImageJ: Image > Color > Make "
                        "Composite) and choose with --channels, or save a grey image.")
    if axes.count("Y") != 1 or axes.count("X") != 1 or not pixels.size:
        raise UserError(f"{where} has axes {axes} of {shape}: expected grey images with a Y and "
                        "an X axis.")
    planes = np.moveaxis(pixels, (axes.index("Y"), axes.index("X")), (-2, -1))
    return list(planes.reshape(-1, *planes.shape[-2:]))
