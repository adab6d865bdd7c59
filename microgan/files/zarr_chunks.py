"""Pixels of a Zarr array, unpacked chunk by chunk within a budget of bytes."""

from __future__ import annotations

import bz2
import itertools
import lzma
import math
import os
import stat
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from microgan.runtime.amounts import byte_size
from microgan.files.arrays import check_expansion
from microgan.errors import UserError, one_line
from microgan.files.pieces import overlap
from microgan.files.zarr_metadata import ArrayDescription, Encoding

# A chunk of more bytes than its array is unpacked up to this size.
_LARGE_CHUNK_BYTES = 32 * 10**6
# A larger one, which is held whole, must take a twentieth of its size in its file.
_HUGE_CHUNK_BYTES = 128 * 10**6
_HUGE_CHUNK_EXPANSION = 20
# This many chunks are always allowed; beyond, there must be some bytes for each.
_FREE_CHUNKS = 10_000
_BYTES_A_CHUNK = 100
# Allowance for a header or checksum beside the values.
_SPARE_BYTES = 10**6
_LZMA_MEMORY = 100 * 10**6
_MISSING = 2**64 - 1


class ZarrPixels:
    """A Zarr array; only the chunks that are needed are read.

    Args:
        folder: of the array.
        description: of it.
        path: of the image, for messages.

    Attributes:
        num_missing: number of missing files of chunks or shards, whose pixels have the fill
            value.

    Raises:
        ValueError: it claims far more than it holds, or holds links, pipes or devices.
    """

    def __init__(self, folder: Path, description: ArrayDescription, path: Path) -> None:
        self.shape = description.shape
        # Version 3 has the byte order of the codec, not of the array.
        self.dtype = description.dtype
        self._folder = folder
        self._description = description
        self._path = path
        self._sizes = _file_sizes(folder)
        self._index: tuple[str, np.ndarray] | None = None
        self.num_missing = _check_budget(description, self._sizes, path)

    def __getitem__(self, index: Any, /) -> np.ndarray:
        spans = [range(*part.indices(length)) for part, length in zip(index, self.shape)]
        description = self._description
        result = np.full([len(span) for span in spans], description.fill_value, self.dtype)
        grid = [range(span.start // length, -(-span.stop // length)) if span else range(0)
                for span, length in zip(spans, description.chunks)]
        try:
            for place in itertools.product(*grid):
                chunk = self._chunk(place)
                if chunk is not None:
                    source, target = zip(*(
                        overlap(span, number * length, length)
                        for number, length, span in zip(place, description.chunks, spans)))
                    result[target] = chunk[source]
        except Exception as error:  # damaged bytes make a decoder raise nearly anything
            raise UserError(f"{self._path} cannot be read as an OME-Zarr image: "
                            f"{one_line(error)}. Get a whole copy.") from error
        return result

    def _chunk(self, place: tuple[int, ...]) -> np.ndarray | None:
        """Return the values of a chunk; None if it is missing."""
        description = self._description
        if description.shards is None:
            name = _chunk_name(description, place)
            if name not in self._sizes:
                return None
            content = (self._folder / name).read_bytes()
        else:
            ratio = [outer // inner for outer, inner in zip(
                description.shards.shape, description.chunks)]
            name = _chunk_name(description, tuple(map(int.__floordiv__, place, ratio)))
            if name not in self._sizes:
                return None
            within = tuple(map(int.__mod__, place, ratio))
            offset, count = self._shard_index(name, ratio)[within].tolist()
            if offset == count == _MISSING:
                return None
            if offset + count > self._sizes[name]:
                raise ValueError(f"{name} is cut short")
            if count > 1.1 * _chunk_bytes(description) + _SPARE_BYTES:
                raise ValueError(f"a chunk in {name} has {count} bytes, though it should have "
                                 f"{_chunk_bytes(description)}")
            content = _read_part(self._folder / name, offset, count)
        return _decoded(content, description.encoding, description.chunks, name)

    def _shard_index(self, name: str, ratio: list[int]) -> np.ndarray:
        """Return offset and number of bytes of each chunk in a shard, uint64 (..., 2)."""
        if self._index is None or self._index[0] != name:
            shards = self._description.shards
            assert shards is not None
            num_chunks, size = math.prod(ratio), self._sizes[name]
            length = 16 * num_chunks + 4 * shards.index.has_checksum
            if length > size:
                raise ValueError(f"{name} is cut short")
            content = _read_part(self._folder / name,
                                 0 if shards.index_is_first else size - length, length)
            table = _decoded(content, shards.index, (num_chunks, 2), name)
            self._index = name, table.reshape(*ratio, 2)
        return self._index[1]


def _chunk_bytes(description: ArrayDescription) -> int:
    """Return the bytes of an unpacked chunk at its largest."""
    return math.prod(description.chunks) * max(
        description.dtype.itemsize, _stored_type(description.encoding).itemsize)


def _chunk_name(description: ArrayDescription, place: tuple[int, ...]) -> str:
    return description.separator.join((*description.prefix, *map(str, place)))


def _read_part(path: Path, offset: int, count: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(count)


def _decoded(content: bytes, encoding: Encoding, shape: tuple[int, ...], name: str) -> np.ndarray:
    """Decode the bytes of a chunk.

    Args:
        content: of the chunk.
        encoding: of the content.
        shape: of the values.
        name: of the file, for messages.

    Raises:
        ValueError: the number of bytes does not fit the shape.
        Exception: a codec found them damaged.
    """
    if encoding.has_checksum:
        import numcodecs
        content = bytes(numcodecs.CRC32C(location="end").decode(content))
    num_bytes = math.prod(shape) * _stored_type(encoding).itemsize
    if encoding.compressor:
        try:
            content = bytes(_DECODERS[encoding.compressor](content, num_bytes))
        except Exception as error:  # each decoder has its own
            raise ValueError(f"a chunk in {name} is damaged, or unpacks to more than {num_bytes} "
                             "bytes") from error
    if len(content) != num_bytes:
        raise ValueError(f"a chunk in {name} has {len(content)} bytes, not {num_bytes}")
    for filter_name, settings in reversed(encoding.filters):
        content = _FILTERS[filter_name](content, settings, encoding)
    values = np.frombuffer(content, encoding.dtype)
    return values.reshape([shape[axis] for axis in encoding.order]).transpose(
        np.argsort(encoding.order))


def _stored_type(encoding: Encoding) -> np.dtype:
    """Return the type of what is compressed: filters may change it."""
    types = [settings.get("astype", settings.get("dtype")) for name, settings in encoding.filters
             if name == "delta"]
    return np.dtype(types[-1]) if types else encoding.dtype


def _inflated(decoder: Any, content: bytes, num_bytes: int) -> bytes:
    """Unpack with one of Python's decoders, up to one byte more than expected."""
    unpacked = decoder.decompress(content, num_bytes + 1)
    if len(unpacked) == num_bytes and decoder.unused_data:
        raise ValueError("bytes follow its end")
    return bytes(unpacked)


def _unpack_lz4(content: bytes, num_bytes: int) -> bytes:
    """Unpack LZ4 preceded by its length."""
    if struct.unpack_from("<i", content) != (num_bytes,):
        raise ValueError("its length is different")
    return bytes(imagecodecs.lz4_decode(content[4:], out=num_bytes))


# From bytes, and how many they must unpack to.
_DECODERS: dict[str, Callable[[bytes, int], bytes | bytearray]] = {
    "blosc": lambda content, num_bytes: imagecodecs.blosc_decode(content, out=num_bytes),
    "bz2": lambda content, num_bytes: _inflated(bz2.BZ2Decompressor(), content, num_bytes),
    "gzip": lambda content, num_bytes: _inflated(zlib.decompressobj(31), content, num_bytes),
    "lz4": _unpack_lz4,
    "lzma": lambda content, num_bytes: _inflated(
        lzma.LZMADecompressor(memlimit=_LZMA_MEMORY), content, num_bytes),
    "zlib": lambda content, num_bytes: _inflated(zlib.decompressobj(), content, num_bytes),
    "zstd": lambda content, num_bytes: imagecodecs.zstd_decode(content, out=num_bytes)}


def _undo_delta(content: bytes, settings: dict[str, Any], encoding: Encoding) -> bytes:
    """Sum the differences of neighbours."""
    dtype = np.dtype(settings.get("dtype", encoding.dtype))
    differences = np.frombuffer(content, settings.get("astype", dtype))
    return np.cumsum(differences, dtype=dtype.newbyteorder("=")).astype(dtype).tobytes()


def _undo_shuffle(content: bytes, settings: dict[str, Any], _: Encoding) -> bytes:
    """Reassemble the bytes of each value."""
    size = settings.get("elementsize", 4)
    if type(size) is not int or not 0 < size <= len(content) or len(content) % size:
        raise ValueError("its bytes cannot be unshuffled")
    return np.frombuffer(content, np.uint8).reshape(size, -1).T.tobytes()


_FILTERS = {"delta": _undo_delta, "shuffle": _undo_shuffle}


def _file_sizes(folder: Path) -> dict[str, int]:
    """Map each file's path in the folder to its size; refuse links, pipes and devices."""
    sizes = {}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                sizes[path.relative_to(folder).as_posix()] = status.st_size
            elif not stat.S_ISDIR(status.st_mode):
                raise ValueError(f"{name} in it is a link, a pipe or a device")
    return sizes


def _check_budget(description: ArrayDescription, sizes: dict[str, int], path: Path) -> int:
    """Refuse an array that claims far more than its files hold.

    Returns:
        The number of missing files.

    Raises:
        ValueError: it claims too many bytes, too large a chunk or too many chunks; or a file
            is larger than a chunk.
    """
    stored = {name: size for name, size in sizes.items() if name[0] not in ".z"}
    if not stored:
        raise ValueError("it holds none of its chunks")
    array_bytes = math.prod(description.shape) * description.dtype.itemsize
    check_expansion(array_bytes, path, size=sum(stored.values()))
    chunk_bytes = _chunk_bytes(description)
    if chunk_bytes > max(_LARGE_CHUNK_BYTES, array_bytes):
        raise ValueError(f"its chunks have {byte_size(chunk_bytes)}, though the whole has "
                         f"{byte_size(array_bytes)}")
    largest = max(stored.values())
    if chunk_bytes > max(_HUGE_CHUNK_BYTES, _HUGE_CHUNK_EXPANSION * largest):
        raise ValueError(f"its chunks have {byte_size(chunk_bytes)}, over "
                         f"{_HUGE_CHUNK_EXPANSION} times what its largest file holds")
    if description.shards is None and largest > 1.1 * chunk_bytes + _SPARE_BYTES:
        # Compression makes nothing much larger, and the excess would be unpacked unchecked.
        name = max(stored, key=stored.__getitem__)
        raise ValueError(f"{name} has {largest} bytes, though a chunk has {chunk_bytes}")
    num_chunks = _grid_size(description.shape, description.chunks)
    if num_chunks > max(_FREE_CHUNKS, sum(stored.values()) // _BYTES_A_CHUNK):
        raise ValueError(f"it claims {num_chunks} chunks, too many for the "
                         f"{sum(stored.values())} bytes it holds")
    files = description.shards.shape if description.shards else description.chunks
    return max(0, _grid_size(description.shape, files) - len(stored))


def _grid_size(shape: tuple[int, ...], chunks: tuple[int, ...]) -> int:
    return math.prod(-(-length // chunk) for length, chunk in zip(shape, chunks))
