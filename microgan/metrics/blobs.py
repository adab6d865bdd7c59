"""Find cells as blobs in stacks, and match them between stacks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize, sparse, spatial, stats
from skimage.feature import peak_local_max

# Cost of a pair too far apart: more than any number of other pairs.
_TOO_FAR = 1e6


@dataclass(frozen=True)
class Blobs:
    """Blobs of one stack.

    Args:
        centres: float (N, 3), Z, Y, X, pixels.
        strengths: float (N,), contrast to the surroundings, in the stack's unit.
    """

    centres: np.ndarray
    strengths: np.ndarray

    def __len__(self) -> int:
        return len(self.centres)

    def where(self, chosen: np.ndarray) -> Blobs:
        """Return only the chosen blobs, bool (N,)."""
        return Blobs(self.centres[chosen], self.strengths[chosen])

    def stronger_than(self, strength: float) -> Blobs:
        """Return only blobs of at least this strength."""
        return self.where(self.strengths >= strength)

    def within(self, first: int, end: int) -> Blobs:
        """Return only blobs with the centre in slices `first` to `end` - 1."""
        depth = self.centres[:, 0]
        return self.where((depth >= first) & (depth < end))


@dataclass(frozen=True)
class Match:
    """Which blobs of a reference were found.

    Args:
        is_found: bool (N,), for each blob of the reference.
        offsets: float (M, 3), Z, Y, X, of those found, in the unit of the spacing.
    """

    is_found: np.ndarray
    offsets: np.ndarray

    @property
    def share(self) -> float:
        """Return the share of the reference's blobs that were found; NaN if it has none."""
        return float(self.is_found.mean()) if len(self.is_found) else float("nan")


def is_dark_on_bright(stack: np.ndarray) -> bool:
    """Whether cells are darker than the background, as in bright field.

    Args:
        stack: any shape and real type.

    Returns:
        True where the intensities have a dark tail.
    """
    return bool(stats.skew(np.asarray(stack, dtype=np.float64), axis=None) < 0)


def find_blobs(stack: np.ndarray, *, radius: float, spacing: tuple[float, float, float],
               min_strength: float, dark: bool) -> Blobs:
    """Find blobs of about one size: peaks of the Laplacian of a Gaussian.

    Args:
        stack: (Z, Y, X), any real type.
        radius: of the blobs, in the unit of `spacing`; half and twice the size still give a
            weaker response.
        spacing: distance between slices, rows and columns.
        min_strength: weakest response that counts; that of a ball of this radius is 0.9
            times its contrast.
        dark: whether blobs are darker than the background; otherwise brighter.

    Returns:
        The blobs; of two closer than half a radius, only the stronger.

    Source:
        Lindeberg 1998, scale-normalised Laplacian, at the scale of a ball's strongest
        response: sigma = radius / sqrt(3).
    """
    sigma = radius / np.sqrt(3) / np.asarray(spacing)
    response = _laplacian(stack, sigma, dark=dark)
    apart = max(1, round(radius / 2 / min(spacing)))
    peaks = peak_local_max(response, min_distance=apart, threshold_abs=min_strength,
                           exclude_border=False)
    return Blobs(peaks.astype(float), response[tuple(peaks.T)])


def _laplacian(stack: np.ndarray, sigma: np.ndarray, *, dark: bool) -> np.ndarray:
    """Apply a scale-normalised Laplacian of a Gaussian along the axes with a sigma, pixels."""
    image = np.asarray(stack, dtype=np.float64)
    response = sum(
        sigma[axis] ** 2 * ndimage.gaussian_filter(
            image, sigma, order=tuple(2 * (axis == other) for other in range(3)), mode="nearest")
        for axis in np.flatnonzero(sigma))
    return response if dark else -response


def median_half_depth(stack: np.ndarray, blobs: Blobs, *, radius: float,
                      spacing: tuple[float, float, float], dark: bool) -> float:
    """Measure over how much depth a stack shows its blobs.

    Args:
        stack: (Z, Y, X).
        blobs: found in the stack with the other arguments.
        radius: see `find_blobs`.
        spacing: distance between slices, rows and columns.
        dark: see `find_blobs`.

    Returns:
        Half the depth over which a slice's Laplacian exceeds half of that at the blob, median
        over blobs, in the unit of `spacing`; NaN without blobs.

    Source:
        ours.
    """
    response = _laplacian(stack, radius / np.sqrt(3) / np.asarray(spacing) * [0, 1, 1], dark=dark)
    half_depths = []
    for z, y, x in blobs.centres.astype(int):
        is_shown = response[:, y, x] > response[z, y, x] / 2
        labels, _ = ndimage.label(is_shown)
        half_depths.append(np.count_nonzero(labels == labels[z]) / 2)
    return float(np.median(half_depths)) * spacing[0] if half_depths else float("nan")


def match_blobs(reference: Blobs, found: Blobs, *, reach: tuple[float, float, float],
                spacing: tuple[float, float, float]) -> Match:
    """Pair blobs one to one: as many pairs as possible, then as close as possible.

    Args:
        reference: the blobs to find.
        found: the blobs that were found.
        reach: semi-axes of the ellipsoid, Z, Y, X, within which a pair must lie, in the unit
            of `spacing`.
        spacing: distance between slices, rows and columns.

    Source:
        Kuhn 1955, by scipy's `linear_sum_assignment`, separately for each group of blobs
        within reach of each other: all distances of thousands would not fit in memory.
    """
    is_found = np.zeros(len(reference), bool)
    if not len(reference) or not len(found):
        return Match(is_found, np.zeros((0, 3)))
    unit = np.asarray(spacing) / reach
    near = spatial.KDTree(reference.centres * unit).sparse_distance_matrix(
        spatial.KDTree(found.centres * unit), 1, output_type="ndarray")
    pairs = sorted(pair for group in _groups(near, len(reference)) for pair in _assigned(group))
    rows, columns = np.array(pairs, int).reshape(-1, 2).T
    is_found[rows] = True
    return Match(is_found, (found.centres[columns] - reference.centres[rows]) * spacing)


def _groups(near: np.ndarray, num_rows: int) -> list[np.ndarray]:
    """Group entries (i, j, distance) so that no row or column is in two groups."""
    if not len(near):
        return []
    side = num_rows + near["j"].max() + 1
    graph = sparse.coo_array((np.ones(len(near)), (near["i"], num_rows + near["j"])), (side, side))
    _, labels = sparse.csgraph.connected_components(graph, directed=False)
    near = near[np.argsort(labels[near["i"]], kind="stable")]
    return np.split(near, np.flatnonzero(np.diff(labels[near["i"]])) + 1)


def _assigned(group: np.ndarray) -> list[tuple[int, int]]:
    """Return the rows and columns of a group's best pairs."""
    rows, at_row = np.unique(group["i"], return_inverse=True)
    columns, at_column = np.unique(group["j"], return_inverse=True)
    distances = np.full((len(rows), len(columns)), _TOO_FAR)
    distances[at_row, at_column] = group["v"]
    return [(rows[row], columns[column])
            for row, column in zip(*optimize.linear_sum_assignment(distances))
            if distances[row, column] < _TOO_FAR]
