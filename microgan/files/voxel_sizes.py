"""The size of voxels: of a TIFF, and units that files name."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import tifffile

VoxelSize = tuple[float | None, float | None]  # of pixels and slices, um; None if unknown
# Micrometres in one unit, by the names that ImageJ, OME-TIFF and OME-Zarr use.
UM_PER_UNIT = {"µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "\\u00B5m": 1.0,
               "nm": 1e-3, "mm": 1e3, "micrometer": 1.0, "nanometer": 1e-3, "millimeter": 1e3}


def tiff_voxel_size_um(tiff: tifffile.TiffFile) -> VoxelSize:
    """Return distances between pixels and between slices, um, None if unknown.

    A TIFF's plain resolution is ignored: most programs write 72 dots per inch.
    """
    try:
        if tiff.is_ome and tiff.ome_metadata:
            return _ome_size_um(tiff.ome_metadata, "X"), _ome_size_um(tiff.ome_metadata, "Z")
        if tiff.is_imagej and tiff.imagej_metadata:
            um = UM_PER_UNIT[str(tiff.imagej_metadata["unit"])]
            tags = tiff.pages.first.tags
            dots, unit = tags["XResolution"].value if "XResolution" in tags else (0, 1)
            return (positive_size(um * unit / dots) if dots else None,
                    positive_size(um * float(tiff.imagej_metadata.get("spacing", 0))))
    except (KeyError, TypeError, ValueError):  # another unit, or not a number
        pass
    return None, None


def _ome_size_um(text: str, axis: str) -> float | None:
    pixels = next(element for element in ElementTree.fromstring(text).iter()
                  if element.tag.rpartition("}")[2] == "Pixels")
    um = UM_PER_UNIT.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
    return None if um is None else positive_size(um * float(pixels.get(f"PhysicalSize{axis}", 0)))


def positive_size(size: float) -> float | None:
    """Return a size, or None if it is not positive and finite."""
    return size if 0 < size < math.inf else None
