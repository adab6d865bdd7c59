"""Known cells in real z-stacks: added as a fitted microscope sees them."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from microgan.estimation.densities import to_density
from microgan.estimation.depth_filter import blur_again
from microgan.simulation.fitted_microscope import MicroscopeFit
from microgan.metrics.blobs import Blobs

_MOST_CELLS, _NUM_TRIALS = 12, 2000
# Distances to other cells' centres, and width of the border, as shares of a cell's radius.
_APART, _APART_FROM_PLANTED, _EDGE = 2.2, 3.0, 0.1
_CONTRAST_PERCENTILES = (50, 99)


def plant_cells(stack: np.ndarray, cells: Blobs, fit: MicroscopeFit, *,
                tissue: tuple[int, int], radius: float, spacing: tuple[float, float, float],
                seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Add balls to a stack, as dense as its darkest or brightest structures in focus.

    Args:
        stack: (Z, Y, X), any real type.
        cells: those of the stack, from which the balls keep away.
        fit: of the stack's microscope.
        tissue: first and one past the last slice in it; balls lie wholly within.
        radius: of the balls, in the unit of `spacing`.
        spacing: distance between slices, rows and columns.
        seed: of the places.

    Returns:
        the stack with the balls, of its type; and their centres, int (N, 3), at most 12, none
        if there is no room.

    Source:
        ours.
    """
    rng = np.random.default_rng(seed)
    reach = radius / np.asarray(spacing)
    low = np.array([tissue[0] + reach[0], *reach[1:]])
    high = np.array([tissue[1] - 1 - reach[0], *(np.array(stack.shape[1:]) - 1 - reach[1:])])
    centres = np.empty((0, 3))
    if np.all(high > low):
        for place in np.rint(rng.uniform(low, high, (_NUM_TRIALS, 3))):
            if len(centres) < _MOST_CELLS and all(
                    np.all(np.linalg.norm((others - place) / reach, axis=1) > apart)
                    for others, apart in ((cells.centres, _APART),
                                          (centres, _APART_FROM_PLANTED))):
                centres = np.vstack([centres, place])
    if not len(centres):
        return stack, centres.astype(int)
    density, to_intensity = to_density(stack, fit.light)
    focus = density[round(np.clip(fit.microscope.focal_plane, 0, len(stack) - 1))]
    middle, bright = np.percentile(focus, _CONTRAST_PERCENTILES)
    grid = np.moveaxis(np.indices(stack.shape), 0, -1)
    distance = np.min([np.linalg.norm((grid - centre) / reach, axis=-1) for centre in centres],
                      axis=0)
    added = blur_again((bright - middle) / fit.shown * expit((1 - distance) / _EDGE), fit, 0.0)
    planted = stack + to_intensity(density + added) - to_intensity(density)
    if stack.dtype.kind in "iu":
        limits = np.iinfo(stack.dtype)
        planted = np.clip(np.rint(planted), limits.min, limits.max)
    return planted.astype(stack.dtype), centres.astype(int)
