"""Limits on what a TIFF may demand in total before its pixels are read."""

from __future__ import annotations

import struct
from xml.etree import ElementTree
from xml.parsers import expat

import tifffile

# Bytes of one value, by the number of its type; other types have 1.
_VALUE_BYTES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
# Of all tags together, in addition to twice the file's size.
_TAG_BYTES = 10**7
# Directories that all store pixels alike are read a hundred times as fast as others. This many
# are allowed in any file, and one more for each of so many bytes.
_ALIKE, _BYTES_EACH_ALIKE = 2000, 300
_UNLIKE, _BYTES_EACH_UNLIKE = 1000, 4096
# Tags that tell tifffile how pixels are stored.
_STORAGE = {256, 257, 258, 259, 262, 266, 277, 278, 284, 317, 322, 323, 338, 339}
_SUB_IFDS = 330
# Smaller copies of an image, each half as wide.
_MOST_SUB_IFDS = 32
# Of a description in a format that tifffile parses on opening.
_DESCRIPTION_BYTES = 10**6
_READ_AT_ONCE = ("ImageJ=", "SCANIMAGE", "{")
_XML_DEPTH = 100
_XML_TAG_LETTERS = 10**6
# Of an element; OME's have twenty at most.
_XML_ATTRIBUTES = 100
_XML_ELEMENTS = 30_000
_XML_ELEMENTS_PER_PLANE = 30


def check_directories(tiff: tifffile.TiffFile, size: int) -> int:
    """Refuse directories whose reading would take long, or never end.

    Args:
        tiff: opened; its series not yet read.
        size: of the file, in bytes.

    Returns:
        How many there are.

    Raises:
        ValueError: they form a circle, or are far too many for the file's size; or their tags
            claim more than the file holds, or too many smaller copies of an image.
    """
    layout, file = tiff.tiff, tiff.filehandle
    is_big = layout.tagsize == 20
    tag = struct.Struct(tiff.byteorder + ("HHQQ" if is_big else "HHII"))
    file.seek(8 if tiff.is_bigtiff else 4)
    (offset,) = struct.unpack(layout.offsetformat, file.read(layout.offsetsize))
    seen: set[int] = set()
    storages: set[tuple[tuple[int, ...], ...]] = set()
    tag_bytes = 0
    while 0 < offset < size:
        if offset in seen:
            raise ValueError(f"its directories form a circle, at byte {offset}")
        seen.add(offset)
        file.seek(offset)
        (num_tags,) = struct.unpack(layout.tagnoformat, file.read(layout.tagnosize))
        content = file.read(num_tags * layout.tagsize + layout.offsetsize)
        if len(content) < num_tags * layout.tagsize + layout.offsetsize:
            break  # tifffile reports it as cut short
        (offset,) = struct.unpack(layout.offsetformat, content[-layout.offsetsize:])
        storage = []
        for code, kind, count, value in tag.iter_unpack(content[:-layout.offsetsize]):
            value_bytes = count * _VALUE_BYTES.get(kind, 1)
            is_elsewhere = value_bytes > (8 if is_big else 4)
            # What would lie beyond the file's end is not read.
            if is_elsewhere and value + value_bytes <= size:
                tag_bytes += value_bytes
            if code in _STORAGE:
                storage.append((code, kind, count, 0 if is_elsewhere else value))
            elif code == _SUB_IFDS and count > _MOST_SUB_IFDS:
                raise ValueError(f"it claims {count} smaller copies of an image")
        storages.add(tuple(storage))
        _check_sums(len(seen), len(storages), tag_bytes, size)
    return len(seen)


def _check_sums(num_directories: int, num_storages: int, tag_bytes: int, size: int) -> None:
    most = (_ALIKE + size // _BYTES_EACH_ALIKE if num_storages == 1 else
            _UNLIKE + size // _BYTES_EACH_UNLIKE)
    if num_directories > most:
        raise ValueError(f"it has over {most} directories in {size} bytes, more than images "
                         "need")
    if tag_bytes > _TAG_BYTES + 2 * size:
        raise ValueError(f"its tags claim over {tag_bytes} bytes, more than the file's {size}")


def check_description(tiff: tifffile.TiffFile) -> None:
    """Raise `ValueError` for a first description, other than XML, of over a million bytes."""
    page = tiff.pages.first
    for text in (page.description, page.description1):
        if len(text) > _DESCRIPTION_BYTES and text.startswith(_READ_AT_ONCE):
            raise ValueError(f"its description has {len(text)} characters")


def parsed_xml(text: str, num_planes: int) -> ElementTree.Element:
    """Parse OME-XML, within a budget.

    Args:
        text: the XML.
        num_planes: that the file has.

    Raises:
        ValueError: it is damaged, nested too deep, or has far too many elements for its
            planes.
    """
    longest = max(len(part.partition(">")[0]) for part in text.split("<") if part[:1] != "!")
    if longest > _XML_TAG_LETTERS:
        raise ValueError(f"a tag of its OME-XML has {longest} letters")
    depth = num_elements = 0
    most = _XML_ELEMENTS + _XML_ELEMENTS_PER_PLANE * num_planes

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, num_elements
        depth += 1
        num_elements += 1
        if len(attributes) > _XML_ATTRIBUTES:
            raise ValueError(f"an element of its OME-XML has {len(attributes)} attributes")
        if depth > _XML_DEPTH:
            raise ValueError(f"its OME-XML is nested over {_XML_DEPTH} deep")
        if num_elements > most:
            raise ValueError(f"its OME-XML has over {most} elements for {num_planes} planes")

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
        return ElementTree.fromstring(text)
    except (expat.ExpatError, ElementTree.ParseError) as error:
        raise ValueError("its OME-XML is damaged") from error
