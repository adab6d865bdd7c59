"""Reading arrays from files that anyone may have made: nothing is unpickled, no link followed."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Literal

import h5py
import numpy as np

from microgan.amounts import byte_size
from microgan.errors import UserError, one_line

# Images shrink to a tenth, few to a hundredth; what shrinks more is made to fill the memory.
_MAX_EXPANSION = 200
_ALWAYS_ALLOWED_BYTES = 100e6


def check_expansion(num_bytes: int, path: Path, *, size: int | None = None) -> None:
    """Refuse a file that claims to hold far more than it can.

    Args:
        num_bytes: that its arrays would take in memory.
        path: the file.
        size: bytes on disk, if `path` is a folder.

    Raises:
        ValueError: that is more than 100 MB and 200 times the file's size.
    """
    size = path.stat().st_size if size is None else size
    if num_bytes > max(_ALWAYS_ALLOWED_BYTES, _MAX_EXPANSION * size):
        raise ValueError(f"it claims {byte_size(num_bytes)}, over {_MAX_EXPANSION} times its "
                         "own size")


def check_regular(path: Path) -> None:
    """Refuse what is no file: a folder, a device, or a pipe, which would be waited for.

    Raises:
        ValueError: it is one of them.
    """
    if not path.is_file():
        raise ValueError("it is a folder" if path.is_dir() else "it is a pipe or device, no file")


def read_npy(path: Path, *, mmap_mode: Literal["r"] | None = None) -> np.ndarray:
    """Read a `.npy` file, never unpickled.

    Args:
        path: the file.
        mmap_mode: "r" maps the file instead of reading it.

    Raises:
        UserError: it is damaged, or no plain array.
    """
    try:
        check_regular(path)
        with open(path, "rb") as file:
            _check_header(file, path.stat().st_size)
        return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except Exception as error:  # a damaged header makes numpy raise nearly anything
        raise UserError(f"{path} cannot be read as a numpy array: {one_line(error)}. Get a whole "
                        "copy, or write it again with numpy.save, as plain numbers.") from error


def read_npz(path: Path, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Read arrays of a `.npz` file, never unpickled.

    Every array's size is checked against the file's before memory is asked for.

    Args:
        path: the file.
        names: arrays to read, as far as they are there; None for all.

    Raises:
        ValueError, OSError, or nearly anything that numpy and zipfile raise: it is damaged,
            or `check_expansion` refuses it, or an array's header claims another size than
            the archive holds.
    """
    with _opened_zip(path) as archive:
        found = [member for member in archive.infolist() if member.filename.endswith(".npy")
                 and (names is None or member.filename[:-4] in names)]
        if any(member.flag_bits & 1 for member in found):
            raise ValueError("it is encrypted")
        check_expansion(sum(member.file_size for member in found), path)
        return {member.filename[:-4]: _read_member(archive, member) for member in found}


def names_in_npz(path: Path) -> set[str]:
    """Names of the arrays in a `.npz` file; raises as `read_npz`."""
    with _opened_zip(path) as archive:
        return {name[:-4] for name in archive.namelist() if name.endswith(".npy")}


def _opened_zip(path: Path) -> zipfile.ZipFile:
    check_regular(path)
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ValueError("it is no zip archive, or is cut short") from error


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    try:
        with archive.open(member) as file:
            _check_header(file, member.file_size)
            file.seek(0)
            return np.lib.format.read_array(file, allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"in {member.filename}, {error}") from error


def _check_header(file: IO[bytes], size: int) -> None:
    """Refuse an array whose header does not describe the bytes behind it.

    Args:
        file: at the start of an array in numpy's format.
        size: of it all, in bytes.

    Raises:
        ValueError: why it is refused.
    """
    if not size:
        raise ValueError("it is empty")
    read_header = {(1, 0): np.lib.format.read_array_header_1_0,
                   (2, 0): np.lib.format.read_array_header_2_0}
    try:
        version = np.lib.format.read_magic(file)
    except ValueError as error:
        raise ValueError("it does not begin as such an array does") from error
    if version not in read_header:
        raise ValueError(f"version {'.'.join(map(str, version))} of the format is not known")
    try:
        shape, _, dtype = read_header[version](file)
    except Exception as error:
        raise ValueError("its header is damaged") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not read since they can run code")
    claimed, held = math.prod(shape) * dtype.itemsize, size - file.tell()
    if claimed != held or any(length < 0 for length in shape):
        state = "cut short" if claimed > held else "damaged"
        raise ValueError(f"it is {state}: its header claims {dtype} of shape {shape}, {claimed} "
                         f"bytes, but {held} bytes follow")


def hdf5_node(file: h5py.File, name: str) -> Any:
    """A group or dataset of an HDF5 file, reached without following any link.

    Raises:
        ValueError: there is none, or a link stands on the way to it.
    """
    node: Any = file
    for part in name.split("/"):
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            raise ValueError(f"{name} is missing")
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{name} is a link, which is not followed")
        node = node[part]
    return node


def read_dataset(node: Any, *, contiguous: bool) -> np.ndarray:
    """Read a floating-point dataset that lies in its own file.

    Args:
        node: of an HDF5 file.
        contiguous: refuse compressed or chunked ones, which may claim any size.

    Raises:
        ValueError: it is something else, or claims more than the file holds.
    """
    name = node.name.lstrip("/")
    if (not isinstance(node, h5py.Dataset) or node.dtype.kind != "f" or node.external
            or node.is_virtual):
        raise ValueError(f"{name} is no plain array of floating-point numbers")
    if contiguous and (node.chunks or node.id.get_storage_size() != node.nbytes):
        raise ValueError(f"{name} claims {node.nbytes} bytes that the file does not hold")
    return node[()]
