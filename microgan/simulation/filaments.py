"""Draw microtubules: gently curved filaments on an empty background."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

POINT_SPACING_PX = 0.25  # gives distances to within 0.005 px at 3 px width


def draw_filament(rng: np.random.Generator, size_px: int, *, mean_length_px: float,
                  curvature_per_px: float) -> np.ndarray:
    """Draw the centre line of one filament.

    The curvature varies slowly, as in a polymer much longer than the image.

    Args:
        rng: source of position, direction, length and shape.
        size_px: the filament passes through a point of a square of this side, pixels.
        mean_length_px: mean contour length, pixels; lengths vary by up to half of it.
        curvature_per_px: standard deviation of the curvature, 1/pixels.

    Returns:
        float64 (P, 2), Y and X of evenly spaced points along the line, pixels.

    Source:
        ours.
    """
    length_px = mean_length_px * rng.uniform(0.5, 1.5)
    num_points = int(length_px / POINT_SPACING_PX)
    wander = ndimage.gaussian_filter1d(rng.normal(size=num_points),
                                       25 / POINT_SPACING_PX, mode="reflect")
    curvature = wander / wander.std() * curvature_per_px
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(curvature) * POINT_SPACING_PX
    steps = np.stack([np.sin(heading), np.cos(heading)], axis=1) * POINT_SPACING_PX
    line = np.cumsum(steps, axis=0)
    anchor = rng.uniform(0, size_px, 2)
    return line - line[rng.integers(num_points)] + anchor


def render_filament(line: np.ndarray, size_px: int, width_px: float) -> np.ndarray:
    """Render a filament with a cosine-squared cross-section.

    Args:
        line: float (P, 2), Y and X of its centre line, pixels.
        size_px: side of the image, pixels.
        width_px: full width at half maximum, pixels.

    Returns:
        float64 (size_px, size_px): 1 on the centre line, exactly 0 from `width_px` away.

    Source:
        ours. A Gaussian cross-section would never be exactly 0.
    """
    image = np.zeros((size_px, size_px))
    first = np.clip(np.floor(line.min(axis=0) - width_px), 0, size_px).astype(int)
    last = np.clip(np.ceil(line.max(axis=0) + width_px) + 1, 0, size_px).astype(int)
    y, x = np.mgrid[first[0]:last[0], first[1]:last[1]]
    distance_px, _ = cKDTree(line).query(np.stack([y, x], axis=-1),
                                         distance_upper_bound=width_px)
    inside = np.minimum(distance_px / width_px, 1.0)  # beyond the bound it is infinite
    image[y, x] = np.where(inside < 1, np.cos(np.pi / 2 * inside) ** 2, 0.0)
    return image


def microtubules(rng: np.random.Generator, size_px: int, margin_px: int, *,
                 num_filaments: tuple[int, int] = (6, 10), width_px: float = 3.0,
                 mean_length_px: float = 150.0, curvature_per_px: float = 0.006
                 ) -> np.ndarray:
    """Draw a field of microtubules; where they cross, their intensities add.

    Args:
        rng: source of everything random.
        size_px: side of the field of view, pixels; every filament passes through it.
        margin_px: pixels drawn beyond each border, whose light a blur needs.
        num_filaments: smallest and largest number per 128 x 128 pixels.
        width_px: full width at half maximum of a filament, pixels.
        mean_length_px: mean contour length, pixels.
        curvature_per_px: standard deviation of the curvature, 1/pixels.

    Returns:
        float64 (size_px + 2 margin_px,) * 2: 0.75 to 1 on a filament, exactly 0 on the
        background.

    Source:
        the synthetic tubulin of CARE (Weigert et al. 2018). Numbers and shapes: ours.
    """
    full_size_px = size_px + 2 * margin_px
    image = np.zeros((full_size_px, full_size_px))
    low, high = num_filaments
    count = round(rng.integers(low, high + 1) * (size_px / 128) ** 2)
    for _ in range(max(count, 1)):
        line = draw_filament(rng, size_px, mean_length_px=mean_length_px,
                             curvature_per_px=curvature_per_px)
        brightness = rng.uniform(0.75, 1.0)
        image += brightness * render_filament(line + margin_px, full_size_px, width_px)
    return image
