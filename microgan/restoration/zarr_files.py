"""OME-Zarr images: read chunk by chunk, written back as they were."""

from __future__ import annotations

import contextlib
import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from microgan.datasets.file_notes import VoxelSize
from microgan.datasets.tiff_sizes import UM_PER_UNIT, positive_size
from microgan.errors import UserError, one_line, printable
from microgan.files.channel_names import as_names
from microgan.files.whole import folder_written_whole
from microgan.restoration.displayed import IntensityMap
from microgan.restoration.stored_images import ImageFile, Scratch, stored_image
from microgan.restoration.tiles import parts
from microgan.restoration.zarr_chunks import ZarrPixels
from microgan.restoration.zarr_layouts import find_image
from microgan.restoration.zarr_metadata import inside, read_array, read_json

# Pixels that are copied together; enough to write each chunk of usual size once.
_COPIED_PIXELS = 2**24
# Chunks up to this size are written on trial.
_TRIED_PIXELS = 2**22


class ZarrFile(ImageFile):
    """An OME-Zarr image (versions 0.1 to 0.5): a folder with an array for each level.

    Args:
        path: folder, `.zarr` or any that is a Zarr group; as `find_image` takes it.
        axes: one letter per axis, or None for what the metadata say.

    Raises:
        UserError: the extra is not installed; the folder can't be read, or holds no image or
            several; its values or their encoding are of a kind that microgan does not read;
            or as `stored_image`.
    """

    def __init__(self, path: Path, axes: str | None) -> None:
        _import_zarr(path)
        with _refused(path, "Name the folder that holds 'multiscales'"):
            self._group = find_image(path)
            multiscale, *others = self._group.ome["multiscales"]
            first, *smaller = multiscale["datasets"]
            self._name = first["path"]
            self._folder = inside(self._group.folder, self._name)
            own_axes = ""
            with contextlib.suppress(*([ValueError, TypeError] if axes else [])):
                own_axes = _axes(multiscale.get("axes") or ())
        with _refused(path, "Get a whole copy, or write it again, with zstd, blosc or zlib"):
            self._array = read_array(self._folder, self._group.version)
            pixels = ZarrPixels(self._folder, self._array, path)
            with tempfile.TemporaryDirectory() as temporary:  # find failures before the work
                array = self._describe(Path(temporary), pixels.dtype)
                if math.prod(self._array.chunks) <= _TRIED_PIXELS and 0 not in pixels.shape:
                    array[(slice(0, 1),) * len(pixels.shape)] = 1
        self.images = (stored_image(pixels, own_axes, axes, path, channel_names=_channel_names(
            self._group.ome.get("omero"), own_axes, pixels.shape)),)
        self.losses = (
            *(["its smaller copies (pyramid levels) are not kept"] if smaller or others else ()),
            *(["its labels are not kept"] if (self._group.folder / "labels").is_dir() else ()),
            *([f"what lies around the image {self._group.folder} is not kept"]
              if self._group.folder != path else ()))
        self.voxel_size_um = _voxel_size_um(multiscale, first)
        if pixels.num_missing:
            self.notes = (f"chunks that are not stored ({pixels.num_missing}) are read as the "
                          f"fill value, {self._array.fill_value}",)

    def write_like(self, path: Path, pixels: Sequence[Scratch],
                   maps: Sequence[Sequence[IntensityMap]] = ()) -> None:
        (only,) = pixels
        with folder_written_whole(path) as folder:
            array = self._describe(folder, only.dtype)
            for where in parts(only.shape, _COPIED_PIXELS):
                array[where] = only[where]

    def _describe(self, folder: Path, dtype: np.dtype) -> Any:
        """Write the metadata of the image for values of a type; return the empty array."""
        group, inner = self._group, folder
        (multiscale, *_) = group.ome["multiscales"]
        kept = {"multiscales": [{**multiscale, "datasets": multiscale["datasets"][:1]}]}
        attributes = {**group.attributes, **(
            {"ome": {**group.ome, **kept}} if "ome" in group.attributes else kept)}
        _write_node(inner, group.version, "group", group.content, attributes)
        *outer, last = self._name.split("/")
        for part in outer:
            inner = inner / part
            inner.mkdir()
            _write_node(inner, group.version, "group", {}, {})
        inner = inner / last
        inner.mkdir()
        content = self._array.content_for(dtype)
        _write_node(inner, group.version, "array", content, content.get("attributes") if
                    group.version == 3 else read_json(self._folder, ".zattrs"))
        zarr = _import_zarr(folder)
        # Chunks of nothing but the fill value are written, too: otherwise they seem missing.
        with zarr.config.set({"array.write_empty_chunks": True}):
            return zarr.open_array(str(inner), mode="r+", zarr_format=group.version)


@contextmanager
def _refused(path: Path, remedy: str) -> Iterator[None]:
    """Turn any failure in the block into a `UserError`."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # damaged metadata raise nearly anything
        raise UserError(f"{path} cannot be read as an OME-Zarr image: {one_line(error)}. "
                        f"{remedy}.") from error


def _axes(content: Any) -> str:
    """Return one letter per axis; since version 0.4 each axis is an object."""
    names = [axis["name"] if isinstance(axis, dict) else axis for axis in content]
    for name in names:
        if not (isinstance(name, str) and len(name) == 1 and name.isalpha() and name.isascii()):
            raise ValueError(f"its axis '{printable(name, limit=60)}' is not a single letter")
    return "".join(names).upper()


def _channel_names(omero: Any, axes: str, shape: Sequence[int]) -> tuple[str, ...]:
    """Return the labels of the channels, "" where the file gives none."""
    count = shape[axes.index("C")] if "C" in axes and len(axes) == len(shape) else 1
    channels = omero.get("channels") if isinstance(omero, dict) else None
    return as_names([channel.get("label") if isinstance(channel, dict) else None for channel in
                     (channels if isinstance(channels, list) else ())], count)


def _voxel_size_um(multiscale: dict[str, Any], level: dict[str, Any]) -> VoxelSize:
    """Return pixel size and slice spacing, None where not given in a known unit."""
    try:
        scales = [step["scale"] for part in (level, multiscale)
                  for step in part.get("coordinateTransformations", ()) if step["type"] == "scale"]
        sizes = {axis["name"]: positive_size(UM_PER_UNIT[axis["unit"]] * math.prod(scale))
                 for axis, scale in zip(multiscale["axes"], zip(*scales))
                 if axis.get("unit") in UM_PER_UNIT}
    except (AttributeError, KeyError, TypeError, ValueError):
        return None, None
    return sizes.get("x"), sizes.get("z")


def _write_node(folder: Path, version: int, kind: str, content: dict[str, Any],
                attributes: dict[str, Any] | None) -> None:
    """Write the JSON of a Zarr group or array."""
    content = {"zarr_format": version, **content}
    if version == 3:
        _write_json(folder / "zarr.json", {
            **content, "node_type": kind, "attributes": attributes or {}})
    else:
        _write_json(folder / f".z{kind}", content)
        if attributes is not None:
            _write_json(folder / ".zattrs", attributes)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _import_zarr(path: Path) -> Any:
    try:
        import zarr
    except ImportError as error:
        raise UserError(f"{path} is an OME-Zarr image, which needs an extra: pip install "
                        "'microgan[zarr]'.") from error
    return zarr
