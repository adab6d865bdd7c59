"""Where a restored image can be trusted, told without knowing the truth."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from microgan.restoration.planes import Planes, WritablePixels
from microgan.restoration.stored_images import Pixels
from microgan.restoration.tiles import tile_grid

# What is finer is noise, which no one can predict; what is coarser is background, which
# training images of one field of view teach badly. Measured: docs/trust.md.
FINE_PX = 3.0
COARSE_PX = 24.0
# Beyond so many deviations the Gaussian is cut off.
_TRUNCATE = 4.0
_SIDE_PX = 1024


class FlippedPixels:
    """An image seen in a mirror, without a copy in memory.

    Args:
        image: to look at.
        flipped: numbers of the axes that run backwards.
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
    """How far restorations of one image differ that should be the same.

    Args:
        restored: at least two, of one shape: by several networks, or of the flipped image
            flipped back.

    Returns:
        Their standard deviation at each pixel, float32, in the images' unit.
    """
    return np.std(np.stack(restored).astype(np.float32), axis=0)


def inconsistency(measured: np.ndarray, degraded_again: Sequence[np.ndarray]) -> np.ndarray:
    """How far a restored image, degraded again, is from the measured one.

    The difference is smoothed until noise is gone, and what is smoother than structures
    is taken off it: uneven background is no invention.

    Args:
        measured: plane or volume, any type.
        degraded_again: the restored image with the learned defect; several draws of a
            random defect, of which the mean is taken.

    Returns:
        Absolute difference at each pixel, float32, in the unit of `measured`.
    """
    difference = measured.astype(np.float32) - np.mean(degraded_again, axis=0, dtype=np.float32)
    fine, coarse = (ndimage.gaussian_filter(difference, sigma, truncate=_TRUNCATE)
                    for sigma in (FINE_PX, COARSE_PX))
    return np.abs(fine - coarse)


def write_spread(target: WritablePixels, restored: Sequence[Pixels], axes: str) -> float:
    """Fill in the map of `spread`, part by part.

    Args:
        target: float32, of the images' shape; written to.
        restored: as in `spread`.
        axes: one letter per axis.

    Returns:
        Mean of the map.
    """
    return _write_map(target, axes, 0, lambda read: spread([read(image) for image in restored]))


def write_inconsistency(target: WritablePixels, measured: Pixels, degraded_again: Sequence[Pixels],
                        axes: str) -> float:
    """Fill in the map of `inconsistency`, part by part.

    Args:
        target: float32, of the images' shape; written to.
        measured: as in `inconsistency`.
        degraded_again: as in `inconsistency`.
        axes: one letter per axis.

    Returns:
        Mean of the map.
    """
    return _write_map(target, axes, int(_TRUNCATE * COARSE_PX + 0.5), lambda read: inconsistency(
        read(measured), [read(image) for image in degraded_again]))


def _write_map(target: Any, axes: str, margin: int,
               compute: Callable[[Callable[[Pixels], np.ndarray]], np.ndarray]) -> float:
    """Compute a map tile by tile from what its `read` argument gives of each image."""
    planes = Planes(target.shape, axes, "YX")
    total = 0.0
    for place in planes.places:
        for tile in tile_grid(planes.shape, _SIDE_PX, [margin] * 2, [1] * 2):
            read = functools.partial(planes.read, place=place, where=tile.outer)
            values = compute(read)[tile.inner]
            planes.write(target, place, tile.core, values)
            total += float(values.sum(dtype=np.float64))
    return total / float(np.prod(target.shape))
