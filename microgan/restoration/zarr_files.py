"""OME-Zarr images: read chunk by chunk, written back as they were."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microgan.datasets.enlarged import enlarged_shape
from microgan.errors import UserError
from microgan.files.whole import folder_written_whole
from microgan.files.zarr_images import open_zarr, zarr_errors
from microgan.files.zarr_metadata import read_json
from microgan.restoration.displayed import IntensityMap
from microgan.restoration.stored_images import ImageFile, Scratch, stored_image
from microgan.restoration.tiles import parts

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
        self._image = image = open_zarr(path, needs_axes=not axes)
        with zarr_errors(path, "Get a whole copy, or write it again, with zstd, blosc or zlib"):
            with tempfile.TemporaryDirectory() as temporary:  # find failures before the work
                array = self._describe(Path(temporary), image.pixels.dtype)
                if math.prod(image.array.chunks) <= _TRIED_PIXELS and 0 not in image.pixels.shape:
                    array[(slice(0, 1),) * len(image.pixels.shape)] = 1
        self.images = (stored_image(image.pixels, image.axes, axes, path,
                                    channel_names=image.channel_names),)
        self.losses = (
            *(["its smaller copies (pyramid levels) are not kept"] if image.has_copies else ()),
            *(["its labels are not kept"] if (image.group.folder / "labels").is_dir() else ()),
            *([f"what lies around the image {image.group.folder} is not kept"]
              if image.group.folder != path else ()))
        self.voxel_size_um = image.voxel_size_um
        self.notes = image.notes

    def write_like(self, path: Path, pixels: Sequence[Scratch],
                   maps: Sequence[Sequence[IntensityMap]] = ()) -> None:
        (only,) = pixels
        with folder_written_whole(path) as folder:
            array = self._describe(folder, only.dtype)
            for where in parts(only.shape, _COPIED_PIXELS):
                array[where] = only[where]

    def _describe(self, folder: Path, dtype: np.dtype) -> Any:
        """Write the metadata of the image for values of a type; return the empty array."""
        group, inner = self._image.group, folder
        (multiscale, *_) = group.ome["multiscales"]
        level = multiscale["datasets"][0]
        content = self._image.array.content_for(dtype)
        if self.enlarged > 1:
            (image,) = self.images
            level = _enlarged_level(level, image.axes, self.enlarged)
            content = {**content, "shape": list(enlarged_shape(content["shape"], image.axes,
                                                               self.enlarged))}
        kept = {"multiscales": [{**multiscale, "datasets": [level]}]}
        attributes = {**group.attributes, **(
            {"ome": {**group.ome, **kept}} if "ome" in group.attributes else kept)}
        _write_node(inner, group.version, "group", group.content, attributes)
        *outer, last = self._image.name.split("/")
        for part in outer:
            inner = inner / part
            inner.mkdir()
            _write_node(inner, group.version, "group", {}, {})
        inner = inner / last
        inner.mkdir()
        _write_node(inner, group.version, "array", content, content.get("attributes") if
                    group.version == 3 else read_json(self._image.folder, ".zattrs"))
        zarr = _import_zarr(folder)
        # Chunks of nothing but the fill value are written, too: otherwise they seem missing.
        with zarr.config.set({"array.write_empty_chunks": True}):
            return zarr.open_array(str(inner), mode="r+", zarr_format=group.version)


def _enlarged_level(level: dict[str, Any], axes: str, factor: int) -> dict[str, Any]:
    """Return the metadata of a level whose pixels are smaller along Y and X."""
    if "coordinateTransformations" not in level:
        return level
    scale = next((step["scale"] for step in level["coordinateTransformations"]
                  if step["type"] == "scale"), None)
    steps = []
    for step in level["coordinateTransformations"]:
        values = step.get(step["type"])
        if step["type"] == "scale" and isinstance(values, list):
            step = {**step, "scale": [size / factor if axis in "YX" else size
                                      for axis, size in zip(axes, values)]}
        elif step["type"] == "translation" and scale is not None and isinstance(values, list):
            # Of the centre of the first pixel, which is nearer to the border.
            step = {**step, "translation": [
                place - 0.5 * size * (1 - 1 / factor) if axis in "YX" else place
                for axis, place, size in zip(axes, values, scale)]}
        steps.append(step)
    return {**level, "coordinateTransformations": steps}


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
