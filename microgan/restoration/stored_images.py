"""What image files of every format have in common: read and written piece by piece."""

from __future__ import annotations

import abc
import errno
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, Self

import numpy as np

from microgan.runtime.amounts import byte_size
from microgan.files.voxel_sizes import VoxelSize
from microgan.errors import UserError
from microgan.restoration.displayed import IntensityMap

_COPIED_BYTES = 16 * 2**20


class Pixels(Protocol):
    """An array that is read part by part, such as numpy's."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> Any:
        """Type of the values."""

    def __getitem__(self, index: Any, /) -> np.ndarray:
        """Read a part: one slice per axis, step 1."""


@dataclass(frozen=True)
class StoredImage:
    """One image of a file.

    Args:
        pixels: integers or real floating-point numbers with a Y and an X axis.
        axes: one letter per axis of `pixels`.
        axes_are_assumed: whether neither the file nor the caller named the axes.
        label: its name among the images of its file; "" if it is the only one.
        own_axes: named by the file, whatever the caller named; "" if none.
        channel_names: of the axis C or the only channel, "" for one without a name; none if the
            file names none.
    """

    pixels: Pixels
    axes: str
    axes_are_assumed: bool = False
    label: str = ""
    own_axes: str = ""
    channel_names: tuple[str, ...] = ()


class ImageFile(abc.ABC):
    """An opened image file. Use it in a `with` statement, which closes it.

    Args:
        images: what it holds, in the file's order.
        notes: what the user should know about how it is read, a line each.
        voxel_size_um: pixel size and slice spacing, None where unknown.
        losses: what a written copy will lack, a line each.
        enlarged: how many times the pixels to be written are more along Y and X.
    """

    images: tuple[StoredImage, ...] = ()
    notes: tuple[str, ...] = ()
    voxel_size_um: VoxelSize = (None, None)
    losses: tuple[str, ...] = ()
    enlarged: int = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""

    def check_writable(self, output_type: str | None) -> None:
        """Write everything but pixels to memory, so that failures show before the work.

        Args:
            output_type: of the written values; None for that of the images.

        Raises:
            UserError: it cannot be written again.
        """

    @abc.abstractmethod
    def write_like(self, path: Path, pixels: Sequence[Scratch],
                   maps: Sequence[Sequence[IntensityMap]] = ()) -> None:
        """Write a copy of this file with other pixels, whole or not at all.

        Args:
            path: to write, named by `result_name`. Its folder must exist.
            pixels: one for each of `images`, of its shape or `enlarged`; of its type or float32.
            maps: for each of `images`, where its intensities are in the other pixels, once or
                for each channel; none if they have nothing in common. For what a file says of
                its display.

        Raises:
            UserError: it can't be written.
        """


class Scratch:
    """An array in an unnamed temporary file, which disappears with its process.

    Parts are written and read as in a numpy array, and mapped only meanwhile, so that memory
    does not grow with the image.

    Args:
        folder: on the disk that the result goes to.
        shape: of the array.
        dtype: of its values, byte order included.

    Raises:
        UserError: there is no room, or the folder can't be written to.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self._file = _reserved(lambda: tempfile.TemporaryFile(dir=folder), self.shape, self.dtype,
                               folder, "choose another folder with --output")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getitem__(self, index: Any, /) -> np.ndarray:
        return np.array(self._mapped()[index])

    def __setitem__(self, index: Any, values: np.ndarray, /) -> None:
        self._mapped()[index] = values

    def _mapped(self) -> np.ndarray:
        return np.memmap(self._file, self.dtype, "r+", shape=self.shape)

    def copy_to(self, file: IO[bytes], planes: slice = slice(None),
                convert: Callable[[np.ndarray], np.ndarray] = lambda values: values) -> None:
        """Write the bytes of some YX planes at the position of `file`.

        Args:
            file: open for writing.
            planes: all by default, in C order.
            convert: maps a stretch of the values, (N,), to what is written.
        """
        plane_bytes = math.prod(self.shape[-2:]) * self.dtype.itemsize
        start, stop, _ = planes.indices(math.prod(self.shape[:-2]))
        self._file.seek(start * plane_bytes)
        left = (stop - start) * plane_bytes
        while block := self._file.read(min(left, _COPIED_BYTES)):
            file.write(convert(np.frombuffer(block, self.dtype)).tobytes())
            left -= len(block)


def mapped_file(path: Path, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Create a file of an array's values, C order, and map it for reading and writing.

    Args:
        path: of the new file.
        shape: of the array.
        dtype: of its values.

    Raises:
        UserError: there is no room, or the folder can't be written to.
    """
    dtype = np.dtype(dtype)
    with _reserved(lambda: open(path, "xb+"), shape, dtype, path.parent,
                   "set TMPDIR to another folder") as file:
        return np.memmap(file, dtype, "r+", shape=shape)


def _reserved(create: Callable[[], IO[bytes]], shape: tuple[int, ...], dtype: np.dtype,
              folder: Path, remedy: str) -> IO[bytes]:
    """Return a new file with room for an array."""
    num_bytes = math.prod(shape) * dtype.itemsize
    try:
        file = create()
        try:
            _reserve(file, num_bytes)
        except OSError:
            file.close()
            raise
    except OSError as error:
        raise UserError(f"Cannot write {byte_size(num_bytes)} of results to {folder}: "
                        f"{error.strerror or error}. Free some space or {remedy}.") from error
    return file


def _reserve(file: IO[bytes], num_bytes: int) -> None:
    """Set a file's length, and reserve disk space for it where the system can.

    Without space, writing to a mapped file would kill the process silently.
    """
    try:
        os.posix_fallocate(file.fileno(), 0, num_bytes)
    except (AttributeError, OSError) as error:  # only Linux supports it, on local disks
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        file.truncate(num_bytes)


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
        raise UserError(f"shape {shape} is not an image: a Y and an X axis are needed.")
    if axes is None:
        axes = {2: "YX", 3: "ZYX"}.get(len(shape))
        if axes is None:
            raise UserError(f"an image of shape {shape} needs its axes named, one letter each: "
                            "--axes=TZYX, for example.")
    axes = axes.upper()
    if "S" in axes:
        raise UserError(f"shape {shape} with axes '{axes}': only grey images are supported, and "
                        "S means colour samples (RGB). Split the colours into files.")
    if len(axes) != len(shape) or axes.count("Y") != 1 or axes.count("X") != 1:
        raise UserError(f"axes '{axes}' do not fit the shape {shape}: one letter per axis is "
                        "needed, Y and X once each. Name them with --axes.")
    return axes


def check_numbers(pixels: Pixels, name: Path | str) -> None:
    """Raise `UserError` for pixels that are not real numbers, or for none.

    Args:
        pixels: of an image.
        name: start of the message.
    """
    dtype = np.dtype(pixels.dtype)
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise UserError(f"{name} holds {dtype} values: expected integers or real floating-point "
                        "numbers of at most 64 bits. Convert it first.")
    if 0 in pixels.shape:
        raise UserError(f"{name} is empty: shape {pixels.shape}.")


def stored_image(pixels: Pixels, own_axes: str, axes: str | None, path: Path,
                 label: str = "", channel_names: tuple[str, ...] = ()) -> StoredImage:
    """Check an image of a file and settle its axes.

    Args:
        pixels: of the image.
        own_axes: named by the file; "" if none.
        axes: named by the caller; they override the file's.
        path: of the file, for messages.
        label: of the image among those of the file.
        channel_names: of the file's axis C; dropped if the caller names another C.

    Raises:
        UserError: its type or axes are not supported, it is empty, or the axes do not fit.
    """
    check_numbers(pixels, path)
    try:
        chosen = choose_axes(pixels.shape, axes or own_axes or None)
    except UserError as error:
        raise UserError(f"{path}: {label and label + ': '}{error}") from error
    if chosen.find("C") != own_axes.find("C") or not any(channel_names):
        channel_names = ()
    return StoredImage(pixels, chosen, not (axes or own_axes), label, own_axes, channel_names)
