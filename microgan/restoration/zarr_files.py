"""OME-Zarr images: read chunk by chunk, written back as they were."""

from __future__ import annotations

import copy
import math
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microgan.array_files import check_expansion
from microgan.errors import UserError, one_line
from microgan.restoration.stored_images import ImageFile, Scratch, stored_image
from microgan.restoration.tiles import parts

# Pixels that are copied together: with chunks of usual size, each is written once.
_COPIED_PIXELS = 2**24
# Of the descriptions beside the chunks.
_METADATA_BYTES = 10**6


class ZarrFile(ImageFile):
    """An OME-Zarr image (versions 0.4 and 0.5): a folder with an array for each level.

    Args:
        path: folder, `.zarr`.
        axes: one letter per axis, or None for what the metadata say.

    Raises:
        UserError: the extra is not installed, the folder can't be read or holds no image,
            or as `stored_image`.
    """

    def __init__(self, path: Path, axes: str | None) -> None:
        zarr = _import_zarr(path)
        try:
            sizes = _file_sizes(path)
            self._group = zarr.open_group(path, mode="r")
            self._attributes = dict(self._group.attrs)
            (multiscale, *others) = self._ome()["multiscales"]
            first, *smaller = multiscale["datasets"]
            self._array = self._group[first["path"]]
            own_axes = "".join(axis["name"].upper() for axis in multiscale.get("axes", ()))
            _check_sizes(self._array, path, sizes)
        except Exception as error:  # a damaged folder makes zarr raise nearly anything
            raise UserError(f"{path} cannot be read as an OME-Zarr image: {one_line(error)}. Name "
                            "the folder that holds 'multiscales'.") from error
        self.images = (stored_image(_ZarrPixels(self._array, path), own_axes, axes, path),)
        if smaller or others:
            self.losses += ("its smaller copies (pyramid levels) are not kept",)
        if "labels" in self._group:
            self.losses += ("its labels are not kept",)

    def write_like(self, path: Path, pixels: Sequence[Scratch]) -> None:
        (only,) = pixels
        temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
        try:
            self._write(temporary, only)
            if path.exists():
                shutil.rmtree(path)
            os.replace(temporary, path)
        except OSError as error:
            raise UserError(f"Cannot write {path}: {error.strerror or error}. Free some space or "
                            "choose another folder.") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _write(self, folder: Path, pixels: Scratch) -> None:
        array = self._array
        version = array.metadata.zarr_format
        group = _import_zarr(folder).open_group(folder, mode="w", zarr_format=version)
        written = group.create_array(
            array.path or array.name.strip("/"), shape=pixels.shape, dtype=pixels.dtype,
            chunks=array.chunks, shards=array.shards if version == 3 else None,
            compressors=array.compressors or None, fill_value=0,
            dimension_names=array.metadata.dimension_names if version == 3 else None,
            chunk_key_encoding=(array.metadata.chunk_key_encoding if version == 3 else {
                "name": "v2", "separator": array.metadata.dimension_separator}))
        for where in parts(pixels.shape, _COPIED_PIXELS):
            written[where] = pixels[where]
        attributes = copy.deepcopy(self._attributes)
        (multiscale, *_) = self._ome(attributes)["multiscales"]
        multiscale["datasets"] = multiscale["datasets"][:1]
        self._ome(attributes)["multiscales"] = [multiscale]
        group.attrs.update(attributes)

    def _ome(self, attributes: dict[str, Any] | None = None) -> dict[str, Any]:
        """The metadata: within "ome" since version 0.5."""
        attributes = self._attributes if attributes is None else attributes
        return attributes.get("ome", attributes)


class _ZarrPixels:
    """A zarr array whose damaged chunks are a user's error."""

    def __init__(self, array: Any, path: Path) -> None:
        self.shape: tuple[int, ...] = array.shape
        self.dtype = array.dtype
        self._array = array
        self._path = path

    def __getitem__(self, index: Any, /) -> np.ndarray:
        try:
            return np.asarray(self._array[index])
        except Exception as error:
            raise UserError(f"{self._path} cannot be read as an OME-Zarr image: "
                            f"{one_line(error)}. Get a whole copy.") from error


def _file_sizes(folder: Path) -> dict[str, int]:
    """Bytes of every file, by its path in the folder; refuses links, pipes and devices."""
    sizes = {}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode):
                sizes[os.path.relpath(path, folder)] = status.st_size
            elif not stat.S_ISDIR(status.st_mode):
                raise ValueError(f"{name} in it is a link, a pipe or a device")
    return sizes


def _check_sizes(array: Any, path: Path, sizes: dict[str, int]) -> None:
    """Refuse an array that claims far more than its files hold, or files larger than a chunk."""
    check_expansion(array.nbytes, path, size=sum(sizes.values()))
    stored = math.prod(array.shards or array.chunks) * array.dtype.itemsize
    for name, size in sizes.items():
        # Compression makes nothing much larger; what is larger would be unpacked unchecked.
        if Path(name).is_relative_to(array.path) and size > 1.1 * stored + _METADATA_BYTES:
            raise ValueError(f"{name} has {size} bytes, though a chunk has {stored}")


def _import_zarr(path: Path) -> Any:
    try:
        import zarr
    except ImportError as error:
        raise UserError(f"{path} is an OME-Zarr image, which needs more: pip install "
                        "'microgan[zarr]'.") from error
    return zarr
