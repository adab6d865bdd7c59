"""Opens image files as layers that have the files' axes, channels and voxel sizes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dask.array
import numpy as np

from microgan.errors import UserError
from microgan.files.vendor_images import VENDOR_SUFFIXES
from microgan.restoration.image_files import open_image_file
from microgan.restoration.stored_images import ImageFile, Pixels, StoredImage

Layer = tuple[Any, dict[str, Any], str]


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[Layer]] | None:
    """Return what opens a file, as napari asks for it.

    Args:
        path: of a file. Several, to be stacked, are left to napari.

    Returns:
        `read`; None for a file that other readers may be able to open, such as one of colours.
    """
    if not isinstance(path, str):
        return None
    try:
        with open_image_file(path):
            return read
    except UserError:  # which others do not open either: `read` says why
        return read if Path(path).suffix.lower() in VENDOR_SUFFIXES else None


def read(path: str) -> list[Layer]:
    """Open the images of a file as layers, one for each channel; pixels are read when shown.

    Args:
        path: as `open_image_file` takes it.

    Returns:
        Layers as napari takes them. Voxels of known size are in micrometres; slices of unknown
        spacing lie as far apart as pixels.

    Raises:
        UserError: as `open_image_file`.
    """
    file = open_image_file(path)
    kept = _KeptOpen(file)
    name = Path(path).stem.removesuffix(".ome")
    return [(_lazy(kept, image), _settings(file, image, name), "image") for image in file.images]


class _KeptOpen:
    """A file that is closed once no layer needs it any more."""

    def __init__(self, file: ImageFile) -> None:
        self._file = file
        self.lock = threading.Lock()

    def __del__(self) -> None:
        self._file.close()


class _KeptPixels:
    """The pixels of an image, and the file that they are read from."""

    def __init__(self, kept: _KeptOpen, pixels: Pixels) -> None:
        self.kept, self.pixels = kept, pixels
        self.shape, self.dtype = tuple(pixels.shape), np.dtype(pixels.dtype)
        self.ndim = len(self.shape)


def _lazy(kept: _KeptOpen, image: StoredImage) -> dask.array.Array:
    chunks = tuple("auto" if axis in "YX" else 1 for axis in image.axes)
    return dask.array.from_array(
        _KeptPixels(kept, image.pixels), chunks=chunks, name=False, getitem=_part,
        meta=np.empty((0,) * len(image.axes), image.pixels.dtype))


def _part(image: _KeptPixels, index: tuple[slice, ...]) -> np.ndarray:
    with image.kept.lock:
        return image.pixels[index]


def _settings(file: ImageFile, image: StoredImage, name: str) -> dict[str, Any]:
    name = f"{name} {image.label}".strip()
    channel = image.axes.find("C")
    axes = [axis for number, axis in enumerate(image.axes) if number != channel]
    settings: dict[str, Any] = {"name": name, "axis_labels": axes}
    if channel >= 0:
        names = image.channel_names or map(str, range(image.pixels.shape[channel]))
        settings |= {"channel_axis": channel, "name": [f"{name} {each}" for each in names]}
    pixel, step = file.voxel_size_um
    if pixel:
        sizes = {"Y": pixel, "X": pixel, "Z": step or pixel}
        settings["scale"] = [sizes.get(axis, 1.0) for axis in axes]
        settings["units"] = ["um" if axis in sizes else "pixel" for axis in axes]
    return settings
