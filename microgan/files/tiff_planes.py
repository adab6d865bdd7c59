"""The planes that a TIFF holds, where it says that there are others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import tifffile

from microgan.errors import UserError

# Letters of an axis that a file does not name: I and Q of tifffile, and N of planes that do not
# fill the axes that the file names.
UNNAMED = "IQN"
_MOST_LISTED = 8
_OME_NAMES = {"float": "float32", "double": "float64"}


def missing_planes(series: tifffile.TiffPageSeries) -> tuple[int, ...]:
    """Planes that an image announces but does not hold, or not whole: their numbers from 0."""
    return tuple(number for number, page in enumerate(series.pages)
                 if page is None or 0 in page.databytecounts)


def planes_missing(series: tifffile.TiffPageSeries, missing: Sequence[int],
                   path: Path) -> UserError:
    """Say which planes of an image are missing, and what to do."""
    listed = ", ".join(str(number + 1) for number in missing[:_MOST_LISTED])
    more = " and others" if len(missing) > _MOST_LISTED else ""
    return UserError(
        f"{path} lacks plane{'s' * (len(missing) > 1)} {listed}{more} of the "
        f"{len(series.pages)} that it announces: missing ones are not dark. Save those "
        "that are there as an image first (in ImageJ: Image > Stacks > Tools > Make Substack).")


def shape_there(series: tifffile.TiffPageSeries, missing: Sequence[int],
                path: Path) -> tuple[int, ...]:
    """The shape of an image up to its first missing plane, as after an acquisition was ended.

    Args:
        series: the image.
        missing: as `missing_planes` found.
        path: of its file, for messages.

    Returns:
        The image's shape; its first axis ends before what is missing.

    Raises:
        UserError: what is missing is not at the end of the first axis, or that is not named
            by the file's description.
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
    """Say which planes are missing, and what is read; see `shape_there`."""
    number = len(series.pages)
    item = number // series.shape[0]
    incomplete = number - there[0] * item - len(missing)
    rest = f", {incomplete} of an incomplete one left out" if incomplete else ""
    return (f"{len(missing)} of the {number} planes that it announces are missing: only the first "
            f"{there[0]} of {series.shape[0]} along {series.axes[0]} are read{rest}")


def imagej_planes(tiff: tifffile.TiffFile) -> tuple[tifffile.TiffPageSeries, str] | None:
    """What an ImageJ file holds, if it is another number of planes than its text says.

    Returns:
        All pages as one image, and a line for the user, "" if nothing is amiss. None if
        tifffile reads what is there.

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
    said = math.prod(size for _, size in sizes)
    if said == 1:
        said = int(found.get("images", 1))
    num_pages = len(tiff.pages)
    if num_pages == said or said < 1 or (said == 1 and "images" not in found):
        return None
    if num_pages == 1 and (room := _room(tiff)) > 1:  # a stack whose pixels follow one another
        if room < said:
            raise ValueError(f"it is cut short: it says that it has {_planes(said)}, and pixels "
                             f"of {room} follow")
        if max(size for _, size in sizes) > 1:
            return None
        page = tiff.pages.first
        return tifffile.TiffPageSeries([page], (said, *page.shape), page.dtype, "I" + page.axes,
                                       kind="imagej", truncated=True), ""
    pages = [tiff.pages[number] for number in range(num_pages)]
    if len({page.hash for page in pages}) > 1:
        raise ValueError(f"it says that it has {_planes(said)}, but holds {num_pages} pages that "
                         "differ in size or type")
    sizes = [(axis, size) for axis, size in sizes if size > 1] or [("I", said)]
    inner = math.prod(size for _, size in sizes[1:])
    if num_pages % inner or found.get("images") == num_pages:
        sizes, inner = [("N", said)], 1
    axes = "".join(axis for axis, _ in sizes) + pages[0].axes
    shape = (num_pages // inner, *(size for _, size in sizes[1:]), *pages[0].shape)
    series = tifffile.TiffPageSeries(pages, shape, pages[0].dtype, axes, kind="imagej")
    are = f"{'is' if num_pages == 1 else 'are'} there"
    others = ", the others are missing" if num_pages < said else ""
    return series, (f"it says that it has {_planes(said)}, but {num_pages} {are}{others}: it is "
                    f"read as {series.axes} of {' x '.join(map(str, series.shape))}")


def _room(tiff: tifffile.TiffFile) -> int:
    """How many planes lie in a file from its first page's on, if they do."""
    page = tiff.pages.first
    if not page.is_final:
        return 1
    return (tiff.filehandle.size - page.dataoffsets[0]) // page.nbytes


def _planes(number: int) -> str:
    return f"{number} plane{'s' * (number != 1)}"


def ome_notes(tiff: tifffile.TiffFile, images: Sequence[tifffile.TiffPageSeries]
              ) -> Iterator[str]:
    """What OME-XML says of an OME-TIFF that is not so: its pages, and the type of its values."""
    used = {page.index for series in images for page in series.pages if page is not None}
    if len(tiff.pages) > len(used):
        yield (f"{len(tiff.pages) - len(used)} of its {len(tiff.pages)} pages are not described "
               "by its OME-XML and are not read")
    described = [element.get("Type", "") for element in ElementTree.fromstring(
        tiff.ome_metadata or "").iter() if element.tag.rpartition("}")[2] == "Pixels"]
    for name, series in zip(described, images):
        if name and _OME_NAMES.get(name, name) != series.dtype.name:
            yield (f"its OME-XML says {name} values, but its pages hold {series.dtype.name}, "
                   "as which they are read")
