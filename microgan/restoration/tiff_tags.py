"""TIFF tags that describe the image, not only how it is stored."""

from __future__ import annotations

from typing import Any

import tifffile

_KEPT = ("DocumentName", "Make", "Model", "Orientation", "PageName", "XPosition", "YPosition",
         "Software", "DateTime", "Artist", "HostComputer", "Copyright", "GDAL_NODATA")
_TEXT_TYPES = (1, 2, 7)  # bytes, ASCII, undefined
# Written anew: how pixels are stored, the page's description and resolution; and displayed
# intensities, which differ in the restored image.
_WRITTEN_ANEW = frozenset(tifffile.TIFF.TAGS[name] for name in (
    "NewSubfileType", "SubfileType", "ImageWidth", "ImageLength", "BitsPerSample", "Compression",
    "PhotometricInterpretation", "FillOrder", "ImageDescription", "StripOffsets",
    "SamplesPerPixel", "RowsPerStrip", "StripByteCounts", "MinSampleValue", "MaxSampleValue",
    "XResolution", "YResolution", "PlanarConfiguration", "ResolutionUnit", "PageNumber",
    "Predictor", "ColorMap", "TileWidth", "TileLength", "TileOffsets", "TileByteCounts",
    "SubIFDs", "ExtraSamples", "SampleFormat", "SMinSampleValue", "SMaxSampleValue",
    "JPEGTables", "YCbCrCoefficients", "YCbCrSubSampling", "YCbCrPositioning",
    "ReferenceBlackWhite", "ImageDepth", "TileDepth", "IJMetadataByteCounts", "IJMetadata"))


def raw_text(page: tifffile.TiffPage, name: str) -> bytes:
    """Return the bytes of a text tag: microscopes write "µm" in various encodings.

    Args:
        page: of an opened TIFF.
        name: of the tag.

    Returns:
        Without trailing zeros; b"" if there is no such tag.
    """
    if name not in page.tags:
        return b""
    tag = page.tags[name]
    file = page.parent.filehandle
    file.seek(tag.valueoffset)
    return file.read(tag.count).rstrip(b"\0")


def kept_tags(page: tifffile.TiffPage) -> list[tuple[int, int, int, Any, bool]]:
    """Return the tags to copy, as `TiffWriter.write` takes them in `extratags`."""
    kept: list[tuple[int, int, int, Any, bool]] = []
    for name in _KEPT:
        if name in page.tags:
            tag = page.tags[name]
            is_text = tag.dtype in _TEXT_TYPES
            kept.append((tag.code, int(tag.dtype), tag.count if not is_text else 0,
                         raw_text(page, name) if is_text else tag.value, True))
    return kept


def lost_tags(page: tifffile.TiffPage) -> list[str]:
    """Return what to call the tags that are neither kept nor written anew."""
    kept = {tifffile.TIFF.TAGS[name] for name in _KEPT} | _WRITTEN_ANEW
    lost = [tag for tag in page.tags if tag.code not in kept]
    return [str(tag.code) if tag.name == str(tag.code) else f"{tag.code} ({tag.name})"
            for tag in lost]


def imagej_text(text: str) -> str:
    r"""Escape letters that are not ASCII as ImageJ does, "µ" as "\u00B5"."""
    return "".join(letter if letter.isascii() else f"\\u{ord(letter):04X}" for letter in text)
