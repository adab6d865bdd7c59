"""Enlarge images by a whole factor, so that they have as many pixels as sharper ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

MOST_ENLARGED = 8  # times


class EnlargedPixels:
    """An image enlarged by linear interpolation, computed part by part.

    Args:
        pixels: with at least two pixels along Y and X; an array, or what is read by slices.
        axes: one letter per axis, with Y and X.
        factor: by which Y and X are longer, at least 1. Pixels are areas: the borders of the
            image stay where they are.

    Source:
        ours.

    Example:
        >>> pixels = EnlargedPixels(np.array([[0, 8], [0, 8]]), "YX", 2)
        >>> pixels.shape, pixels[0:1, 0:4].tolist()
        ((4, 4), [[0, 2, 6, 8]])
    """

    def __init__(self, pixels: Any, axes: str, factor: int) -> None:
        self._pixels = pixels
        self._factor = factor
        self._enlarged = [axes.index(axis) for axis in "YX"]
        self.shape = enlarged_shape(pixels.shape, axes, factor)
        self.dtype = np.dtype(pixels.dtype)

    def __getitem__(self, index: Sequence[slice], /) -> np.ndarray:
        where = [slice(*part.indices(length)) for part, length in zip(index, self.shape)]
        steps = {}
        for axis in self._enlarged:
            places = (np.arange(where[axis].start, where[axis].stop) + 0.5) / self._factor - 0.5
            last = self._pixels.shape[axis] - 1
            places = np.clip(places, 0, last)
            low = np.minimum(places.astype(int), last - 1)
            where[axis] = slice(int(low[0]), int(low[-1]) + 2)
            steps[axis] = low - low[0], places - low
        part = np.asarray(self._pixels[tuple(where)])
        for axis, (low, share) in steps.items():
            share = share.reshape([-1 if number == axis else 1 for number in range(part.ndim)])
            part = (part.take(low, axis).astype(np.float64) * (1 - share)
                    + part.take(low + 1, axis).astype(np.float64) * share)
        return (np.rint(part) if self.dtype.kind in "iu" else part).astype(self.dtype)


def enlarged_shape(shape: Sequence[int], axes: str, factor: int) -> tuple[int, ...]:
    """Return the shape of an image that is enlarged along Y and X."""
    return tuple(length * (factor if axis in "YX" else 1) for length, axis in zip(shape, axes))


def enlarge(image: np.ndarray, factor: int) -> np.ndarray:
    """Enlarge an image (Y, X) as `EnlargedPixels`."""
    return EnlargedPixels(image, "YX", factor)[:, :]
