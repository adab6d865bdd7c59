"""TIFF files of every common kind: read piece by piece, written back as they were."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from microgan.errors import UserError, one_line
from microgan.files import written_whole
from microgan.restoration.stored_images import ImageFile, Scratch, stored_image

_LOSSLESS = {tifffile.COMPRESSION[name] for name in (
    "NONE", "LZW", "ADOBE_DEFLATE", "DEFLATE", "PACKBITS", "LZMA", "ZSTD")}
# Decoded strips and tiles that are kept in case the next part needs them again.
_KEPT_BYTES = 256 * 2**20
# A page that is compressed in strips is held whole when written; above this, in tiles.
_STRIPPED_PAGE_BYTES = 64 * 2**20
_TILE = (256, 256)
# ImageJ stores at most 4 GB; it reads more only from one page followed by bare pixels.
_IMAGEJ_BYTES = 2**32 - 2**25
# What ImageJ says of shape, which is written anew, and of displayed intensities, which are
# others in the restored image.
_IMAGEJ_DROPPED = {"images", "channels", "slices", "frames", "Ranges", "min", "max"}
_OME_TYPES = {"float32": "float", "float64": "double"}
_TEXT_TAGS = ("DocumentName", "Make", "Model", "PageName", "Artist", "HostComputer", "Copyright")


class TiffFile(ImageFile):
    """A TIFF: ImageJ hyperstack, OME-TIFF, tifffile's own or plain; each series an image.

    Args:
        path: `.tif` or `.tiff`.
        axes: one letter per axis of every image in it, or None for the file's own.

    Raises:
        UserError: it can't be read, is spread over several files, its pixels are no
            intensities, or as `stored_image`.
    """

    def __init__(self, path: Path, axes: str | None) -> None:
        self._path = path
        try:
            self._tiff = tifffile.TiffFile(path)
        except Exception as error:  # a damaged TIFF makes tifffile raise nearly anything
            raise _damaged(path, error) from error
        try:
            self._open(axes)
        except UserError:
            self.close()
            raise
        except Exception as error:
            self.close()
            raise _damaged(path, error) from error

    def _open(self, axes: str | None) -> None:
        several = len(self._tiff.series) > 1
        for number, series in enumerate(self._tiff.series):
            _check_series(series, self._path)
            image = stored_image(_SeriesPixels(series, self._path), series.axes, axes, self._path,
                                 f"image {number + 1}" if several else "")
            self.images += (image,)
        if not self.images:
            raise UserError(f"{self._path} holds no image.")
        if self._kind() == "ome":
            _check_ome_xml(self._tiff.ome_metadata or "", len(self._tiff.series),
                           self._path)
        self.losses = tuple(self._losses())

    def close(self) -> None:
        self._tiff.close()

    def write_like(self, path: Path, pixels: Sequence[Scratch]) -> None:
        kind = self._kind()
        blocks: list[tuple[int, Scratch]] = []
        size = sum(int(np.prod(part.shape, dtype=np.int64)) * part.dtype.itemsize
                   for part in pixels)
        bigtiff = self._tiff.is_bigtiff or (kind != "imagej" and size > _IMAGEJ_BYTES)
        with written_whole(path) as temporary:
            with tifffile.TiffWriter(temporary, bigtiff=bigtiff, byteorder=self._tiff.byteorder,
                                     imagej=kind == "imagej", ome=False) as writer:
                for number, (series, part) in enumerate(zip(self._tiff.series, pixels)):
                    options = {**self._description(number, size, pixels),
                               **_options(series.keyframe, part.dtype)}
                    tile = _tile(series, part, kind)
                    if tile is None and options["compression"] == tifffile.COMPRESSION.NONE:
                        place = writer.write(None, shape=part.shape, dtype=part.dtype,
                                             returnoffset=True, **options)
                        assert place is not None
                        blocks.append((place[0], part))
                    else:
                        strips = series.keyframe.rowsperstrip if tile is None else None
                        writer.write(_segments(part, tile), shape=part.shape, dtype=part.dtype,
                                     tile=tile, rowsperstrip=strips, **options)
            with open(temporary, "r+b") as file:
                for offset, part in blocks:
                    file.seek(offset)
                    part.copy_to(file)

    def _kind(self) -> str:
        """How the file describes its images, as tifffile found out."""
        return self._tiff.series[0].kind.lower()

    def _description(self, number: int, size: int,
                     pixels: Sequence[Scratch]) -> dict[str, Any]:
        """Arguments of `TiffWriter.write` that describe an image as this file does."""
        series = self._tiff.series[number]
        page, kind = series.keyframe, self._kind()
        if kind == "imagej":
            found = self._tiff.imagej_metadata or {}
            kept = {key: value for key, value in found.items() if key not in _IMAGEJ_DROPPED}
            return {"metadata": {**kept, "axes": series.axes}, "truncate": size > _IMAGEJ_BYTES}
        if kind == "ome":
            xml = ome_xml_of(self._tiff.ome_metadata or "", [
                (len(series.pages), part.dtype)
                for series, part in zip(self._tiff.series, pixels)]) if number == 0 else None
            return {"metadata": None, "description": xml}
        if kind == "shaped":
            found = (self._tiff.shaped_metadata or ())[number]
            kept = {key: value for key, value in found.items() if key != "shape"}
            return {"metadata": {**kept, "axes": series.axes}}
        if kind in ("uniform", "generic"):
            return {"metadata": None, "description": page.description or None}
        return {"metadata": {"axes": series.axes}}

    def _losses(self) -> Iterator[str]:
        if self._kind() not in ("imagej", "ome", "shaped", "uniform", "generic"):
            yield f"metadata of the kind {self._tiff.series[0].kind} are not kept"
        if any(len(series.levels) > 1 for series in self._tiff.series):
            yield "its smaller copies (pyramid levels) are not kept"
        for compression in {series.keyframe.compression for series in self._tiff.series}:
            if compression not in _LOSSLESS:
                name = tifffile.COMPRESSION(compression).name
                yield f"{name} compression is replaced by ADOBE_DEFLATE, which changes no pixel"


class _SeriesPixels:
    """The pixels of one series, of which only the strips or tiles needed are decoded."""

    def __init__(self, series: tifffile.TiffPageSeries, path: Path) -> None:
        self.shape: tuple[int, ...] = series.shape
        self.dtype = np.dtype(series.dtype).newbyteorder(series.keyframe.parent.byteorder)
        self._series = series
        self._page: Any = series.keyframe  # says how all pages of the series are stored
        self._path = path
        page = self._page
        num_segments = _KEPT_BYTES // (int(np.prod(page.chunks)) * self.dtype.itemsize)
        self._segment = functools.lru_cache(maxsize=max(4, num_segments))(self._decode)

    def __getitem__(self, index: Any, /) -> np.ndarray:
        index = tuple(slice(*part.indices(length)) for part, length in zip(index, self.shape))
        try:
            if self._series.dataoffset is not None:
                return np.array(self._mapped(self._series.dataoffset, self.shape)[index])
            return self._read_pages(index)
        except Exception as error:  # a damaged TIFF makes tifffile raise nearly anything
            raise _damaged(self._path, error) from error

    def _mapped(self, offset: int, shape: tuple[int, ...]) -> np.ndarray:
        return np.memmap(self._path, self.dtype, "r", offset, shape)

    def _read_pages(self, index: tuple[slice, ...]) -> np.ndarray:
        page_shape = self._page.shape
        if self.shape[len(self.shape) - len(page_shape):] != page_shape or len(page_shape) != 2:
            return self._series.asarray()[index]  # volumes in one page, which are rare and small
        *outer, rows, columns = index
        values = np.zeros(tuple(part.stop - part.start for part in index), self.dtype)
        places = itertools.product(*(range(part.start, part.stop) for part in outer))
        pages = values.reshape(-1, *values.shape[-2:])
        for page, place in zip(pages, places):
            number = np.ravel_multi_index(place, self.shape[:-2]) if place else 0
            self._read_page(page, int(number), rows, columns)
        return values

    def _read_page(self, values: np.ndarray, number: int, rows: slice, columns: slice) -> None:
        page = self._series.pages[number]
        if page is None:  # announced by OME-XML but not there: zero, as tifffile has it
            return
        if self._page.is_memmappable:
            values[:] = self._mapped(page.dataoffsets[0], self._page.shape)[rows, columns]
            return
        height, width = self._page.chunks
        across = -(-self._page.shape[1] // width)
        for row in range(rows.start // height, -(-rows.stop // height)):
            for column in range(columns.start // width, -(-columns.stop // width)):
                segment = self._segment(number, row * across + column)
                if segment is None:
                    continue
                top, left = row * height, column * width
                inner_rows, rows_there = _overlap(rows, top, segment.shape[0])
                inner_columns, columns_there = _overlap(columns, left, segment.shape[1])
                values[rows_there, columns_there] = segment[inner_rows, inner_columns]

    def _decode(self, number: int, segment: int) -> np.ndarray | None:
        page: Any = self._series.pages[number]
        offset, num_bytes = page.dataoffsets[segment], page.databytecounts[segment]
        decode, tables = self._page.decode, page.jpegtables  # may move the position
        if not num_bytes:
            return None
        file = page.parent.filehandle
        file.seek(offset)
        data, _, shape = decode(file.read(num_bytes), segment, jpegtables=tables)
        return None if data is None else data[0, :shape[1], :shape[2], 0]


def _overlap(wanted: slice, start: int, length: int) -> tuple[slice, slice]:
    """Where a segment and a wanted stretch overlap: within the one, and within the other."""
    low, high = max(wanted.start, start), min(wanted.stop, start + length)
    return slice(low - start, high - start), slice(low - wanted.start, high - wanted.start)


def _check_series(series: tifffile.TiffPageSeries, path: Path) -> None:
    if series.is_multifile:
        raise UserError(f"{path} is one of several files that hold an image together. Save the "
                        "image to a file of its own first.")
    photometric = series.keyframe.photometric
    if photometric == tifffile.PHOTOMETRIC.PALETTE and series.kind.lower() != "imagej":
        raise UserError(f"{path} holds numbers of colours in a palette, not intensities. Save it "
                        "as a grey image first.")
    size = path.stat().st_size
    for page in series.pages:
        if page is not None and any(offset + count > size for offset, count in zip(
                page.dataoffsets, page.databytecounts)):
            raise UserError(f"{path} cannot be read as a TIFF: it is cut short. Get a whole copy.")


def _options(page: tifffile.TiffPage, dtype: np.dtype) -> dict[str, Any]:
    """Arguments of `TiffWriter.write` that store values of a type the way this page is."""
    tags = page.tags
    kept = page.compression in _LOSSLESS
    options: dict[str, Any] = {
        # Without it an axis of length 3 or 4 would become colours.
        "photometric": ("miniswhite" if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
                        else "minisblack"),
        "compression": page.compression if kept else tifffile.COMPRESSION.ADOBE_DEFLATE,
        "predictor": page.predictor if kept and page.predictor != 1 and dtype.kind == np.dtype(
            page.dtype).kind else None,
        "software": page.software or False,
        "datetime": tags.valueof("DateTime"),
        "extratags": [(tags[name].code, 2, 0, tags[name].value, True) for name in _TEXT_TAGS
                      if name in tags and isinstance(tags[name].value, str)],
    }
    if "XResolution" in tags and "YResolution" in tags:
        options["resolution"] = (tags["XResolution"].value, tags["YResolution"].value)
        options["resolutionunit"] = tags.valueof("ResolutionUnit")
    return options


def _tile(series: tifffile.TiffPageSeries, part: Scratch, kind: str) -> tuple[int, int] | None:
    """The tile to write in, or None for strips."""
    page = series.keyframe
    if page.is_tiled:
        tile = (page.tilelength, page.tilewidth)
        return tile if not any(length % 16 for length in tile) else _TILE
    page_bytes = int(np.prod(part.shape[-2:])) * part.dtype.itemsize
    compressed = page.compression != tifffile.COMPRESSION.NONE
    too_large = compressed and page_bytes > _STRIPPED_PAGE_BYTES and kind != "imagej"
    return _TILE if too_large else None


def _segments(part: Scratch, tile: tuple[int, int] | None) -> Iterator[np.ndarray]:
    """The pages of an image, or their tiles, in the order of a TIFF."""
    height, width = part.shape[-2:]
    for place in np.ndindex(part.shape[:-2]):
        if tile is None:
            yield part[place]
            continue
        for top in range(0, height, tile[0]):
            for left in range(0, width, tile[1]):
                yield part[(*place, slice(top, top + tile[0]), slice(left, left + tile[1]))]


def ome_xml_of(text: str, images: Sequence[tuple[int, np.dtype]]) -> bytes:
    """Fit a file's OME-XML to a file that holds the same images, page after page.

    Args:
        text: the OME-XML. Everything in it is kept but where the planes are.
        images: number of pages and type of each, in the order of the XML.
    """
    root = ElementTree.fromstring(text)
    namespace = _namespace(root)
    ElementTree.register_namespace("", namespace.strip("{}"))
    root.attrib.pop("UUID", None)  # names the original file
    first = 0
    for pixels, (count, dtype) in zip(root.iter(f"{namespace}Pixels"), images):
        pixels.set("Type", _OME_TYPES.get(dtype.name, dtype.name))
        for name in ("TiffData", "BinData", "MetadataOnly"):
            for element in pixels.findall(namespace + name):
                pixels.remove(element)
        after_channels = len(pixels.findall(f"{namespace}Channel"))
        pixels.insert(after_channels, ElementTree.Element(
            f"{namespace}TiffData", {"IFD": str(first), "PlaneCount": str(count)}))
        first += count
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _check_ome_xml(text: str, num_images: int, path: Path) -> None:
    root = ElementTree.fromstring(text)
    described = len(list(root.iter(f"{_namespace(root)}Pixels")))
    if described != num_images:
        raise UserError(f"{path} describes {described} images but holds {num_images}. Save each "
                        "to a file of its own.")


def _namespace(root: ElementTree.Element) -> str:
    return root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} cannot be read as a TIFF: {one_line(error)}. Get a whole copy.")
