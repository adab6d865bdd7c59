"""At which depth a volume shows its cells, and how long it makes them."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from microgan.metrics.blobs import Blobs, match_blobs

# Shares of a cell's radius.
_SMOOTHED_SHARE = 0.2  # before a profile is read
_MOST_HALF_WIDTHS = 4.0


def elongations(volume: np.ndarray, blobs: Blobs, *, radius: float,
                spacing: tuple[float, float, float]) -> np.ndarray:
    """Measure cells' size along depth over their size in the plane.

    Args:
        volume: (Z, Y, X), any real type.
        blobs: its cells.
        radius: of the cells, in the unit of `spacing`.
        spacing: distance between slices, rows and columns.

    Returns:
        float (N,), > 0: the distance along depth between the places where half of the contrast
        to the volume's median is left, over its mean along rows and columns. None for cells
        without contrast.

    Source:
        ours.

    Example:
        >>> z, y, x = np.ogrid[-16:17, -16:17, -16:17]
        >>> cell = np.exp(-((z / 2) ** 2 + y ** 2 + x ** 2) / 30.0)
        >>> elongations(cell, Blobs(np.array([[16, 16, 16]]), np.ones(1)), radius=4,
        ...             spacing=(1, 1, 1)).round(1)
        array([2.])
    """
    smooth = ndimage.gaussian_filter(np.asarray(volume, np.float64), [
        _SMOOTHED_SHARE * radius / step for step in spacing], mode="nearest")
    contrast = smooth - np.median(smooth)
    found = []
    for centre in np.rint(blobs.centres).astype(int):
        sizes = [_width(contrast, centre, axis, spacing[axis], _MOST_HALF_WIDTHS * radius)
                 for axis in range(3)]
        if sizes[1] + sizes[2] > 0:
            found.append(2 * sizes[0] / (sizes[1] + sizes[2]))
    return np.array(found)


def _width(contrast: np.ndarray, centre: np.ndarray, axis: int, step: float, most: float
           ) -> float:
    """Return the full width at half maximum through a place, at most twice `most`."""
    line = np.moveaxis(contrast, axis, 0)[(slice(None), *np.delete(centre, axis))]
    place, reach = centre[axis], max(1, round(most / step))
    return step * sum(_until_half(side) for side in (
        line[place:place + reach + 1], line[place::-1][:reach + 1]))


def _until_half(profile: np.ndarray) -> float:
    """Return after how many steps half of the first value is reached, interpolated."""
    share = profile / profile[0] if profile[0] else np.zeros_like(profile)
    (below,) = np.nonzero(share < 0.5)
    if not len(below):
        return float(len(profile) - 1)
    if below[0] == 0:
        return 0.0
    before, after = share[below[0] - 1], share[below[0]]
    return float(below[0] - 1 + (before - 0.5) / (before - after))


def depth_errors(reference: Blobs, found: Blobs, *, lateral_reach: float, most: float,
                 spacing: tuple[float, float, float]) -> np.ndarray:
    """Measure how far along depth every cell of a reference is from its place.

    Args:
        reference: the cells to find.
        found: those of another volume.
        lateral_reach: farthest a match may lie within the plane, in the unit of `spacing`.
        most: farthest a match may lie along depth; the error of cells without match.
        spacing: distance between slices, rows and columns.

    Returns:
        float (N,), 0 to `most`, for each cell of the reference.

    Example:
        >>> cells = Blobs(np.array([[5, 9, 9], [5, 30, 9]]), np.ones(2))
        >>> seen = Blobs(np.array([[7, 9, 9]]), np.ones(1))
        >>> depth_errors(cells, seen, lateral_reach=4, most=8, spacing=(1, 1, 1))
        array([2., 8.])
    """
    match = match_blobs(reference, found, reach=(most, lateral_reach, lateral_reach),
                        spacing=spacing)
    errors = np.full(len(reference), float(most))
    errors[match.is_found] = np.abs(match.offsets[:, 0])
    return errors
