"""Where a restored image can be trusted, estimated without ground truth."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from microgan.datasets.missing import is_missing
from microgan.restoration.planes import Planes, WritablePixels
from microgan.restoration.stored_images import Pixels, Scratch
from microgan.restoration.tiles import tile_grid

if TYPE_CHECKING:
    from microgan.restoration.restorer import Restorer

# Finer is noise, which cannot be predicted; coarser is background, which training images of
# one field of view teach poorly. Measured: docs/trust.md.
FINE_PX = 2.0
COARSE_PX = 16.0
# Deviations at which Gaussians are cut off.
_TRUNCATE = 4.0
_SIDE_PX = 1024


class FlippedPixels:
    """A mirrored view of an image, without a copy in memory.

    Args:
        image: of any size.
        flipped: numbers of the mirrored axes.
    """

    def __init__(self, image: Pixels, flipped: Sequence[int]) -> None:
        self.shape = image.shape
        self.dtype = image.dtype
        self._image = image
        self._flipped = tuple(flipped)

    def __getitem__(self, index: tuple[slice, ...], /) -> np.ndarray:
        mirrored = [slice(length - part.stop, length - part.start) if axis in self._flipped
                    else part for axis, (part, length) in enumerate(zip(index, self.shape))]
        return np.flip(self._image[tuple(mirrored)], self._flipped)


def spread(restored: Sequence[np.ndarray]) -> np.ndarray:
    """Measure how far several restorations of one image disagree.

    Args:
        restored: at least two, of one shape: by several networks, or of the flipped image
            flipped back.

    Returns:
        Their standard deviation at each pixel, float32, in the images' unit.
    """
    return np.std(np.stack(restored).astype(np.float32), axis=0)


def spread_over_mirrors(restore: Callable[[list[np.ndarray]], list[np.ndarray]],
                        planes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Measure how far restorations of each image and of its mirror images disagree.

    Args:
        restore: a list of images (Y, X), without averaging over mirror images.
        planes: images (Y, X).

    Returns:
        As `spread`, for each image.
    """
    views = [[np.flip(restored, axes) for restored in restore(
        [np.flip(plane, axes) for plane in planes])] for axes in ((), (0,), (1,), (0, 1))]
    return [spread(each) for each in zip(*views)]


def inconsistency(measured: np.ndarray, degraded_again: Sequence[np.ndarray],
                  least_deviation: float) -> np.ndarray:
    """Measure how far a restored image, degraded again, is from the measured one.

    The difference is smoothed to remove most noise, and what is smoother than structures is
    subtracted: uneven background is not an invention. With several draws of a random defect,
    the difference is divided by the noise that is left, which is stronger where it is bright.

    Args:
        measured: plane or volume, any type.
        degraded_again: the restored image with the learned defect; several draws of a
            random defect, of which the mean is compared.
        least_deviation: lower limit of the noise, > 0, in the unit of `measured`.

    Returns:
        Absolute difference at each pixel, float32: with several draws in standard
        deviations of the noise, otherwise in the unit of `measured`.

    Source:
        ours, after predictive checks (Rubin 1984, Ann. Stat. 12:1151).
    """
    draws = np.stack(degraded_again).astype(np.float32)
    mean = draws.mean(axis=0)
    difference = np.abs(_band(measured.astype(np.float32) - mean))
    if len(draws) == 1:
        return difference
    # Of one further draw about the mean of these: the measured image is one.
    variance = (1 + 1 / len(draws)) / (len(draws) - 1) * sum(
        _band(draw - mean) ** 2 for draw in draws)
    deviation = np.sqrt(ndimage.gaussian_filter(variance, COARSE_PX, truncate=_TRUNCATE))
    return difference / np.maximum(deviation, least_deviation)


def _band(image: np.ndarray) -> np.ndarray:
    """Keep what is neither finer nor coarser than structures."""
    fine, coarse = (ndimage.gaussian_filter(image, sigma, truncate=_TRUNCATE)
                    for sigma in (FINE_PX, COARSE_PX))
    return fine - coarse


def mirrored_views(restorer: Restorer, axes: str, *, with_plain: bool
                   ) -> list[tuple[Restorer, tuple[int, ...]]]:
    """Return the views of an image whose restorations its spread compares.

    Args:
        restorer: that restores all of them, without averaging over mirror images.
        axes: of the image, one letter each.
        with_plain: whether the image as it is counts, too.

    Returns:
        For each view what restores it, and numbers of the axes along which it is mirrored.
    """
    y, x = axes.index("Y"), axes.index("X")
    mirrors = [(y,), (x,), (y, x), *([()] if with_plain else [])]
    return [(restorer, mirror) for mirror in mirrors]


def write_spread_of_views(target: WritablePixels, image: Pixels, axes: str,
                          restored: Sequence[Pixels],
                          views: Sequence[tuple[Restorer, tuple[int, ...]]], *, folder: Path,
                          progress: Iterator[Callable[[float], Any]], **how: Any) -> float:
    """Restore views of an image, and write how far they and other restorations disagree.

    Args:
        target: float32, of the image's shape; written to.
        image: measured, of any size.
        axes: one letter per axis.
        restored: restorations that exist already.
        views: as in `mirrored_views`.
        folder: for temporary files.
        progress: yields for each view what is called with the share of it that is done.
        how: `task` and `nodata`, as `Restorer` takes them.

    Returns:
        Mean of the map, without missing pixels.
    """
    with contextlib.ExitStack() as parts:
        members: list[Any] = list(restored)
        for restorer, mirrored in views:
            part = parts.enter_context(Scratch(folder, tuple(image.shape), np.float32))
            restorer.restore_into(part, FlippedPixels(image, mirrored), axes=axes,
                                  report=lambda line: None,  # said before
                                  progress=next(progress), **how)
            members.append(FlippedPixels(part, mirrored))
        return write_spread(target, members, axes, how.get("nodata"))


def write_spread(target: WritablePixels, restored: Sequence[Pixels], axes: str,
                 nodata: float | None = None) -> float:
    """Write the map of `spread`, part by part.

    Args:
        target: float32, of the images' shape; written to.
        restored: as in `spread`.
        axes: one letter per axis.
        nodata: what missing pixels hold, in the images and the map; None for none.

    Returns:
        Mean of the map, without missing pixels.
    """
    return _write_map(target, axes, 0, restored[0], nodata, lambda read: (
        spread([read(image) for image in restored])))


def write_inconsistency(target: WritablePixels, measured: Pixels, degraded_again: Sequence[Pixels],
                        axes: str, least_deviation: float, nodata: float | None = None) -> float:
    """Write the map of `inconsistency`, with its arguments, as `write_spread` does."""
    # Smoothed twice: the differences, and their squares.
    return _write_map(
        target, axes, 2 * int(_TRUNCATE * COARSE_PX + 0.5), measured, nodata, lambda read: (
            inconsistency(read(measured), [read(image) for image in degraded_again],
                          least_deviation)))


def _write_map(target: Any, axes: str, margin: int, image: Pixels, nodata: float | None,
               compute: Callable[[Callable[[Pixels], np.ndarray]], np.ndarray]) -> float:
    """Write a map tile by tile: `compute` maps a function that reads a part of an image to it.

    Where pixels of `image` are missing, all images read as 0.
    """
    planes = Planes(target.shape, axes, "YX")
    total, count = 0.0, 0
    for place in planes.places:
        for tile in tile_grid(planes.shape, _SIDE_PX, [margin] * 2, [1] * 2):
            missing = is_missing(planes.read(image, place, tile.outer), nodata)

            def read(image: Pixels) -> np.ndarray:
                part = planes.read(image, place, tile.outer)
                return np.where(missing, 0, part) if missing.any() else part

            values = compute(read)[tile.inner]
            measured = ~missing[tile.inner]
            total += float(values[measured].sum(dtype=np.float64))
            count += int(np.count_nonzero(measured))
            if nodata is not None:
                values[~measured] = nodata
            planes.write(target, place, tile.core, values)
    return total / count
