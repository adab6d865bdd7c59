"""TIFF files of every common kind: read piece by piece, written back as they were."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from microgan.files.channel_names import tiff_channel_names
from microgan.files.checked_tiffs import (
    CheckedTiff, damaged_tiff, open_tiff, refuse_palette)
from microgan.files.tiff_planes import UNNAMED, left_out, planes_missing, shape_there
from microgan.files.voxel_sizes import tiff_voxel_size_um
from microgan.files.tiff_values import IMAGEJ_CALIBRATION
from microgan.errors import UserError, one_line
from microgan.files.whole import written_whole
from microgan.restoration.displayed import DISPLAY_ENTRIES, IntensityMap, display_entries
from microgan.restoration.stored_images import ImageFile, Scratch, stored_image
from microgan.restoration.tiff_pixels import SeriesPixels
from microgan.restoration.tiff_tags import imagej_text, kept_tags, lost_tags, raw_text
from microgan.restoration.tiff_trials import unwritable, without

_LOSSLESS = {tifffile.COMPRESSION[name] for name in (
    "NONE", "LZW", "ADOBE_DEFLATE", "DEFLATE", "PACKBITS", "LZMA", "ZSTD")}
# Strips are compressed with the whole page in memory; larger pages are written in tiles.
_STRIPPED_PAGE_BYTES = 64 * 2**20
_TILE = (256, 256)
# tifffile could take smaller ones for colours.
_BLANK_PX = (8, 8)
# ImageJ stores at most 4 GB; it reads more only from one page followed by bare pixels.
_IMAGEJ_BYTES = 2**32 - 2**25
# ImageJ's entries for shape, which are written anew.
_IMAGEJ_SHAPE = {"images", "channels", "slices", "frames"}
# ImageJ's entries with places in pixels.
_IN_PIXELS = frozenset({"ROI", "Overlays"})
_Convert = Callable[[np.ndarray], np.ndarray]
# Offset of raw pixels in the file, their image and planes, and their conversion when stored.
_Block = tuple[int, Any, slice, _Convert]
_OME_TYPES = {"float32": "float", "float64": "double"}
# Of ImageJ's metadata, what is stored as Unicode; the rest is plain ASCII.
_IMAGEJ_UNICODE = {"Info", "Labels", "Properties"}


class TiffFile(ImageFile):
    """A TIFF: ImageJ hyperstack, OME-TIFF, tifffile's own or plain; each series an image.

    Args:
        path: `.tif` or `.tiff`.
        axes: one letter per axis of every image in it, or None for the file's own.

    Raises:
        UserError: it can't be read or is spread over several files; its pixels are not
            intensities; or as `stored_image`.
    """

    def __init__(self, path: Path, axes: str | None) -> None:
        self._path = path
        self._maps: Sequence[Sequence[IntensityMap]] = ()
        self._checked = open_tiff(path)
        self._tiff = self._checked.tiff
        try:
            self._open(axes)
        except UserError:
            self.close()
            raise
        except Exception as error:  # a damaged TIFF makes tifffile raise nearly anything
            self.close()
            raise damaged_tiff(path, error) from error

    def _open(self, axes: str | None) -> None:
        several = len(self._checked.series) > 1
        self.notes, self.voxel_size_um = self._checked.notes, tiff_voxel_size_um(self._tiff)
        for number, series in enumerate(self._checked.series):
            refuse_palette(series, self._path)
            missing = self._checked.missing[number]
            shape = shape_there(series, missing, self._path)
            pixels = SeriesPixels(series, shape, self._checked.values[number], self._path)
            image = stored_image(pixels, series.axes, axes, self._path,
                                 f"image {number + 1}" if several else "",
                                 tiff_channel_names(self._tiff, number, series.axes, shape))
            self.images += (image,)
            if missing:
                self.notes += (left_out(series, missing, shape),)
        if self._kind() == "ome":
            _check_ome_xml(self._tiff.ome_metadata or "", self._checked, self._path)
        self._unwritable = self._find_unwritable()
        self.losses = tuple(self._losses())

    def _blank(self, output_type: str | None) -> list[np.ndarray]:
        """Return as many planes as the images have, small and blank."""
        return [np.zeros((*image.pixels.shape[:-2], *_BLANK_PX), output_type or image.pixels.dtype)
                for image in self.images]

    def _find_unwritable(self) -> list[set[str]]:
        """Find the parts of each image's first description that cannot be written."""
        pixels = self._blank(None)
        return [unwritable(self._all_options(number, series.keyframe, 0, pixels),
                           imagej=self._writes_imagej())
                for number, series in enumerate(self._checked.series)]

    def _all_options(self, number: int, page: Any, size: int,
                     pixels: Sequence[Any]) -> dict[str, Any]:
        """Arguments of `TiffWriter.write` for a page, but for shape and tiles."""
        dtype, _ = self._written(number, pixels[number])
        options = {**_options(page, dtype, self.enlarged), "dtype": dtype}
        described = self._description(number, page, size, pixels)
        options["extratags"] += described.pop("extratags", ())
        return {**options, **described}

    def close(self) -> None:
        self._tiff.close()

    def check_writable(self, output_type: str | None) -> None:
        try:
            self._write(io.BytesIO(), self._blank(output_type))
        except Exception as error:  # tifffile raises nearly anything about what it cannot write
            raise UserError(f"{self._path} can be read, but not written again as it is: "
                            f"{one_line(error)}. Save it again, for example with Fiji, or as .npy."
                            ) from error

    def write_like(self, path: Path, pixels: Sequence[Scratch],
                   maps: Sequence[Sequence[IntensityMap]] = ()) -> None:
        self._maps = maps
        if self.enlarged > 1 and self._has_places_in_pixels():
            self.losses += ("its regions of interest and overlays are not kept, since it has more "
                            "pixels",)
        with written_whole(path) as temporary:
            blocks = self._write(temporary, pixels)
            with open(temporary, "r+b") as file:
                for offset, part, planes, convert in blocks:
                    file.seek(offset)
                    part.copy_to(file, planes, convert)

    def _write(self, target: Path | io.BytesIO, pixels: Sequence[Any]) -> list[_Block]:
        """Write everything but uncompressed pixels; return where those go."""
        kind = self._kind()
        blocks: list[_Block] = []
        size = sum(int(np.prod(part.shape, dtype=np.int64)) * part.dtype.itemsize
                   for part in pixels)
        imagej = self._writes_imagej()
        bigtiff = self._tiff.is_bigtiff or (not imagej and size > _IMAGEJ_BYTES)
        with tifffile.TiffWriter(target, bigtiff=bigtiff, byteorder=self._tiff.byteorder,
                                 imagej=imagej, ome=False) as writer:
            for number, (series, part) in enumerate(zip(self._checked.series, pixels)):
                _, convert = self._written(number, part)
                for page, planes in self._stretches(series, part):
                    options = without(self._all_options(number, page, size, pixels),
                                      self._unwritable[number])
                    options["shape"] = (part.shape if planes == slice(None)
                                        else part.shape[-2:])
                    tile = _tile(page, part, kind)
                    if tile is None and options["compression"] == tifffile.COMPRESSION.NONE:
                        place = writer.write(None, returnoffset=True, **options)
                        assert place is not None
                        blocks.append((place[0], part, planes, convert))
                    else:
                        writer.write(map(convert, _segments(part, tile, planes)), tile=tile,
                                     rowsperstrip=page.rowsperstrip if tile is None else None,
                                     **options)
        return blocks

    def _display(self, found: dict[str, Any], number: int, part: Scratch) -> dict[str, Any]:
        """Return ImageJ's entries for the display of a written image."""
        dtype, _ = self._written(number, part)
        values = self._checked.values[number]
        maps = self._maps[number] if self._maps else ()
        return display_entries(found, maps, dtype, values, are_stored=(
            values is not None and part.dtype == values.dtype))

    def _writes_imagej(self) -> bool:
        """Whether tifffile can write the file as ImageJ's: it supports one order of axes."""
        axes = [series.axes for series in self._checked.series]
        order = re.sub(f"[{UNNAMED}]", "Z", axes[0])
        return self._kind() == "imagej" and list(order) == sorted(order, key="TZCYXS".find)

    def _written(self, number: int, part: Scratch) -> tuple[np.dtype, _Convert]:
        """Return the type in which an image is stored, and the conversion to it."""
        values = self._checked.values[number]
        if values is None or part.dtype != values.dtype:
            return part.dtype, lambda stretch: stretch
        return values.stored, values.store

    def _stretches(self, series: tifffile.TiffPageSeries,
                   part: Scratch) -> Iterator[tuple[Any, slice]]:
        """Yield planes that are written together, and the page that describes them.

        All at once; one by one in a plain TIFF whose pages have different texts.
        """
        if self._kind() in ("uniform", "generic") and len(series.shape) > 2:
            found: list[Any] = list(series.pages)
            pages = [page if page is series.keyframe else page.aspage()
                     for page in found[:math.prod(part.shape[:-2])]]
            if len(found) == math.prod(series.shape[:-2]) and any(
                    "ImageDescription" in page.tags or kept_tags(page) for page in pages[1:]):
                for number, page in enumerate(pages):
                    yield page, slice(number, number + 1)
                return
        yield series.keyframe, slice(None)

    def _kind(self) -> str:
        """Return tifffile's name for how the file describes its images."""
        return self._checked.series[0].kind.lower()

    def _description(self, number: int, page: Any, size: int,
                     pixels: Sequence[Scratch]) -> dict[str, Any]:
        """Arguments of `TiffWriter.write` that describe an image as this file does."""
        series = self._checked.series[number]
        kind = self._kind()
        if kind == "imagej":
            found = self._tiff.imagej_metadata or {}
            calibrated = pixels[number].dtype.kind != "f" or series.dtype.kind == "f"
            dropped = _IMAGEJ_SHAPE | DISPLAY_ENTRIES | (
                _IN_PIXELS if self.enlarged > 1 else frozenset()) | (
                frozenset() if calibrated else IMAGEJ_CALIBRATION)
            display = self._display(found, number, pixels[number])
            kept = {key: imagej_text(value) if isinstance(value, str)
                    and key not in _IMAGEJ_UNICODE else value
                    for key, value in found.items() if key not in dropped} | display
            # ImageJ takes planes of an unnamed axis for slices.
            if not self._writes_imagej():
                lines = raw_text(page, "ImageDescription").split(b"\n")
                text = b"\n".join([line for line in lines if line.partition(b"=")[0].decode(
                    errors="replace") not in dropped - _IMAGEJ_SHAPE and line] + [
                        f"{key}={display[key]}".encode() for key in ("min", "max")
                        if key in display] + [b""])
                tags = tifffile.tifffile.imagej_metadata_tag(kept, self._tiff.byteorder)
                return {"metadata": None, "description": text, "extratags": tags}
            axes = re.sub(f"[{UNNAMED}]", "Z", series.axes)
            return {"metadata": {**kept, "axes": axes},
                    "truncate": size > _IMAGEJ_BYTES}
        if kind == "ome":
            xml = ome_xml_of(self._tiff.ome_metadata or "", [
                (series, part.shape, part.dtype)
                for series, part in zip(self._checked.series, pixels)],
                self.enlarged) if number == 0 else None
            return {"metadata": None, "description": xml}
        if kind == "shaped":
            found = (self._tiff.shaped_metadata or ())[number]
            kept = {key: value for key, value in found.items() if key != "shape"}
            return {"metadata": {**kept, "axes": series.axes}}
        if kind in ("uniform", "generic"):
            return {"metadata": None, "description": raw_text(page, "ImageDescription") or None}
        return {"metadata": {"axes": series.axes}}

    def _has_places_in_pixels(self) -> bool:
        return (not _IN_PIXELS.isdisjoint(self._tiff.imagej_metadata or ())
                or "<ROI" in (self._tiff.ome_metadata or "").replace(":ROI", "<ROI"))

    def _losses(self) -> Iterator[str]:
        if self._kind() not in ("imagej", "ome", "shaped", "uniform", "generic"):
            yield f"metadata of the kind {self._checked.series[0].kind} are not kept"
        elif lost := sorted({tag for series in self._checked.series
                             for tag in lost_tags(series.keyframe)}):
            yield f"its tags {', '.join(lost)} are not kept"
        if names := sorted(set().union(*self._unwritable)):
            yield f"left out, since a TIFF cannot hold the value: {', '.join(map(_called, names))}"
        if any(len(series.levels) > 1 for series in self._checked.series):
            yield "its smaller copies (pyramid levels) are not kept"
        for compression in {series.keyframe.compression for series in self._checked.series}:
            if compression not in _LOSSLESS:
                name = tifffile.COMPRESSION(compression).name
                yield f"{name} compression is replaced by ADOBE_DEFLATE, which changes no pixel"


def _called(name: str) -> str:
    """Return what to call a tag that `unwritable` names."""
    return f"tag {name} ({tifffile.TIFF.TAGS.get(int(name), '?')})" if name.isdigit() else name


def _options(page: tifffile.TiffPage, dtype: np.dtype, enlarged: int) -> dict[str, Any]:
    """Arguments of `TiffWriter.write` that store values of a type the way this page is."""
    tags = page.tags
    kept = page.compression in _LOSSLESS
    same_kind = dtype.kind == np.dtype(page.dtype).kind
    options: dict[str, Any] = {
        # Without it an axis of length 3 or 4 would become colours.
        "photometric": ("miniswhite" if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
                        and same_kind else "minisblack"),
        "compression": page.compression if kept else tifffile.COMPRESSION.ADOBE_DEFLATE,
        "predictor": page.predictor if kept and page.predictor != 1 and same_kind else None,
        "software": False,  # only the page's own
        "extratags": kept_tags(page),
    }
    if "XResolution" in tags and "YResolution" in tags:
        options["resolution"] = tuple(_times(tags[f"{axis}Resolution"].value, enlarged)
                                      for axis in "XY")
        options["resolutionunit"] = tags.valueof("ResolutionUnit")
    return options


def _times(ratio: tuple[int, int], factor: int) -> tuple[int, int]:
    """Multiply a resolution, a ratio of 32-bit numbers."""
    if factor == 1 or not ratio[1]:
        return ratio
    product = Fraction(*ratio) * factor
    if product.numerator >= 2**32:
        product = Fraction(round(product))
    return min(product.numerator, 2**32 - 1), product.denominator


def _tile(page: tifffile.TiffPage, part: Scratch, kind: str) -> tuple[int, int] | None:
    """The tile to write in, or None for strips."""
    if page.is_tiled:
        tile = (page.tilelength, page.tilewidth)
        return tile if not any(length % 16 for length in tile) else _TILE
    page_bytes = int(np.prod(part.shape[-2:])) * part.dtype.itemsize
    compressed = page.compression != tifffile.COMPRESSION.NONE
    too_large = compressed and page_bytes > _STRIPPED_PAGE_BYTES and kind != "imagej"
    return _TILE if too_large else None


def _segments(part: Scratch, tile: tuple[int, int] | None,
              planes: slice) -> Iterator[np.ndarray]:
    """The pages of some planes of an image, or their tiles, in the order of a TIFF."""
    height, width = part.shape[-2:]
    for place in list(np.ndindex(part.shape[:-2]))[planes]:
        if tile is None:
            yield part[place]
            continue
        for top in range(0, height, tile[0]):
            for left in range(0, width, tile[1]):
                yield part[(*place, slice(top, top + tile[0]), slice(left, left + tile[1]))]


def ome_xml_of(text: str, images: Sequence[tuple[tifffile.TiffPageSeries, tuple[int, ...],
                                                 np.dtype]], enlarged: int = 1) -> bytes:
    """Adapt OME-XML to a file that stores the same images page after page.

    Args:
        text: the OME-XML; only the location of the planes changes.
        images: in the order of the XML: the original series, and the shape and type that are
            written; the shape may be shorter along its first axis.
        enlarged: how many times they are longer along Y and X.
    """
    root = ElementTree.fromstring(text)
    namespace = _namespace(root)
    ElementTree.register_namespace("", namespace.strip("{}"))
    root.attrib.pop("UUID", None)  # names the original file
    if enlarged > 1:
        for parent in list(root.iter()):
            for child in [child for child in parent
                          if child.tag in (f"{namespace}ROI", f"{namespace}ROIRef")]:
                parent.remove(child)
    first = 0
    for pixels, (series, shape, dtype) in zip(root.iter(f"{namespace}Pixels"), images):
        pixels.set("Type", _OME_TYPES.get(dtype.name, dtype.name))
        _enlarge(pixels, enlarged)
        for name in ("TiffData", "BinData", "MetadataOnly"):
            for element in pixels.findall(namespace + name):
                pixels.remove(element)
        count = len(series.pages)
        if shape[0] < series.shape[0]:
            count = count // series.shape[0] * shape[0]
            _shorten(pixels, series.axes[0], shape[0], namespace)
        after_channels = len(pixels.findall(f"{namespace}Channel"))
        pixels.insert(after_channels, ElementTree.Element(
            f"{namespace}TiffData", {"IFD": str(first), "PlaneCount": str(count)}))
        first += count
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _enlarge(pixels: ElementTree.Element, factor: int) -> None:
    """Adapt the size of an image of an OME-XML, and of its pixels."""
    for axis in "XY" if factor > 1 else "":
        pixels.set(f"Size{axis}", str(factor * int(pixels.get(f"Size{axis}", "0"))))
        size = pixels.get(f"PhysicalSize{axis}")
        if size is not None:
            pixels.set(f"PhysicalSize{axis}", str(float(size) / factor))


def _shorten(pixels: ElementTree.Element, axis: str, length: int, namespace: str) -> None:
    """Shorten an image of an OME-XML along an axis."""
    pixels.set(f"Size{axis}", str(length))
    late = [plane for plane in pixels.findall(f"{namespace}Plane")
            if str(plane.get(f"The{axis}")) not in map(str, range(length))]
    if axis == "C":
        late += pixels.findall(f"{namespace}Channel")[length:]
    for element in late:
        pixels.remove(element)


def _check_ome_xml(text: str, checked: CheckedTiff, path: Path) -> None:
    root = ElementTree.fromstring(text)
    described = list(root.iter(f"{_namespace(root)}Pixels"))
    if len(described) != len(checked.series):
        raise UserError(f"{path} describes {len(described)} images but holds "
                        f"{len(checked.series)}. Save each to a separate file.")
    for pixels, series, missing in zip(described, checked.series, checked.missing):
        if missing and pixels.get(f"Size{series.axes[0]}") != str(series.shape[0]):
            raise planes_missing(series, missing, path)


def _namespace(root: ElementTree.Element) -> str:
    return root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
