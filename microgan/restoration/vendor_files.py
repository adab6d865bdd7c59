"""Files of microscopes' makers, which are read plane by plane and written as OME-TIFF."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from microgan.errors import UserError, one_line
from microgan.files.vendor_images import VendorFile
from microgan.files.voxel_sizes import VoxelSize
from microgan.files.whole import written_whole
from microgan.restoration.stored_images import ImageFile, IntensityMap, Scratch, stored_image

# Of results as they are written: beyond, BigTIFF.
_CLASSIC_BYTES = 2**32 - 2**25
# Written on trial.
_BLANK_PX = 8
SUFFIX = ".ome.tif"


class MakersFile(ImageFile):
    """A CZI, LIF or ND2: its images, each with axes among T, Z and C, then Y and X.

    Args:
        path: `.czi`, `.lif` or `.nd2`.
        axes: must be None: the file tells.

    Raises:
        UserError: as `VendorFile`; or `axes` are given.
    """

    def __init__(self, path: Path, axes: str | None) -> None:
        if axes:
            raise UserError(f"{path} names its axes: leave out --axes.")
        self._path = path
        self._file = VendorFile(path)
        self.images = tuple(
            stored_image(image.pixels, image.axes, None, path, image.label,
                         image.channel_names) for image in self._file.images)
        self.voxel_size_um = self._file.images[0].voxel_size_um
        self.losses = ("written as OME-TIFF, with names of images and channels and the size of "
                       "pixels; other metadata are not kept",)

    def close(self) -> None:
        self._file.close()

    def check_writable(self, output_type: str | None) -> None:
        blank = [np.zeros((*image.pixels.shape[:-2], _BLANK_PX, _BLANK_PX),
                          output_type or image.pixels.dtype) for image in self.images]
        try:
            self._write(io.BytesIO(), blank)
        except Exception as error:  # tifffile raises nearly anything about what it cannot write
            raise UserError(f"{self._path} can be read, but not written as OME-TIFF: "
                            f"{one_line(error)}. Save it as OME-TIFF first.") from error

    def write_like(self, path: Path, pixels: Sequence[Scratch],
                   maps: Sequence[Sequence[IntensityMap]] = ()) -> None:
        with written_whole(path) as temporary:
            self._write(temporary, pixels)

    def _write(self, target: Path | io.BytesIO, pixels: Sequence[Any]) -> None:
        size = sum(int(np.prod(part.shape, dtype=np.int64)) * part.dtype.itemsize
                   for part in pixels)
        with tifffile.TiffWriter(target, ome=True, bigtiff=size > _CLASSIC_BYTES) as writer:
            for image, part in zip(self._file.images, pixels):
                writer.write(_planes(part), shape=part.shape, dtype=part.dtype,
                             photometric="minisblack",
                             metadata=_described(image.label or self._path.stem, image.axes,
                                                 image.channel_names, image.voxel_size_um,
                                                 self.enlarged))


def _planes(part: Any) -> Iterator[np.ndarray]:
    whole = (slice(0, part.shape[-2]), slice(0, part.shape[-1]))
    for place in np.ndindex(part.shape[:-2]):
        index = (*(slice(number, number + 1) for number in place), *whole)
        yield part[index].reshape(part.shape[-2:])


def _described(name: str, axes: str, channel_names: tuple[str, ...],
               voxel_size_um: VoxelSize, enlarged: int) -> dict[str, Any]:
    """Return what tifffile writes as OME-XML."""
    described: dict[str, Any] = {"axes": axes, "Name": name}
    if any(channel_names):
        described["Channel"] = {"Name": [channel or str(number) for number, channel in
                                         enumerate(channel_names, 1)]}
    pixel, step = voxel_size_um
    pixel = None if pixel is None else pixel / enlarged
    sizes = {"X": pixel, "Y": pixel, "Z": step}
    for axis, um in sizes.items():
        if um is not None:
            described |= {f"PhysicalSize{axis}": um, f"PhysicalSize{axis}Unit": "µm"}
    return described
