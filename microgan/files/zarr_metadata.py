"""The JSON of an OME-Zarr, read and checked before anything else is opened."""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgan.runtime.amounts import byte_size
from microgan.errors import printable

# Largest and deepest JSON file: more than a large plate needs.
_JSON_BYTES = 10**7
_JSON_DEPTH = 100
_MAX_AXES = 16
_MAX_FILTERS = 4
# Codecs that microgan itself decodes. No other is run, whatever is installed.
COMPRESSORS = ("blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd")
FILTERS = ("delta", "shuffle")
_V3_COMPRESSORS = ("blosc", "gzip", "zstd")
_V3_CODECS = ("bytes", "transpose", "crc32c", "sharding_indexed", *_V3_COMPRESSORS)
_V2_TYPE = re.compile("[<>|](u1|i1|[ui][248]|f[248])")
_V3_TYPES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16",
             "float32", "float64")
_V2_KEYS = {"zarr_format", "shape", "chunks", "dtype", "compressor", "fill_value", "order",
            "filters", "dimension_separator"}
_V3_KEYS = {"zarr_format", "node_type", "shape", "data_type", "chunk_grid", "chunk_key_encoding",
            "fill_value", "codecs", "attributes", "dimension_names", "storage_transformers"}


@dataclass(frozen=True)
class Encoding:
    """How the values of a chunk become bytes.

    Args:
        dtype: of the stored values, byte order included.
        order: the axes in the order in which they are stored.
        filters: of version 2, name and settings each, in the order of writing.
        compressor: name, or None. Its settings are in the bytes, too.
        has_checksum: whether a CRC-32C follows the bytes.
    """

    dtype: np.dtype
    order: tuple[int, ...]
    filters: tuple[tuple[str, dict[str, Any]], ...] = ()
    compressor: str | None = None
    has_checksum: bool = False


@dataclass(frozen=True)
class Shards:
    """How chunks are grouped in files.

    Args:
        shape: of a shard, multiples of the chunk's.
        index: encoding of the table of places, uint64 (chunks, 2).
        index_is_first: whether it is at the file's start.
    """

    shape: tuple[int, ...]
    index: Encoding
    index_is_first: bool


@dataclass(frozen=True)
class ArrayDescription:
    """A Zarr array, as its JSON describes it.

    Args:
        version: 2 or 3.
        content: the JSON.
        shape: of the array.
        dtype: of its values.
        chunks: shape of a chunk, within a shard if there are some.
        fill_value: of missing chunks.
        encoding: of a chunk.
        shards: or None.
        prefix: before the numbers in a chunk's file name.
        separator: between them.
    """

    version: int
    content: dict[str, Any]
    shape: tuple[int, ...]
    dtype: np.dtype
    chunks: tuple[int, ...]
    fill_value: Any
    encoding: Encoding
    shards: Shards | None
    prefix: tuple[str, ...]
    separator: str

    def content_for(self, dtype: np.dtype) -> dict[str, Any]:
        """Return the JSON of an array like this one for values of another type."""
        if dtype == self.dtype:
            return self.content
        if self.version == 2:
            # Differences of floating-point numbers are not exact.
            kept = [item for item in self.content["filters"] or () if item["id"] != "delta"]
            return {**self.content, "dtype": dtype.str, "fill_value": 0, "filters": kept or None}
        return {**self.content, "data_type": dtype.name, "fill_value": 0,
                "codecs": _with_byte_order(self.content["codecs"])}


def _with_byte_order(codecs: list[Any]) -> list[Any]:
    """Return codecs of version 3 that also store values of several bytes."""
    changed = []
    for name, settings in _codecs(codecs):
        if name == "bytes":
            settings = {"endian": "little", **settings}
        elif name == "sharding_indexed":
            settings = {**settings, "codecs": _with_byte_order(settings["codecs"])}
        changed.append({"name": name, **({"configuration": settings} if settings else {})})
    return changed


def is_zarr_folder(path: Path) -> bool:
    """Whether a folder is a Zarr group or array, whatever its name."""
    return any(os.path.lexists(path / name) for name in (
        ".zgroup", ".zattrs", ".zarray", "zarr.json"))


def read_json(folder: Path, name: str) -> dict[str, Any] | None:
    """Read a JSON object in a folder; None if there is no such file.

    Raises:
        ValueError: it is not a regular file, too large, too deep, or not an object.
    """
    path = folder / name
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{name} in it is a link, a pipe or a device")
    if status.st_size > _JSON_BYTES:
        raise ValueError(f"{name} in it has {byte_size(status.st_size)}, more than "
                         f"{byte_size(_JSON_BYTES)}")
    try:
        content = json.loads(path.read_bytes())
    except RecursionError:
        raise ValueError(f"{name} in it is over {_JSON_DEPTH} levels deep") from None
    if not isinstance(content, dict):
        raise ValueError(f"{name} in it is not a JSON object")
    level: list[Any] = [content]
    for _ in range(_JSON_DEPTH):
        level = [inner for node in level for inner in _inner(node)]
    if level:
        raise ValueError(f"{name} in it is over {_JSON_DEPTH} levels deep")
    return content


def _inner(node: Any) -> Iterator[Any]:
    for value in (node.values() if isinstance(node, dict) else node):
        if isinstance(value, dict | list):
            yield value


def inside(folder: Path, path: Any) -> Path:
    """Return a folder within another, as metadata name it.

    Raises:
        ValueError: it is a link, or leads out of the other.
    """
    parts = path.split("/") if isinstance(path, str) else [""]
    if any(part in ("", ".", "..") or re.search(r"[\\:\0]", part) for part in parts):
        raise ValueError(f"the path '{printable(path, limit=60)}' in it does not lead to a folder "
                         "within")
    for part in parts:
        folder = folder / part
        if folder.is_symlink():
            raise ValueError(f"{printable(path, limit=60)} in it is a link")
    return folder


def read_array(folder: Path, version: int) -> ArrayDescription:
    """Read and check the metadata of an array.

    Args:
        folder: of the array.
        version: of the Zarr format, 2 or 3.

    Raises:
        ValueError, KeyError, TypeError and others: it is damaged, or of a kind that is not read.
    """
    name = ".zarray" if version == 2 else "zarr.json"
    content = read_json(folder, name)
    if content is None or content.get("node_type", "array") != "array":
        raise ValueError(f"{folder.name} in it is not an array")
    if content["zarr_format"] != version:
        raise ValueError(f"{folder.name} in it is not of version {version} of the format, as the "
                         "whole is")
    return _read_v2(content) if version == 2 else _read_v3(content)


def _read_v2(content: dict[str, Any]) -> ArrayDescription:
    _refuse_keys(set(content) - _V2_KEYS)
    filters = tuple(_codec(item, "id", FILTERS, "filter") for item in content["filters"] or ())
    compressor = None if content["compressor"] is None else _codec(
        content["compressor"], "id", COMPRESSORS, "compressor")[0]
    if compressor == "lzma" and content["compressor"].get("filters"):
        raise ValueError("its compressor lzma has filters, which may take any memory")
    text = content["dtype"]
    dtype = _v2_type(text)
    shape = _lengths(content["shape"], "shape", least=0)
    chunks = _lengths(content["chunks"], "shape of a chunk", like=shape)
    if content["order"] not in ("C", "F"):
        raise ValueError(f"its order '{printable(content['order'], limit=20)}' is not C or F")
    order = tuple(range(len(shape)))
    _check_filters(filters, dtype)
    return ArrayDescription(
        2, content, shape, dtype, chunks, _fill_value(content["fill_value"], dtype),
        Encoding(dtype, order if content["order"] == "C" else order[::-1], filters, compressor),
        None, (), _separator(content.get("dimension_separator", ".")))


def _check_filters(filters: Sequence[tuple[str, dict[str, Any]]], dtype: np.dtype) -> None:
    """Refuse filters of which each would make a chunk larger than the one before."""
    if len(filters) > _MAX_FILTERS:
        raise ValueError(f"it has {len(filters)} filters, more than {_MAX_FILTERS}")
    for filter_name, settings in filters:
        if filter_name == "delta":
            given = _v2_type(settings.get("dtype", dtype.str))
            if given.itemsize != dtype.itemsize:
                raise ValueError(f"its filter is for {given} values, but gets {dtype}")
            dtype = _v2_type(settings.get("astype", given.str))


def _read_v3(content: dict[str, Any]) -> ArrayDescription:
    _refuse_keys({key for key in set(content) - _V3_KEYS if not (
        isinstance(content[key], dict) and content[key].get("must_understand") is False)})
    if content.get("storage_transformers"):
        raise ValueError("it has a storage transformer, which is not supported")
    text = content["data_type"]
    if text not in _V3_TYPES:
        raise ValueError(_foreign("data type", text, _V3_TYPES))
    dtype = np.dtype(text)
    shape = _lengths(content["shape"], "shape", least=0)
    _, grid = _codec(content["chunk_grid"], "name", ("regular",), "chunk grid")
    chunks = _lengths(grid["chunk_shape"], "shape of a chunk", like=shape)
    key_name, key_settings = _codec(content["chunk_key_encoding"], "name", ("default", "v2"),
                                    "chunk key encoding")
    separator = _separator(key_settings.get("separator", "/" if key_name == "default" else "."))
    shards = None
    codecs = _codecs(content["codecs"])
    if codecs[0][0] == "sharding_indexed":
        (_, settings), = codecs
        inner = _lengths(settings["chunk_shape"], "shape of a chunk", like=shape)
        if any(outer % length for outer, length in zip(chunks, inner)):
            raise ValueError("its shards are not a whole number of chunks")
        if settings.get("index_location", "end") not in ("start", "end"):
            raise ValueError("its shards have their index neither at the start nor at the end")
        index = _v3_encoding(_codecs(settings["index_codecs"]), np.dtype(np.uint64), 2)
        if index.compressor or index.order != (0, 1):
            raise ValueError("its shards have a compressed index")
        shards = Shards(chunks, index, settings.get("index_location") == "start")
        chunks, codecs = inner, _codecs(settings["codecs"])
    return ArrayDescription(
        3, content, shape, dtype, chunks, _fill_value(content["fill_value"], dtype),
        _v3_encoding(codecs, dtype, len(shape)), shards,
        ("c",) if key_name == "default" else (), separator)


def _codecs(content: Any) -> list[tuple[str, dict[str, Any]]]:
    if not (isinstance(content, list) and 0 < len(content) <= _MAX_AXES):
        raise ValueError("its codecs are not a list, or too many")
    return [_codec(item, "name", _V3_CODECS, "codec") for item in content]


def _v3_encoding(codecs: Sequence[tuple[str, dict[str, Any]]], dtype: np.dtype,
                 num_axes: int) -> Encoding:
    """Read transpositions, bytes, at most one compressor and one checksum, in this order."""
    order = tuple(range(num_axes))
    names = [name for name, _ in codecs]
    pattern = rf"(transpose )*bytes (({'|'.join(_V3_COMPRESSORS)}) )?(crc32c )?"
    if not re.fullmatch(pattern, "".join(f"{name} " for name in names)):
        raise ValueError(f"its codecs {', '.join(names)} are not read in this order or number")
    compressor = None
    for name, settings in codecs:
        if name == "transpose":
            permutation = _lengths(settings["order"], "order", least=0)
            if sorted(permutation) != list(range(num_axes)):
                raise ValueError(f"its axes cannot be transposed by {permutation}")
            order = tuple(order[axis] for axis in permutation)
        elif name == "bytes":
            endian = settings.get("endian", "little")
            if endian not in ("little", "big"):
                raise ValueError(f"its byte order '{printable(endian, limit=20)}' is not known")
            dtype = dtype.newbyteorder("<" if endian == "little" else ">")
        elif name in _V3_COMPRESSORS:
            compressor = name
    return Encoding(dtype, order, (), compressor, "crc32c" in names)


def _codec(content: Any, key: str, known: Sequence[str],
           what: str) -> tuple[str, dict[str, Any]]:
    """Return name and settings of a codec or the like, if it is known."""
    if isinstance(content, str) and key == "name":
        content = {"name": content}
    if not isinstance(content, dict):
        raise ValueError(f"its {what} is not a JSON object")
    name = content.get(key)
    if name not in known:
        raise ValueError(_foreign(what, name, known))
    settings = content if key == "id" else content.get("configuration", {})
    if not isinstance(settings, dict):
        raise ValueError(f"its {what} '{name}' has settings that are not a JSON object")
    return str(name), settings


def _foreign(what: str, name: Any, known: Sequence[str]) -> str:
    """Describe what is known instead of a name; other codecs may run code."""
    names = known[0] if len(known) == 1 else f"{', '.join(known[:-1])} or {known[-1]}"
    return f"its {what} is '{printable(name, limit=60)}': only {names} can be read"


def _refuse_keys(keys: set[str]) -> None:
    if keys:
        raise ValueError(f"it has '{printable(min(keys), limit=60)}', which is not known")


def _v2_type(text: Any) -> np.dtype:
    if not (isinstance(text, str) and _V2_TYPE.fullmatch(text)):
        raise ValueError(f"its type is '{printable(text, limit=60)}': expected integers or real "
                         "floating-point numbers")
    return np.dtype(text)


def _lengths(content: Any, name: str, *, least: int = 1,
             like: Sequence[int] | None = None) -> tuple[int, ...]:
    if not (isinstance(content, list) and len(content) <= _MAX_AXES and all(
            type(length) is int and least <= length < 2**60 for length in content)
            and (like is None or len(like) == len(content))):
        raise ValueError(f"its {name} is {printable(content, limit=60)}: expected a whole number "
                         f"from {least} for each axis")
    return tuple(content)


def _separator(text: Any) -> str:
    if text not in (".", "/"):
        raise ValueError(f"its names of chunks are separated by '{printable(text, limit=20)}', "
                         "not by . or /")
    return str(text)


def _fill_value(value: Any, dtype: np.dtype) -> Any:
    if value is None:
        return dtype.type(0)
    if isinstance(value, str) and dtype.kind == "f":
        if value.startswith("0x"):
            return np.array(int(value, 16), f"u{dtype.itemsize}").view(dtype.newbyteorder("="))[()]
        if value in ("NaN", "Infinity", "-Infinity"):
            return dtype.type(float(value))
    if type(value) in (int, float) and math.isfinite(value):
        limits = np.iinfo(dtype) if dtype.kind in "iu" else None
        if limits is None or (value == int(value) and limits.min <= value <= limits.max):
            with np.errstate(over="ignore"):
                return np.array(value if limits is None else int(value)).astype(dtype)[()]
    raise ValueError(f"its fill value is {printable(value, limit=60)}")
