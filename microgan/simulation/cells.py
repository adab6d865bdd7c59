"""Cells in a tissue: nuclei packed in three dimensions around a focal plane.

Positions and lengths are in micrometres, in the order Z, Y, X, from the centre of the
image; the focal plane is Z = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

# Radius with the thin rim of cytoplasm between nuclei, relative to the nucleus'.
CYTOPLASM_RIM = 1.05
# In a section, condensed chromosomes are brighter than interphase chromatin by about this.
PLATE_BRIGHTNESS = 1.45
METAPHASE_SHARE = 0.6  # of cells in mitosis; the others, in anaphase, have two plates


@dataclass(frozen=True)
class Tissue:
    """Properties of a tissue's nuclei.

    Args:
        diameter_um: mean diameter of a nucleus across its long axis.
        diameter_spread: standard deviation of the diameter, as a share of it.
        elongation: mean ratio of the long axis to the diameter; long axes are roughly
            parallel, in the image plane.
        packing: share of space that nuclei fill, from 0 to about 0.6.
        mitotic_share: share of nuclei in mitosis: bright condensed plates.
        brightness_spread: standard deviation of a nucleus' log brightness.
        texture: standard deviation of the chromatin's log density.
        texture_size_um: size of the larger chromatin domains.
        gap_chance: share of images crossed by a layer without nuclei.
        gap_width_um: width of that layer.
    """

    diameter_um: float
    diameter_spread: float
    elongation: float
    packing: float
    mitotic_share: float
    brightness_spread: float
    texture: float
    texture_size_um: float
    gap_chance: float
    gap_width_um: float


@dataclass(frozen=True)
class Ellipsoid:
    """A body of uniform density.

    Args:
        centre: float (3,), micrometres.
        axes: float (3, 3), orthonormal, one axis per row.
        radii: float (3,), half the length of each axis, micrometres.
        brightness: density relative to a typical interphase nucleus.
    """

    centre: np.ndarray
    axes: np.ndarray
    radii: np.ndarray
    brightness: float


@dataclass(frozen=True)
class CellField:
    """Nuclei around the focal plane, in interphase and in mitosis.

    Args:
        interphase: nuclei with an envelope, nucleoli and chromocentres.
        chromosomes: condensed chromosome plates of cells in mitosis, no envelope.
    """

    interphase: list[Ellipsoid]
    chromosomes: list[Ellipsoid]


def pack_spheres(rng: np.random.Generator, box_um: np.ndarray, radii_um: np.ndarray,
                 num_rounds: int = 40) -> np.ndarray:
    """Place spheres randomly in a box and push them apart until they hardly overlap.

    Args:
        rng: source of the positions before pushing.
        box_um: float (3,), sides of the box, centred at 0.
        radii_um: float (N,), radii of the spheres.
        num_rounds: rounds of pushing.

    Returns:
        float64 (N, 3), centres, inside the box.

    Source:
        ours.
    """
    centres = rng.uniform(-box_um / 2, box_um / 2, (len(radii_um), 3))
    for _ in range(num_rounds):
        pairs = cKDTree(centres).query_pairs(2 * radii_um.max(), output_type="ndarray")
        # In a fixed order, so that sums are identical on every machine.
        first, second = pairs[np.lexsort(pairs.T)].T
        offset = centres[first] - centres[second]
        distance = np.sqrt((offset ** 2).sum(axis=1)) + 1e-9
        overlap = np.maximum(radii_um[first] + radii_um[second] - distance, 0.0)
        push = 0.3 * offset * (overlap / distance)[:, None]
        np.add.at(centres, first, push)
        np.subtract.at(centres, second, push)
        centres = np.clip(centres, -box_um / 2, box_um / 2)
    return centres


def grow_cells(rng: np.random.Generator, tissue: Tissue, side_um: float) -> CellField:
    """Fill a slab around the focal plane with nuclei.

    Args:
        rng: source of everything random.
        tissue: properties of the nuclei.
        side_um: side of the square that the slab must fill, micrometres.

    Source:
        ours.
    """
    angle = rng.uniform(0, np.pi)
    along = np.array([0.0, np.sin(angle), np.cos(angle)])
    across = np.array([0.0, np.cos(angle), -np.sin(angle)])
    frame = np.stack([along, across, np.array([1.0, 0.0, 0.0])])
    # Elongated nuclei are placed as round ones in a tissue that is then stretched. The box is
    # enlarged accordingly, so that the square stays full.
    stretch = np.array([tissue.elongation, 1.0, 1.0])
    side_um = side_um * tissue.elongation + tissue.diameter_um
    box_um = np.array([2.2 * tissue.diameter_um, side_um, side_um])
    count = round(tissue.packing * box_um.prod() / (np.pi / 6 * tissue.diameter_um ** 3))
    radii_um = tissue.diameter_um / 2 * np.clip(
        rng.normal(1.0, tissue.diameter_spread, count), 0.6, 1.5)
    centres = pack_spheres(rng, box_um, CYTOPLASM_RIM * radii_um)
    centres = ((centres @ frame.T) * stretch) @ frame

    if rng.uniform() < tissue.gap_chance:
        gap_centre = rng.uniform(-0.25, 0.25) * side_um
        wave = 0.5 * tissue.diameter_um * np.sin(
            centres @ across / (1.5 * tissue.diameter_um) + rng.uniform(0, 2 * np.pi))
        outside = abs(centres @ along - gap_centre - wave) > tissue.gap_width_um / 2
        centres, radii_um = centres[outside], radii_um[outside]

    interphase, chromosomes = [], []
    for centre, radius_um in zip(centres, radii_um, strict=True):
        brightness = np.exp(rng.normal(0.0, tissue.brightness_spread))
        if rng.uniform() < tissue.mitotic_share:
            chromosomes += _mitotic_plates(rng, centre, radius_um, brightness)
        else:
            radii = radius_um * stretch * rng.normal(1.0, 0.07, 3)
            interphase.append(Ellipsoid(centre, _tilted(rng, frame, 0.2), radii, brightness))
    return CellField(interphase, chromosomes)


def _tilted(rng: np.random.Generator, frame: np.ndarray, spread: float) -> np.ndarray:
    """Turn three axes by about `spread` radians."""
    axes, triangle = np.linalg.qr((frame + rng.normal(0.0, spread, (3, 3))).T)
    return (axes * np.sign(np.diag(triangle))).T


def _mitotic_plates(rng: np.random.Generator, centre: np.ndarray, radius_um: float,
                    brightness: float) -> list[Ellipsoid]:
    """Draw one plate (metaphase) or two (anaphase) along a random spindle."""
    axes = _tilted(rng, np.eye(3), 2.0)
    brightness = PLATE_BRIGHTNESS * brightness
    radii = radius_um * np.array([0.38, 0.85, 0.85])
    if rng.uniform() < METAPHASE_SHARE:
        return [Ellipsoid(centre, axes, radii, brightness)]
    shift = axes[0] * radius_um * rng.uniform(0.5, 0.8)
    return [Ellipsoid(centre + sign * shift, axes, 0.85 * radii, brightness)
            for sign in (-1, 1)]
