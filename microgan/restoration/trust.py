"""Where a restored image can be trusted, estimated without ground truth."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from microgan.datasets.error_bounds import ErrorBounds
from microgan.datasets.missing import is_missing
from microgan.restoration.planes import Planes, WritablePixels
from microgan.restoration.stored_images import Pixels, Scratch
from microgan.restoration.tiles import Tile, tile_grid

if TYPE_CHECKING:
    from microgan.restoration.restorer import Restorer

# Finer is noise, which cannot be predicted; coarser is background, which training images of
# one field of view teach poorly. Measured: docs/trust.md.
FINE_PX = 2.0
COARSE_PX = 16.0
# Gaussians along Y and X; a weighted sum of them is the blur that the measured image shows.
_WIDTHS_PX = ((2.0, 2.0), (2.0, 5.0), (5.0, 2.0), (5.0, 5.0), (9.0, 9.0))
# What is left after this Gaussian is noise. The band has so much of white noise of deviation 1,
# as a share of what is left.
_NOISE_PX = 1.0
_NOISE_IN_BAND = 0.16
# Deviations at which Gaussians are cut off.
_TRUNCATE = 4.0
_SIDE_PX = 1024
# Reads a part of an image.
Read = Callable[[Pixels], np.ndarray]
# The parts of a plane, and where each is without its margin.
_Parts = Callable[[], Iterator[tuple[Read, tuple[slice, ...]]]]


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
        restored: at least two, of one shape: those of mirror images mirrored back.

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


def inconsistency(measured: np.ndarray, restored: np.ndarray, least_deviation: float,
                  weights: np.ndarray | None = None) -> np.ndarray:
    """Measure how far a restored image is from the measured one, but for blur and noise.

    The restored image is blurred to fit the measured one: smoothed by Gaussians of several
    widths along Y and X, weighted by least squares. The difference is smoothed to remove most
    noise, and what is smoother than structures is subtracted: uneven background is not an
    invention.

    Args:
        measured: (Y, X), any type.
        restored: like `measured`, in any unit.
        least_deviation: lower limit of the noise, > 0, in the unit of `measured`.
        weights: of the widths, as a larger image gives them; None to fit them to this one.

    Returns:
        Absolute difference at each pixel, float32, in standard deviations of the noise, which
        is measured within 16 pixels around as what is finer than all structures.

    Source:
        ours, after predictive checks (Rubin 1984, Ann. Stat. 12:1151).
    """
    image = measured.astype(np.float32)
    parts = _smoothed_parts(restored)
    target = _band(image)
    if weights is None:
        weights = _solve(*_normal_equations(parts, target))
    noise = _NOISE_IN_BAND * np.sqrt(_smooth((image - _smooth(image, _NOISE_PX)) ** 2, COARSE_PX))
    difference = np.abs(target - np.tensordot(weights.astype(np.float32), parts, 1))
    return difference / np.maximum(noise, np.float32(least_deviation))


def _smooth(image: np.ndarray, sigma: float | tuple[float, float]) -> np.ndarray:
    return np.asarray(ndimage.gaussian_filter(image, sigma, truncate=_TRUNCATE))


def _band(image: np.ndarray) -> np.ndarray:
    """Keep what is neither finer nor coarser than structures."""
    return _smooth(image, FINE_PX) - _smooth(image, COARSE_PX)


def _smoothed_parts(restored: np.ndarray) -> np.ndarray:
    """Return the structures of a restored image as each width leaves them, (widths, Y, X)."""
    image = restored.astype(np.float32)
    coarse = _smooth(image, COARSE_PX)
    return np.stack([_smooth(image, width) - coarse for width in _WIDTHS_PX])


def _normal_equations(parts: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = parts.reshape(len(parts), -1).astype(np.float64)
    return flat @ flat.T, flat @ target.ravel().astype(np.float64)


def _solve(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.lstsq(matrix, vector, rcond=1e-9)[0])


def mirrored_views(axes: str, *, with_plain: bool) -> list[tuple[int, ...]]:
    """Return the views of an image whose restorations its spread compares.

    Args:
        axes: of the image, one letter each.
        with_plain: whether the image as it is counts, too.

    Returns:
        For each view, numbers of the axes along which it is mirrored.
    """
    y, x = axes.index("Y"), axes.index("X")
    return [(y,), (x,), (y, x), *([()] if with_plain else [])]


def write_spread_of_views(target: WritablePixels, image: Pixels, axes: str,
                          restored: Sequence[Pixels], restorer: Restorer, *, folder: Path,
                          progress: Iterator[Callable[[float], Any]],
                          bounds: ErrorBounds | None = None, **how: Any) -> float:
    """Restore views of an image, and write how far they and other restorations disagree.

    Args:
        target: float32, of the image's shape; written to.
        image: measured, of any size.
        axes: one letter per axis.
        restored: restorations of the image as it is that exist already, if any.
        restorer: of the views, without averaging over mirror images.
        folder: for temporary files.
        progress: yields for each view what is called with the share of it that is done.
        bounds: of the generator; None to write the spread itself.
        how: `task` and `nodata`, as `Restorer` takes them.

    Returns:
        Mean of the map, without missing pixels.
    """
    with contextlib.ExitStack() as parts:
        members: list[Any] = list(restored)
        for mirrored in mirrored_views(axes, with_plain=not restored):
            part = parts.enter_context(Scratch(folder, tuple(image.shape), np.float32))
            restorer.restore_into(part, FlippedPixels(image, mirrored), axes=axes,
                                  report=lambda line: None,  # said before
                                  progress=next(progress), **how)
            members.append(FlippedPixels(part, mirrored))
        return write_spread(target, members, axes, how.get("nodata"), bounds)


def write_spread(target: WritablePixels, restored: Sequence[Pixels], axes: str,
                 nodata: float | None = None, bounds: ErrorBounds | None = None) -> float:
    """Write the map of `spread`, or the half-widths of its intervals, part by part.

    Args:
        target: float32, of the images' shape; written to.
        restored: as in `spread`.
        axes: one letter per axis.
        nodata: what missing pixels hold, in the images and the map; None for none.
        bounds: which half-width belongs to a spread; None to write the spread itself.

    Returns:
        Mean of the map, without missing pixels.
    """
    def compute(read: Read) -> np.ndarray:
        found = spread([read(image) for image in restored])
        return found if bounds is None else bounds(found)

    return _write_map(target, axes, 0, restored[0], nodata, lambda parts: compute)


def write_inconsistency(target: WritablePixels, measured: Pixels, restored: Pixels, axes: str,
                        least_deviation: float, nodata: float | None = None) -> float:
    """Write the map of `inconsistency`, with its arguments, as `write_spread` does."""
    def fitted(parts: _Parts) -> Callable[[Read], np.ndarray]:
        matrix, vector = np.zeros([len(_WIDTHS_PX)] * 2), np.zeros(len(_WIDTHS_PX))
        for read, inner in parts():
            image = read(measured).astype(np.float32)
            smoothed = _smoothed_parts(read(restored))[(slice(None), *inner)]
            sums = _normal_equations(smoothed, _band(image)[inner])
            matrix, vector = matrix + sums[0], vector + sums[1]
        weights = _solve(matrix, vector)
        return lambda read: inconsistency(read(measured), read(restored), least_deviation, weights)

    # Noise is smoothed twice.
    margin = int(_TRUNCATE * COARSE_PX + 0.5) + int(_TRUNCATE * _NOISE_PX + 0.5)
    return _write_map(target, axes, margin, measured, nodata, fitted)


def _write_map(target: Any, axes: str, margin: int, image: Pixels, nodata: float | None,
               prepare: Callable[[_Parts], Callable[[Read], np.ndarray]]) -> float:
    """Write a map tile by tile.

    For each plane, `prepare` sees its parts, and returns what computes the map of a part. Where
    pixels of `image` are missing, all images read as 0.
    """
    planes = Planes(target.shape, axes, "YX")
    tiles = tile_grid(planes.shape, _SIDE_PX, [margin] * 2, [1] * 2)
    total, count = 0.0, 0
    for place in planes.places:
        def reader(tile: Tile) -> tuple[np.ndarray, Read]:
            missing = is_missing(planes.read(image, place, tile.outer), nodata)

            def read(image: Pixels) -> np.ndarray:
                part = planes.read(image, place, tile.outer)
                return np.where(missing, 0, part) if missing.any() else part

            return missing, read

        compute = prepare(lambda: ((reader(tile)[1], tile.inner) for tile in tiles))
        for tile in tiles:
            missing, read = reader(tile)
            values, measured = compute(read)[tile.inner], ~missing[tile.inner]
            total += float(values[measured].sum(dtype=np.float64))
            count += int(np.count_nonzero(measured))
            if nodata is not None:
                values[~measured] = nodata
            planes.write(target, place, tile.core, values)
    return total / count
