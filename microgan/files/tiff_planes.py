"""The planes that a TIFF holds, where it announces others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import tifffile

from microgan.errors import UserError

# Letters of unnamed axes: tifffile's I and Q, and N for planes that do not fill the axes that
# the file names.
UNNAMED = "IQN"
_MOST_LISTED = 8
_OME_NAMES = {"float": "float32", "double": "float64"}


def missing_planes(series: tifffile.TiffPageSeries) -> tuple[int, ...]:
    """Return the numbers, from 0, of planes that are announced but missing or incomplete."""
    return tuple(number for number, page in enumerate(series.pages)
                 if page is None or 0 in page.databytecounts)


def planes_missing(series: tifffile.TiffPageSeries, missing: Sequence[int],
                   path: Path) -> UserError:
    """Return the error for missing planes: which, and the remedy."""
    listed = ", ".join(str(number + 1) for number in missing[:_MOST_LISTED])
    more = " and others" if len(missing) > _MOST_LISTED else ""
    return UserError(
        f"{path} lacks plane{'s' * (len(missing) > 1)} {listed}{more} of the "
        f"{len(series.pages)} that it announces, which are not read as dark. Save those "
        "that are there as an image first (in ImageJ: Image > Stacks > Tools > Make Substack).")


def shape_there(series: tifffile.TiffPageSeries, missing: Sequence[int],
                path: Path) -> tuple[int, ...]:
    """Return an image's shape up to its first missing plane, as if acquisition was stopped.

    Args:
        series: the image.
        missing: from `missing_planes`.
        path: of its file, for messages.

    Returns:
        The image's shape; its first axis ends before what is missing.

    Raises:
        UserError: planes are missing other than at the end of the first axis, or the file
            does not describe that axis.
    """
    number, shape = len(series.pages), series.shape
    if not missing:
        return shape
    if number == math.prod(shape[:-2]) and len(shape) > 2:
        item = number // shape[0]
        whole = missing[0] // item
        if whole and set(missing) >= set(range((whole + 1) * item, number)):
            return (whole, *shape[1:])
    raise planes_missing(series, missing, path)


def left_out(series: tifffile.TiffPageSeries, missing: Sequence[int],
             there: Sequence[int]) -> str:
    """Describe which planes are missing, and what is read; see `shape_there`."""
    number = len(series.pages)
    item = number // series.shape[0]
    incomplete = number - there[0] * item - len(missing)
    rest = f", {incomplete} of an incomplete one left out" if incomplete else ""
    return (f"{len(missing)} of the {number} planes that it announces are missing: only the first "
            f"{there[0]} of {series.shape[0]} along {series.axes[0]} are read{rest}")


def imagej_planes(tiff: tifffile.TiffFile) -> tuple[tifffile.TiffPageSeries, str] | None:
    """Read an ImageJ file as one image if it holds another number of planes than announced.

    Returns:
        All pages as one image, and a line for the user, "" if nothing is missing. None if
        tifffile reads the file right.

    Raises:
        ValueError: the pages are not of one kind, or the file is cut short.
    """
    found = tiff.imagej_metadata
    if not found or tiff.is_ome or tiff.is_shaped or tiff.is_lsm or tiff.is_mmstack or (
            tiff.pages.first.samplesperpixel > 1):
        return None
    order = str(found.get("order", "czt")).lower()
    order = order if sorted(order) == ["c", "t", "z"] else "czt"
    names = {"c": "channels", "z": "slices", "t": "frames"}
    sizes = [(axis.upper(), int(found.get(names[axis], 1))) for axis in reversed(order)]
    announced = math.prod(size for _, size in sizes)
    if announced == 1:
        announced = int(found.get("images", 1))
    num_pages = len(tiff.pages)
    if num_pages == announced or announced < 1 or (announced == 1 and "images" not in found):
        return None
    if num_pages == 1 and (room := _room(tiff)) > 1:  # a stack whose pixels follow one another
        if room < announced:
            raise ValueError(f"it is cut short: it announces {_planes(announced)}, but pixels of "
                             f"{room} follow")
        if max(size for _, size in sizes) > 1:
            return None
        page = tiff.pages.first
        return tifffile.TiffPageSeries([page], (announced, *page.shape), page.dtype,
                                       "I" + page.axes, kind="imagej", truncated=True), ""
    pages = [tiff.pages[number] for number in range(num_pages)]
    if len({page.hash for page in pages}) > 1:
        raise ValueError(f"it announces {_planes(announced)}, but holds {num_pages} pages that "
                         "differ in size or type")
    sizes = [(axis, size) for axis, size in sizes if size > 1] or [("I", announced)]
    inner = math.prod(size for _, size in sizes[1:])
    if num_pages % inner or found.get("images") == num_pages:
        sizes, inner = [("N", announced)], 1
    axes = "".join(axis for axis, _ in sizes) + pages[0].axes
    shape = (num_pages // inner, *(size for _, size in sizes[1:]), *pages[0].shape)
    series = tifffile.TiffPageSeries(pages, shape, pages[0].dtype, axes, kind="imagej")
    are = f"{'is' if num_pages == 1 else 'are'} there"
    others = ", the others are missing" if num_pages < announced else ""
    return series, (f"it announces {_planes(announced)}, but {num_pages} {are}{others}: it is "
                    f"read as {series.axes} of {' x '.join(map(str, series.shape))}")


def _room(tiff: tifffile.TiffFile) -> int:
    """Return how many planes fit in a file from its first page on, if they are contiguous."""
    page = tiff.pages.first
    if not page.is_final:
        return 1
    return (tiff.filehandle.size - page.dataoffsets[0]) // page.nbytes


def _planes(number: int) -> str:
    return f"{number} plane{'s' * (number != 1)}"


def ome_notes(tiff: tifffile.TiffFile, images: Sequence[tifffile.TiffPageSeries]
              ) -> Iterator[str]:
    """Yield where OME-XML differs from its file: pages, and the type of values."""
    used = {page.index for series in images for page in series.pages if page is not None}
    if len(tiff.pages) > len(used):
        yield (f"{len(tiff.pages) - len(used)} of its {len(tiff.pages)} pages are not described "
               "by its OME-XML and are not read")
    described = [element.get("Type", "") for element in ElementTree.fromstring(
        tiff.ome_metadata or "").iter() if element.tag.rpartition("}")[2] == "Pixels"]
    for name, series in zip(described, images):
        if name and _OME_NAMES.get(name, name) != series.dtype.name:
            yield (f"its OME-XML states {name} values, but its pages hold "
                   f"{series.dtype.name} and are read as such")
