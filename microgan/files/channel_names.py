"""The names of an image's channels, and which one a name or number means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

import tifffile

from microgan.errors import printable

# Bio-Formats writes "c:1/2 z:3/9 - " before the label of a plane.
_PLACE = re.compile(r"^(?:[czt]:\d+/\d+\s*)+(?:-\s*)?")
_NAME_CHARACTERS = 60
_MOST_LISTED = 8


def tiff_channel_names(tiff: tifffile.TiffFile, number: int, axes: str,
                       shape: Sequence[int]) -> tuple[str, ...]:
    """Return the names of an image's channels, "" for one without a name.

    They are those of OME-XML, or ImageJ's labels where all planes of a channel share one.

    Args:
        tiff: the opened file, whose descriptions were checked.
        number: of the image among those of the file, from 0.
        axes: of the image, one letter each.
        shape: of the image, Y and X last.

    Returns:
        One name for each channel; a single one for an image without an axis C.
    """
    count = shape[axes.index("C")] if "C" in axes else 1
    names: Sequence[str] = ()
    if tiff.is_ome and tiff.ome_metadata:
        names = _ome_names(tiff.ome_metadata, number)
    elif tiff.is_imagej and tiff.imagej_metadata and number == 0 and count > 1:
        names = _imagej_names(tiff.imagej_metadata.get("Labels"), axes, shape)
    return as_names(names, count)


def as_names(found: Sequence[object], count: int) -> tuple[str, ...]:
    """Return a name for each of `count` channels, "" for all if the file has another number."""
    if len(found) != count:
        return ("",) * count
    return tuple(" ".join(name.split()) if isinstance(name, str) and len(name) <= _NAME_CHARACTERS
                 else "" for name in found)


def find_channel(channel: str, names: Sequence[str]) -> int | None:
    """Return the position of a channel, from 0; None if it is not there.

    Args:
        channel: its name, or else its number, from 1.
        names: of the image's channels.

    Example:
        >>> find_channel("Actin", ["DAPI", "Actin"]), find_channel("1", ["DAPI", "Actin"])
        (1, 0)
    """
    if names.count(channel) == 1:
        return names.index(channel)
    if channel.isascii() and channel.isdigit() and 1 <= int(channel[:9]) <= len(names):
        return int(channel[:9]) - 1
    return None


def listed_channels(names: Sequence[str]) -> str:
    """List channels for a message: "1 DAPI, 2 Actin", or numbers alone."""
    known = [f"{number} {printable(name, limit=_NAME_CHARACTERS)}".strip()
             for number, name in enumerate(names[:_MOST_LISTED], 1)]
    return ", ".join(known) + ", ..." * (len(names) > _MOST_LISTED)


def _ome_names(text: str, number: int) -> list[str]:
    images = [element for element in ElementTree.fromstring(text).iter()
              if element.tag.rpartition("}")[2] == "Pixels"]
    if number >= len(images):
        return []
    return [element.get("Name", "") for element in images[number]
            if element.tag.rpartition("}")[2] == "Channel"]


def _imagej_names(labels: object, axes: str, shape: Sequence[int]) -> list[str]:
    """Return labels that all planes of a channel share and no other channel has."""
    outer = list(shape[:-2])
    count = 1
    for length in outer:
        count *= length
    if not isinstance(labels, list) or len(labels) != count:
        return []
    inner = 1
    for length in outer[axes.index("C") + 1:]:
        inner *= length
    found: list[set[str]] = [set() for _ in range(shape[axes.index("C")])]
    for plane, label in enumerate(labels):
        found[plane // inner % len(found)].add(_PLACE.sub("", str(label)).strip())
    names = [name for each in found for name in each]
    return names if len(names) == len(set(names)) == len(found) else []
