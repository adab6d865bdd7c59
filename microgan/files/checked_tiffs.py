"""Open untrusted TIFF files, checked before their pixels are read."""

from __future__ import annotations

import contextlib
import glob
import logging
import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from xml.etree import ElementTree

import numpy as np
import tifffile

from microgan.runtime.amounts import byte_size
from microgan.files.arrays import check_expansion, check_regular
from microgan.files.tiff_budget import (
    check_description, check_directories, parsed_xml)
from microgan.files.tiff_planes import (
    imagej_planes, missing_planes, ome_notes, planes_missing)
from microgan.files.tiff_values import StoredValues, display_note, stored_values
from microgan.errors import UserError, one_line, printable

# More planes than any microscope writes into a file; tifffile makes a list of them.
_MAX_PLANES = 10**6
# A tile of more bytes than its plane is unpacked up to this size.
_LARGE_TILE_BYTES = 32 * 10**6
_LISTED_IMAGES = 3
# tifffile's messages about files with fewer pages than announced.
_FEWER_PAGES = ("invalid page offset|index [0-9]+ out of range|ImageJ series metadata invalid|"
                "mmap length is greater than file size")


@dataclass(frozen=True)
class CheckedTiff:
    """An opened TIFF. Use it in a `with` statement, which closes it.

    Args:
        tiff: as tifffile opened it.
        series: its images, at least one.
        values: of each image, what its stored numbers mean; None if they are the values.
        missing: of each image, the planes that the file announces but does not hold.
        notes: what the user should know about how it is read, a line each.
    """

    tiff: tifffile.TiffFile
    series: tuple[tifffile.TiffPageSeries, ...]
    values: tuple[StoredValues | None, ...]
    missing: tuple[tuple[int, ...], ...]
    notes: tuple[str, ...]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.tiff.close()


def open_tiff(path: Path) -> CheckedTiff:
    """Open a TIFF and check that it holds the images that it claims.

    No other file is opened, whatever the TIFF names.

    Args:
        path: the file.

    Returns:
        The opened file. The caller closes it.

    Raises:
        UserError: it cannot be read, is cut short, claims far more than it holds, or is
            one of several files of an image; or as `stored_values`.
    """
    try:
        check_regular(path)
        if not path.stat().st_size:
            raise ValueError("it is empty")
        with contextlib.ExitStack() as opened:
            with _errors_raised():
                tiff = opened.enter_context(tifffile.TiffFile(path, _multifile=False))
                num_directories = check_directories(tiff, path.stat().st_size)
                check_description(tiff)
                if tiff.is_ome and tiff.ome_metadata:
                    _check_ome_xml(tiff.ome_metadata, num_directories, path)
                _check_neighbours(tiff, path)
                found = imagej_planes(tiff)
                images = tuple(tiff.series) if found is None else (found[0],)
                _check_series(images, path)
                values = tuple(stored_values(series, path) for series in images)
                notes = [*_notes(images, values), *((found or ())[1:])]
                checked = CheckedTiff(tiff, images, values, tuple(map(missing_planes, images)),
                                      tuple(filter(None, notes)))
            opened.pop_all()
        return checked
    except UserError:
        raise
    except Exception as error:  # a damaged TIFF makes tifffile raise nearly anything
        raise damaged_tiff(path, error) from error


@contextmanager
def opened_tiff(path: Path) -> Iterator[CheckedTiff]:
    """As `open_tiff`; errors in the block are also attributed to the file."""
    try:
        with open_tiff(path) as tiff, _errors_raised():
            yield tiff
    except UserError:
        raise
    except Exception as error:
        raise damaged_tiff(path, error) from error


def read_only_image(tiff: CheckedTiff, path: Path) -> tuple[np.ndarray, str]:
    """Read the one image of a training file: its values, and a letter for each axis.

    Raises:
        UserError: there are several, it holds colours, or planes of it are missing.
    """
    if len(tiff.series) > 1:
        raise UserError(f"{path} holds {len(tiff.series)} separate images, such as positions or "
                        "pages of different size; training needs one per file. Save each to "
                        "a separate file.")
    (series,), (values,), (missing,) = tiff.series, tiff.values, tiff.missing
    refuse_palette(series, path)
    if missing:
        raise planes_missing(series, missing, path)
    pixels = series.asarray()
    return pixels if values is None else values.read(pixels), series.axes


def refuse_palette(series: tifffile.TiffPageSeries, path: Path) -> None:
    """Raise `UserError` for an image whose values are indices of a palette."""
    photometric = series.keyframe.photometric
    if photometric == tifffile.PHOTOMETRIC.PALETTE and series.kind.lower() != "imagej":
        raise UserError(f"{path} holds indices of a colour palette, not intensities. Save it as "
                        "a grey image first.")


def damaged_tiff(path: Path, error: Exception) -> UserError:
    """Return the error for a damaged TIFF, with reason and remedy."""
    reason = one_line(error)
    if reason.startswith("not a TIFF file"):
        reason = "it does not begin like a TIFF"
    elif re.match(_FEWER_PAGES, reason):
        reason = "it holds fewer pages than it announces, or is cut short"
    elif reason.startswith(("corrupted tag list", "suspicious number of tags")):
        reason = "its list of tags is damaged"
    return UserError(f"{path} cannot be read as a TIFF: {reason}. Get a whole copy, or save it "
                     "again.")


def _check_series(images: Sequence[tifffile.TiffPageSeries], path: Path) -> None:
    size = path.stat().st_size
    if not images:
        raise ValueError("it holds no image")
    if any(series.is_multifile for series in images):
        raise _one_of_several(path)
    check_expansion(sum(map(_decoded_bytes, images)), path)
    for series in images:
        tile_bytes = math.prod(series.keyframe.chunks) * np.dtype(series.dtype).itemsize
        if tile_bytes > max(_LARGE_TILE_BYTES, series.keyframe.nbytes):
            raise ValueError(f"a tile of it has {byte_size(tile_bytes)}, though a plane has "
                             f"{byte_size(series.keyframe.nbytes)}")
        for page in series.pages:
            if page is not None and any(offset + count > size for offset, count in zip(
                    page.dataoffsets, page.databytecounts)):
                raise ValueError("it is cut short")


def _decoded_bytes(series: tifffile.TiffPageSeries) -> int:
    """Of an image with all of its tiles, which may be larger than it is."""
    page = series.keyframe
    of_tiles = math.prod((*page.chunks, *page.chunked)) * np.dtype(series.dtype).itemsize
    return max(int(series.nbytes), of_tiles * len(series.pages))


def _notes(images: Sequence[tifffile.TiffPageSeries],
           values: Sequence[StoredValues | None]) -> Iterator[str]:
    shown = {display_note(series) for series, known in zip(images, values) if known is None}
    yield from sorted({known.why for known in values if known} | shown - {""})
    for marked in sorted({str(series.keyframe.tags.valueof("GDAL_NODATA", "")).strip(" \0")
                          for series in images} - {""}):
        yield (f"its tag GDAL_NODATA says that {printable(marked, limit=30)} stands for missing "
               f"data; restore.py keeps such pixels with --nodata={printable(marked, limit=30)}")
    if images[0].kind.lower() == "ome":
        yield from ome_notes(images[0].keyframe.parent, images)
    elif images[0].keyframe.parent.is_ome:
        found = ", ".join(f"{series.axes} of {' x '.join(map(str, series.shape))}"
                          for series in images[:_LISTED_IMAGES])
        yield ("its OME-XML does not fit its pages and is not used: read as "
               f"{found}{', ...' * (len(images) > _LISTED_IMAGES)}")


def _check_neighbours(tiff: tifffile.TiffFile, path: Path) -> None:
    """Refuse a Micro-Manager file for which tifffile would open others of its set."""
    names: set[str] = set()
    if tiff.is_ndtiff:
        index = path.with_name("NDTiff.index")
        check_regular(index)
        names = {name for _, name, *_ in tifffile.tifffile.read_ndtiff_index(index)}
    elif tiff.is_mmstack and "_MMStack" in path.name:
        summary = (tiff.micromanager_metadata or {})["Summary"]
        prefix = str(summary.get("Prefix", path.name.split("_MMStack")[0]))
        if path.name.startswith(prefix):
            pattern = os.path.join(path.parent, f"{prefix}_MMStack*.tif")
            names = {os.path.basename(found) for found in glob.glob(pattern)}
    if names - {path.name}:
        raise _one_of_several(path)


def _check_ome_xml(text: str, num_directories: int, path: Path) -> None:
    """Refuse a description that names other files, or too many planes."""
    root = parsed_xml(text, num_directories)
    for element in root.iter():
        kind = element.tag.rpartition("}")[2]
        sizes = [_count(element, f"Size{axis}", 1) for axis in "ZCT"]
        counts = [_count(element, name, 0) for name in ("PlaneCount", "NumPlanes", "IFD")]
        if kind[:-1].endswith("Along"):
            counts.append(math.ceil(_length(element)))
        most = max(math.prod(sizes), *counts)
        if most > _MAX_PLANES:
            raise ValueError(f"its OME-XML claims {most} planes")
        if kind == "UUID":
            # A file without a UUID is referred to by its name.
            own = root.get("UUID")
            if element.text != own and (
                    own or element.get("FileName", "").lower() != path.name.lower()):
                raise _one_of_several(path)


def _count(element: ElementTree.Element, name: str, usual: int) -> int:
    text = element.get(name, str(usual)).strip()
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"its OME-XML has {name}='{text}', which is not a number")
    return int(text[:30])


def _length(along: ElementTree.Element) -> float:
    """Return the length of a modulo axis, which tifffile expands."""
    start, stop, step = (float(along.get(name, usual))
                         for name, usual in (("Start", 0), ("End", 0), ("Step", 1)))
    return abs((stop - start) / step) if step and math.isfinite(stop - start) else math.inf


def _one_of_several(path: Path) -> UserError:
    return UserError(f"{path} is one of several files that hold an image together. Save the "
                     "image to a single file first.")


@contextmanager
def _errors_raised() -> Iterator[None]:
    """Raise errors that tifffile only logs: it reads what is left of a truncated file."""
    logger = logging.getLogger("tifffile")
    errors = []

    def note(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        # Damage to a vendor's tag does not affect the pixels.
        if record.levelno >= logging.ERROR and "TiffTag" not in text:
            errors.append(re.sub("^<.*?> ", "", text))
        # `CheckedTiff` reports planes that OME-XML announces but the file lacks.
        return record.levelno < logging.ERROR and "OME series" not in text

    logger.addFilter(note)
    try:
        yield
    finally:
        logger.removeFilter(note)
    if errors:
        raise ValueError(errors[0])
