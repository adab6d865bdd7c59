"""Read the files of microscopes' makers: CZI (Zeiss), LIF (Leica) and ND2 (Nikon)."""

from __future__ import annotations

import contextlib
import functools
import importlib
import itertools
import logging
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgan.errors import UserError, one_line
from microgan.files.arrays import check_expansion, check_regular
from microgan.files.channel_names import as_names
from microgan.files.voxel_sizes import VoxelSize, positive_size

# Every plane of an image is along these; other axes make images of their own.
_PLANE_AXES = "TZC"
_MAX_PLANES = 10**6
# Of planes in memory, in case the next part needs them again.
_KEPT_PLANES = 4
_UM_PER_METRE = 1e6

# Reads the plane at a place along all axes but Y and X.
_ReadPlane = Callable[[tuple[int, ...]], np.ndarray]


class VendorPixels:
    """The pixels of an image, read plane by plane.

    Args:
        shape: of the image, Y and X last.
        dtype: of its values.
        read: reads a plane.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any, read: _ReadPlane) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._plane = functools.lru_cache(_KEPT_PLANES)(read)

    def __getitem__(self, index: Any, /) -> np.ndarray:
        *outer, rows, columns = (range(*part.indices(length))
                                 for part, length in zip(index, self.shape))
        planes = [self._plane(place)[rows.start:rows.stop, columns.start:columns.stop]
                  for place in itertools.product(*outer)]
        return np.stack(planes).reshape(*map(len, outer), len(rows), len(columns))


@dataclass(frozen=True)
class VendorImage:
    """One image of a file.

    Args:
        label: its name among the images of its file; "" if it is the only one.
        axes: some of T, Z and C in the order of the file, then Y and X.
        pixels: read plane by plane.
        channel_names: of the channels, "" for one without a name.
        voxel_size_um: distances between pixels and between slices, None where unknown.
    """

    label: str
    axes: str
    pixels: VendorPixels
    channel_names: tuple[str, ...]
    voxel_size_um: VoxelSize


@dataclass(frozen=True)
class _Found:
    """An image as its library describes it: `sizes` by axis, Y and X last."""

    label: str
    sizes: Mapping[str, int]
    dtype: Any
    read: _ReadPlane
    channel_names: Sequence[Any] = ()
    voxel_size_um: VoxelSize = (None, None)


class VendorFile:
    """An opened file of a microscope's maker. Use it in a `with` statement, which closes it.

    Args:
        path: `.czi`, `.lif` or `.nd2`.

    Raises:
        UserError: its library is not installed; it cannot be read, is one of several files of
            an image, claims far more than it holds, or holds colours.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = contextlib.ExitStack()
        kind, package, finder = _KINDS[path.suffix.lower()]
        self._kind = kind
        self._package = package
        library = _library(package, kind, path)
        try:
            with self._named_errors():
                check_regular(path)
                found = list(finder(library, path, self._opened))
                self.images = tuple(self._images(found))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> VendorFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def _images(self, found: Sequence[_Found]) -> Iterator[VendorImage]:
        if not found:
            raise ValueError("it holds no image")
        claimed = sum(math.prod(each.sizes.values()) * np.dtype(each.dtype).itemsize
                      for each in found)
        check_expansion(claimed, self._path)
        for each in found:
            names = list(each.sizes)
            if "S" in names:
                raise UserError(f"{self._path} {each.label}".strip() + " holds colours (RGB), but "
                                "only grey images are read. Save a grey image, or each colour as "
                                "a channel.")
            if names[-2:] != ["Y", "X"] or min(each.sizes.values()) < 1:
                raise ValueError(f"an image in it has axes {', '.join(names)}, not planes of Y "
                                 "and X")
            *lengths, _, _ = each.sizes.values()
            if math.prod(lengths) > _MAX_PLANES:
                raise ValueError(f"it claims {math.prod(lengths)} planes")
            yield from self._split(each, len(found) > 1)

    def _split(self, found: _Found, several: bool) -> Iterator[VendorImage]:
        """Yield an image for every place along axes other than T, Z and C."""
        *names, _, _ = found.sizes
        others = [number for number, name in enumerate(names) if name not in _PLANE_AXES]
        axes = "".join(name for name in names if name in _PLANE_AXES)
        shape = tuple(found.sizes[name] for name in (*axes, "Y", "X"))
        for other in itertools.product(*(range(found.sizes[names[number]]) for number in others)):
            def read(place: tuple[int, ...], fixed: tuple[int, ...] = other) -> np.ndarray:
                whole = list(place)
                for number, position in zip(others, fixed):
                    whole.insert(number, position)
                with self._named_errors():
                    plane = np.asarray(found.read(tuple(whole)))
                    if plane.shape != shape[-2:]:
                        raise ValueError(f"a plane has shape {plane.shape}, not {shape[-2:]}")
                    return plane

            parts = [*([found.label] if several else []),
                     *(f"{names[number]}{position + 1}" for number, position in zip(
                         others, other) if found.sizes[names[number]] > 1)]
            count = found.sizes.get("C", 1)
            yield VendorImage(" ".join(parts), axes + "YX",
                              VendorPixels(shape, found.dtype, read),
                              as_names(found.channel_names, count), found.voxel_size_um)

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Turn any failure in the block into a `UserError`, and keep the library quiet."""
        logger = logging.getLogger(self._package)
        was_disabled, logger.disabled = logger.disabled, True
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except UserError:
            raise
        except Exception as error:  # damaged files make the libraries raise nearly anything
            raise UserError(f"{self._path} cannot be read as {self._kind}: {one_line(error)}. Get "
                            "a whole copy, or save it as OME-TIFF.") from error
        finally:
            logger.disabled = was_disabled


def _library(package: str, kind: str, path: Path) -> Any:
    try:
        library = importlib.import_module(package)
        if package == "czifile" and not hasattr(getattr(library, "CziImage", None), "mpp"):
            raise ImportError("too old")
    except ImportError as error:
        remedy = "pip install 'microgan[formats]'."
        if package == "czifile" and sys.version_info < (3, 12):
            remedy = "czifile, which needs Python 3.12 or newer. Save it as OME-TIFF."
        raise UserError(f"{path} is {kind}, which needs an extra: {remedy}") from error
    return library


def _find_czi(library: Any, path: Path, opened: contextlib.ExitStack) -> Iterator[_Found]:
    file = opened.enter_context(library.CziFile(path))
    if file.header.file_part or any(entry.file_part for entry in file.subblock_directory):
        raise UserError(f"{path} is one of several files that hold an image together. Save the "
                        "image to a single file first.")
    for key, scene in file.scenes.items():
        def read(place: tuple[int, ...], scene: Any = scene) -> np.ndarray:
            chosen = {name: start + number for name, start, number in zip(
                scene.dims, scene.start, place)}
            try:
                plane = scene(**chosen) if chosen else scene
            except ValueError as error:
                raise ValueError("the plane " + " ".join(
                    f"{name}{number + 1}" for name, number in zip(scene.dims, place))
                    + " is missing") from error
            return plane.asarray()

        pixel = scene.mpp[0] if scene.mpp else None
        yield _Found(f"scene {key}", dict(zip(scene.dims, scene.shape)), scene.dtype, read,
                     list(scene.channels), (_positive(pixel), None))


def _find_lif(library: Any, path: Path, opened: contextlib.ExitStack) -> Iterator[_Found]:
    file = opened.enter_context(library.LifFile(path))
    if file.type != library.LifFileType.LIF:
        raise UserError(f"{path} refers to other files, which are not read. Save the images as "
                        "OME-TIFF.")
    for image in file.images:
        if image.is_flim:
            raise UserError(f"{path} {image.path} holds lifetimes, not intensities. Save the "
                            "images as OME-TIFF.")

        def read(place: tuple[int, ...], image: Any = image) -> np.ndarray:
            return np.array(image.asarray(out="memmap")[place])

        sizes = dict(image.sizes)
        if max(sizes.values(), default=0) > _MAX_PLANES:  # its places would fill memory
            raise ValueError(f"it claims {max(sizes.values())} places along an axis")
        steps = [_step(image.coords.get(axis)) for axis in "XZ"]
        names = image.coords.get("C")
        if names is None:  # of older versions of the library
            names = [channel.findtext("ChannelProperty[Key='DyeName']/Value") for channel in
                     image.xml_element.iterfind(".//Channels/ChannelDescription")]
        yield _Found(image.path, sizes, image.dtype, read, list(map(str, names)),
                     (steps[0], steps[1]))


def _find_nd2(library: Any, path: Path, opened: contextlib.ExitStack) -> Iterator[_Found]:
    file = opened.enter_context(library.ND2File(path))
    sizes = dict(file.sizes)
    loops = [name for name in sizes if name not in "CYXS"]
    has_channels = "C" in sizes

    def read(place: tuple[int, ...]) -> np.ndarray:
        number = np.ravel_multi_index(place[:len(loops)], [sizes[name] for name in loops]
                                      ) if loops else 0
        frame = file.read_frame(int(number)).reshape(-1, sizes["Y"], sizes["X"])
        if not frame.any():  # what the library gives for a frame that is not there
            raise ValueError(f"frame {int(number) + 1} is missing, or 0 everywhere")
        return np.array(frame[place[-1] if has_channels else 0])

    pixel, _, step = file.voxel_size()
    names = [channel.channel.name for channel in file.metadata.channels or ()]
    yield _Found("", sizes, file.dtype, read, names,
                 (_positive(pixel), _positive(step) if "Z" in sizes else None))


def _step(coordinates: Any) -> float | None:
    """Return the distance between neighbours in micrometres, given their places in metres."""
    if coordinates is None or len(coordinates) < 2:
        return None
    return _positive(_UM_PER_METRE * float(coordinates[1] - coordinates[0]))


def _positive(size: Any) -> float | None:
    return None if size is None else positive_size(float(size))


# By suffix: what to call the file, the package that reads it, and its reader.
_KINDS: dict[str, tuple[str, str, Callable[..., Iterator[_Found]]]] = {
    ".czi": ("Zeiss' CZI", "czifile", _find_czi),
    ".lif": ("Leica's LIF", "liffile", _find_lif),
    ".nd2": ("Nikon's ND2", "nd2", _find_nd2),
}
VENDOR_SUFFIXES = tuple(_KINDS)
