"""The image of an OME-Zarr: what its metadata say, and its pixels, read chunk by chunk."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microgan.errors import UserError, one_line, printable
from microgan.files.channel_names import as_names
from microgan.files.voxel_sizes import UM_PER_UNIT, VoxelSize, positive_size
from microgan.files.zarr_chunks import ZarrPixels
from microgan.files.zarr_layouts import Group, find_image
from microgan.files.zarr_metadata import ArrayDescription, inside, read_array


@dataclass(frozen=True)
class ZarrImage:
    """The image of an OME-Zarr of version 0.1 to 0.5.

    Args:
        group: that holds it.
        name: of the array of its full size, below the group.
        array: how that is stored.
        pixels: of it.
        axes: one letter each; "" if the file names none.
        channel_names: of the channels, "" for one without a name.
        voxel_size_um: distances between pixels and between slices, None where unknown.
        has_copies: whether there are smaller copies of it.
        notes: what the user should know about how it is read, a line each.
    """

    group: Group
    name: str
    array: ArrayDescription
    pixels: ZarrPixels
    axes: str
    channel_names: tuple[str, ...]
    voxel_size_um: VoxelSize
    has_copies: bool
    notes: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """The folder of the array."""
        return self.group.folder / self.name


def open_zarr(path: Path, *, needs_axes: bool = True) -> ZarrImage:
    """Open the image of an OME-Zarr without reading its pixels.

    Args:
        path: folder, `.zarr` or any that is a Zarr group; as `find_image` takes it.
        needs_axes: whether axes of a kind that microgan does not know are an error.

    Raises:
        UserError: the folder can't be read, or holds no image or several; or its values or
            their encoding are of a kind that microgan does not read.
    """
    with zarr_errors(path, "Name the folder that holds 'multiscales'"):
        group = find_image(path)
        multiscale, *others = group.ome["multiscales"]
        first, *smaller = multiscale["datasets"]
        name = first["path"]
        folder = inside(group.folder, name)
        axes = ""
        with contextlib.suppress(*([] if needs_axes else [ValueError, TypeError])):
            axes = _axes(multiscale.get("axes") or ())
    with zarr_errors(path, "Get a whole copy, or write it again, with zstd, blosc or zlib"):
        array = read_array(folder, group.version)
        pixels = ZarrPixels(folder, array, path)
    notes = () if not pixels.num_missing else (
        f"chunks that are not stored ({pixels.num_missing}) are read as the fill value, "
        f"{array.fill_value}",)
    return ZarrImage(group, name, array, pixels, axes,
                     _channel_names(group.ome.get("omero"), axes, pixels.shape),
                     _voxel_size_um(multiscale, first), bool(smaller or others), notes)


@contextmanager
def zarr_errors(path: Path, remedy: str) -> Iterator[None]:
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
