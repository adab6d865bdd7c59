"""Read arrays from untrusted files: nothing is unpickled, no link followed."""

from __future__ import annotations

import math
import mmap
import re
import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Literal

import h5py
import numpy as np

from microgan.runtime.amounts import byte_size
from microgan.errors import UserError, one_line

# Images compress to a tenth, few to a hundredth; beyond that, a file is meant to fill memory.
_MAX_EXPANSION = 200
_ALWAYS_ALLOWED_BYTES = 100e6
# Of an HDF5 dataset, in numbers; Keras' layers have smaller ones.
_LARGEST_CHUNK = 10**7
_NAME_BYTES = 1000
# In HDF5 files by h5py.
_OFFSET_BYTES, _OF_ANY_LENGTH = 8, 9
# A generator has hundreds.
MOST_NAMES = 4000
_NUMPY_COMPRESSIONS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# Of a zip archive's directory; an array takes about a hundred bytes.
_MOST_DIRECTORY_BYTES = 2 * 10**6
# A zip archive ends with the location of its directory and a comment of at most 64 kB.
_ZIP_END_BYTES = 2**16 + 22 + 20 + 56


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
    """Raise `ValueError` for a folder, a device, or a pipe, which would block."""
    if not path.is_file():
        raise ValueError("it is a folder" if path.is_dir() else
                         "it is a pipe or device, not a file")


def read_npy(path: Path, *, mmap_mode: Literal["r"] | None = None) -> np.ndarray:
    """Read a `.npy` file, never unpickled.

    Args:
        path: the file.
        mmap_mode: "r" maps the file instead of reading it.

    Raises:
        UserError: it is damaged, or not a plain array.
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
        names: arrays to read, if present; None for all.

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
        if not {member.compress_type for member in found} <= _NUMPY_COMPRESSIONS:
            raise ValueError("it is compressed in a way that numpy does not write")
        if (len({member.filename for member in found}) < len(found)
                or sum(member.compress_size for member in found) > path.stat().st_size):
            raise ValueError("several names in it share one array")
        check_expansion(sum(member.file_size for member in found), path)
        return {member.filename[:-4]: _read_member(archive, member) for member in found}


def names_in_npz(path: Path) -> set[str]:
    """Names of the arrays in a `.npz` file; raises as `read_npz`."""
    with _opened_zip(path) as archive:
        return {name[:-4] for name in archive.namelist() if name.endswith(".npy")}


def _opened_zip(path: Path) -> zipfile.ZipFile:
    check_regular(path)
    _check_directory(path)
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ValueError("it is not a zip archive, or is cut short") from error


def _check_directory(path: Path) -> None:
    """Raise `ValueError` if the directory, read on opening, is longer than arrays need."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(max(0, size - _ZIP_END_BYTES))
        end = file.read()
    for mark, place, layout in ((b"PK\5\6", 12, "<I"), (b"PK\6\6", 40, "<Q")):
        start = end.find(mark)
        while start >= 0:
            if len(end) >= start + place + 8:
                (claimed,) = struct.unpack_from(layout, end, start + place)
                if _MOST_DIRECTORY_BYTES < claimed <= size:
                    raise ValueError(f"its directory has {claimed} bytes, more than arrays need")
            start = end.find(mark, start + 1)


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    try:
        with archive.open(member) as file:
            _check_header(file, member.file_size)
            file.seek(0)
            return np.lib.format.read_array(file, allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"in {member.filename}, {error}") from error


def _check_header(file: IO[bytes], size: int) -> None:
    """Raise `ValueError` if an array's header does not describe the bytes after it.

    Args:
        file: at the start of an array in numpy's format.
        size: of header and array, in bytes.
    """
    if not size:
        raise ValueError("it is empty")
    read_header = {(1, 0): np.lib.format.read_array_header_1_0,
                   (2, 0): np.lib.format.read_array_header_2_0}
    try:
        version = np.lib.format.read_magic(file)
    except ValueError as error:
        raise ValueError("it does not begin like one") from error
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


def hdf5_node(file: h5py.Group, name: str) -> Any:
    """Return a group or dataset of an HDF5 file, reached without following links.

    Raises:
        ValueError: it is missing, damaged or behind a link.
    """
    node: Any = file
    for part in name.split("/"):
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            raise ValueError(f"{name} is missing")
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{name} is a link, which is not followed")
        try:
            node = node[part]
        except KeyError as error:  # of what is there but cannot be opened
            raise ValueError(f"{name} is damaged") from error
    return node


def read_dataset(node: Any, *, contiguous: bool) -> np.ndarray:
    """Read a floating-point dataset that is stored in the file itself.

    Args:
        node: of an HDF5 file.
        contiguous: refuse compressed or chunked ones, which may claim any size.

    Raises:
        ValueError: it is something else, or claims more than the file holds.
    """
    name = node.name.lstrip("/")
    if (not isinstance(node, h5py.Dataset) or node.dtype.kind != "f" or node.external
            or node.is_virtual):
        raise ValueError(f"{name} is not a plain array of floating-point numbers")
    if contiguous and (node.chunks or node.id.get_storage_size() != node.nbytes):
        raise ValueError(f"{name} claims {node.nbytes} bytes that the file does not hold")
    if node.chunks and math.prod(node.chunks) > max(node.size, _LARGEST_CHUNK):
        raise ValueError(f"{name} is stored in chunks of {math.prod(node.chunks)} numbers, though "
                         f"it has {node.size}")
    return node[()]


def check_hdf5_names(path: Path) -> None:
    """Refuse lists of names in an HDF5 file that refer to more text than names are.

    HDF5 reads such a list at once; thousands of its references may lead to one huge text.

    Args:
        path: the file; its lists are attributes called `layer_names` and `weight_names`.

    Raises:
        ValueError: a name is longer than 1,000 bytes, or the file is stored in a way that h5py
            does not write.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        size_of_offsets = content[9 if content[8] > 1 else 13]
        if content[:8] != b"\x89HDF\r\n\x1a\n" or size_of_offsets != _OFFSET_BYTES:
            raise ValueError("its addresses are not of the size that h5py writes")
        for match in re.finditer(rb"(?:layer|weight)_names\0", content):
            for length in _text_lengths(content, match.start()):
                if length > _NAME_BYTES:
                    raise ValueError(f"it has a name of {length} bytes")


def _text_lengths(content: mmap.mmap, name: int) -> Iterable[int]:
    """Lengths of the texts that an HDF5 attribute refers to, from where its name is stored.

    Source:
        HDF5 File Format Specification 3.0, IV.A.2.m (attribute message) and VIII.
    """
    for start, versions in ((name - 9, (3,)), (name - 8, (1, 2))):
        version, *sizes = struct.unpack_from("<Bx3H", content, start)
        if version not in versions:
            continue
        name_bytes, type_bytes, space_bytes = (
            -(-size // 8) * 8 if version == 1 else size for size in sizes)
        space = name + name_bytes + type_bytes
        if content[name + name_bytes] % 16 != _OF_ANY_LENGTH or not content[space + 1]:
            continue  # or no list
        (count,) = struct.unpack_from("<Q", content, space + (8 if content[space] == 1 else 4))
        for number in range(min(count, MOST_NAMES)):
            yield from struct.unpack_from("<I", content, space + space_bytes + 16 * number)


def hdf5_names(node: Any, attribute: str) -> list[str]:
    """Return the names in an attribute of a group or dataset, as Keras writes them.

    Raises:
        KeyError: there is no such attribute.
        ValueError: it is not a list of names, or has over 4,000.
    """
    stored = node.attrs.get_id(attribute)
    if stored.shape == (0,):  # an empty list, of any type
        return []
    if len(stored.shape) != 1 or stored.dtype.kind not in "OS":
        raise ValueError(f"{attribute} is not a list of names")
    if stored.shape[0] > MOST_NAMES or stored.dtype.itemsize > _NAME_BYTES:
        raise ValueError(f"{attribute} has {stored.shape[0]} names of {stored.dtype.itemsize} "
                         "bytes")
    return [name.decode() if isinstance(name, bytes) else str(name)
            for name in node.attrs[attribute]]
