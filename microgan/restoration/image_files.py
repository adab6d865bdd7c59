"""Image files of any plain axes order: read, and written back as they were stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from microgan.datasets.paired_arrays import one_line, read_npy
from microgan.errors import UserError
from microgan.files import written_whole

SUFFIXES = (".npy", ".tif", ".tiff")
# Voxel depth, frame interval and unit, as ImageJ and OME name them.
_IMAGEJ_KEYS = ("spacing", "unit", "finterval")
_OME_KEYS = tuple(f"PhysicalSize{axis}{suffix}" for axis in "XYZ" for suffix in ("", "Unit"))


@dataclass(frozen=True)
class ImageFile:
    """An image and how its file stored it.

    Args:
        pixels: integers of up to 32 bits or real floating-point numbers, any shape with a
            Y and an X axis.
        axes: one letter per axis of `pixels`, Y and X among them.
        axes_are_assumed: whether neither the file nor the caller named the axes.
        tiff_options: keyword arguments of `tifffile.imwrite` that keep a TIFF's kind, axes
            and resolution.
    """

    pixels: np.ndarray
    axes: str
    axes_are_assumed: bool = False
    tiff_options: dict[str, Any] = field(default_factory=dict)


def read_image(path: Path | str, *, axes: str | None = None) -> ImageFile:
    """Read an image that fits in memory.

    Args:
        path: `.npy` (never unpickled), `.tif` or `.tiff`.
        axes: one letter per axis, such as "TZYX"; wins over what a TIFF says. None: a TIFF's
            own; for `.npy`, YX with two axes and ZYX with three.

    Raises:
        UserError: the file is missing, unreadable, of another kind or holds several
            images; its type or axes are not supported; the axes do not fit its shape.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path} has the suffix '{path.suffix}': expected .npy, .tif or .tiff.")
    if not path.is_file():
        raise UserError(f"There is no file {path}.")
    if path.suffix.lower() == ".npy":
        stored = ImageFile(read_npy(path), "")
    else:
        stored = _read_tiff(path)
    pixels, own_axes = stored.pixels, stored.axes
    if pixels.dtype.kind not in "iuf" or (pixels.dtype.kind != "f" and pixels.dtype.itemsize > 4):
        raise UserError(f"{path} holds {pixels.dtype} values: expected integers of 8, 16 or 32 "
                        "bits, or real floating-point numbers. Convert it first.")
    if pixels.size == 0:
        raise UserError(f"{path} is empty: shape {pixels.shape}.")
    try:
        chosen = choose_axes(pixels.shape, axes or own_axes or None)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return ImageFile(pixels, chosen, not (axes or own_axes), stored.tiff_options)


def choose_axes(shape: tuple[int, ...], axes: str | None) -> str:
    """Check the axes of an image, or assume the usual ones.

    Args:
        shape: of the image.
        axes: one letter per axis; None for YX with two axes and ZYX with three.

    Raises:
        UserError: the axes do not fit the shape, lack Y or X, or hold colours (S); or
            None was given and the image has other than two or three axes.
    """
    if len(shape) < 2:
        raise UserError(f"shape {shape} is no image: a Y and an X axis are needed.")
    if axes is None:
        axes = {2: "YX", 3: "ZYX"}.get(len(shape))
        if axes is None:
            raise UserError(f"an image of shape {shape} needs its axes named, one letter each: "
                            "--axes=TZYX, for example.")
    if "S" in axes:
        raise UserError(f"shape {shape} with axes '{axes}': only grey images are supported, and "
                        "S means colour samples (RGB). Split the colours into files.")
    if len(axes) != len(shape) or axes.count("Y") != 1 or axes.count("X") != 1:
        raise UserError(f"axes '{axes}' do not fit the shape {shape}: one letter per axis is "
                        "needed, Y and X once each. Name them with --axes.")
    return axes


def to_planes(pixels: np.ndarray, axes: str) -> np.ndarray:
    """All YX planes of an image as one stack.

    Args:
        pixels: any shape.
        axes: one letter per axis, checked by `choose_axes`.

    Returns:
        (N, Y, X), N the product of all other axes in their order.
    """
    stack = np.moveaxis(pixels, (axes.index("Y"), axes.index("X")), (-2, -1))
    return stack.reshape(-1, *stack.shape[-2:])


def from_planes(planes: np.ndarray, axes: str, shape: tuple[int, ...]) -> np.ndarray:
    """Undo `to_planes`.

    Args:
        planes: (N, Y, X).
        axes: of the image.
        shape: of the image.
    """
    others = [length for axis, length in zip(axes, shape) if axis not in "YX"]
    stack = planes.reshape(*others, *planes.shape[-2:])
    return np.moveaxis(stack, (-2, -1), (axes.index("Y"), axes.index("X")))


def write_image(path: Path | str, pixels: np.ndarray, like: ImageFile) -> None:
    """Write an image whole, stored as another one was.

    Args:
        path: the suffix says the format, as in `read_image`. Its folder must exist.
        pixels: shape and type of `like.pixels`.
        like: what `read_image` returned.

    Raises:
        UserError: it can't be written.
    """
    path = Path(path)
    with written_whole(path) as temporary:
        if path.suffix.lower() == ".npy":
            np.save(temporary, pixels, allow_pickle=False)
        else:
            # Without `photometric` an axis of length 3 or 4 would become colours.
            tifffile.imwrite(temporary, pixels, photometric="minisblack", **like.tiff_options)


def _read_tiff(path: Path) -> ImageFile:
    try:
        with tifffile.TiffFile(path) as tiff:
            count = len(tiff.series)
            if count == 1:
                series = tiff.series[0]
                return ImageFile(series.asarray(), series.axes, False, _tiff_options(tiff))
    except Exception as error:  # a damaged TIFF makes tifffile raise nearly anything
        raise UserError(f"{path} cannot be read as a TIFF: {one_line(error)}.") from error
    raise UserError(f"{path} holds {count} separate images of different size or type. Save each "
                    "to a file of its own.")


def _tiff_options(tiff: tifffile.TiffFile) -> dict[str, Any]:
    """What `tifffile.imwrite` needs to store an image the way this file does."""
    metadata: dict[str, Any] = {"axes": tiff.series[0].axes}
    options: dict[str, Any] = {"metadata": metadata, "imagej": tiff.is_imagej, "ome": tiff.is_ome}
    if tiff.is_imagej:
        found = tiff.imagej_metadata or {}
        metadata.update((key, found[key]) for key in _IMAGEJ_KEYS if key in found)
    elif tiff.ome_metadata:
        found = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]
        metadata.update((key, found[key]) for key in _OME_KEYS if key in found)
    tags = tiff.pages.first.tags
    if "XResolution" in tags and "YResolution" in tags:
        options["resolution"] = (tags["XResolution"].value, tags["YResolution"].value)
        if "ResolutionUnit" in tags:
            options["resolutionunit"] = tags["ResolutionUnit"].value
    return options
