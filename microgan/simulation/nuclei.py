"""Cells in a tissue, and optical sections of their nuclei and nuclear envelopes.

Nuclei are ellipsoids packed in three dimensions. An optical section through one is
known in closed form: the light of a line of sight is the Gaussian sensitivity of the
section, integrated between the two points where the line enters and leaves. So nuclei
beside the focal plane come out dim and soft, as in a microscope.

Positions and lengths are in micrometres, in the order Z, Y, X, from the centre of the
image; the focal plane is Z = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.special import ndtr


@dataclass(frozen=True)
class Tissue:
    """What a tissue's nuclei are like.

    Args:
        diameter_um: mean diameter of a nucleus across its long axis.
        diameter_spread: standard deviation of the diameter, as a share of it.
        elongation: mean ratio of the long axis to the diameter; the long axes of a
            tissue lie roughly parallel, in the image plane.
        packing: share of the space that nuclei take, from 0 to about 0.6.
        mitotic_share: share of nuclei in mitosis: bright condensed plates.
        brightness_spread: standard deviation of the logarithm of a nucleus' brightness.
        texture: standard deviation of the logarithm of the chromatin's density.
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
        axes: float (3, 3), orthonormal, one axis a row.
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
    """Place spheres at random in a box and push them apart until they hardly overlap.

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
        # in a fixed order, so that sums are the same to the last bit everywhere
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
        tissue: what the nuclei are like.
        side_um: side of the square that the slab must fill, micrometres.

    Returns:
        The nuclei.

    Source:
        ours.
    """
    angle = rng.uniform(0, np.pi)
    along = np.array([0.0, np.sin(angle), np.cos(angle)])
    across = np.array([0.0, np.cos(angle), -np.sin(angle)])
    frame = np.stack([along, across, np.array([1.0, 0.0, 0.0])])
    # Elongated nuclei lie like round ones in a tissue stretched along their axis. The
    # box is larger than the square by as much, so that the square stays full.
    stretch = np.array([tissue.elongation, 1.0, 1.0])
    side_um = side_um * tissue.elongation + tissue.diameter_um
    box_um = np.array([2.2 * tissue.diameter_um, side_um, side_um])
    count = round(tissue.packing * box_um.prod() / (np.pi / 6 * tissue.diameter_um ** 3))
    radii_um = tissue.diameter_um / 2 * np.clip(
        rng.normal(1.0, tissue.diameter_spread, count), 0.6, 1.5)
    centres = pack_spheres(rng, box_um, 1.05 * radii_um)
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
    """Turn three axes a little, by about `spread` radians."""
    axes, triangle = np.linalg.qr((frame + rng.normal(0.0, spread, (3, 3))).T)
    return (axes * np.sign(np.diag(triangle))).T


def _mitotic_plates(rng: np.random.Generator, centre: np.ndarray, radius_um: float,
                    brightness: float) -> list[Ellipsoid]:
    """One plate (metaphase) or two that part (anaphase), along a random spindle."""
    axes = _tilted(rng, np.eye(3), 2.0)
    radii = radius_um * np.array([0.38, 0.85, 0.85])
    if rng.uniform() < 0.6:
        return [Ellipsoid(centre, axes, radii, 1.45 * brightness)]
    shift = axes[0] * radius_um * rng.uniform(0.5, 0.8)
    return [Ellipsoid(centre + sign * shift, axes, 0.85 * radii, 1.45 * brightness)
            for sign in (-1, 1)]


@dataclass(frozen=True)
class Section:
    """The focal plane of a microscope, seen pixel by pixel.

    Args:
        y_um: float (Y, X), position of each pixel along Y.
        x_um: the same along X.
        thickness_um: standard deviation of the section's sensitivity along Z.
    """

    y_um: np.ndarray
    x_um: np.ndarray
    thickness_um: float


def bent_section(rng: np.random.Generator, size_px: int, pixel_size_um: float,
                 thickness_um: float, bend_um: float, bend_size_um: float) -> Section:
    """A focal plane whose coordinates waver, which makes ellipsoids irregular.

    Args:
        rng: source of the wavering.
        size_px: side of the image, pixels.
        pixel_size_um: side of a pixel.
        thickness_um: standard deviation of the section's sensitivity along Z.
        bend_um: standard deviation of the displacement.
        bend_size_um: distance over which it changes.

    Returns:
        The section, centred at 0.

    Source:
        ours. Bending the plane, not each nucleus, keeps neighbours from overlapping.
    """
    grid_um = (np.mgrid[:size_px, :size_px] - (size_px - 1) / 2) * pixel_size_um
    bend = [bend_um * smooth_noise(rng, grid_um[0].shape, bend_size_um / pixel_size_um)
            for _ in range(2)]
    return Section(grid_um[0] + bend[0], grid_um[1] + bend[1], thickness_um)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma_px: float
                 ) -> np.ndarray:
    """Gaussian-filtered white noise with mean 0 and standard deviation 1."""
    noise = ndimage.gaussian_filter(rng.normal(size=shape), sigma_px, mode="reflect")
    return (noise - noise.mean()) / noise.std()


def add_light(image: np.ndarray, body: Ellipsoid, section: Section) -> None:
    """Add the light of one ellipsoid to an image, in place.

    Args:
        image: float64 (Y, X). A line of sight wholly inside adds the body's brightness.
        body: the ellipsoid; a negative brightness takes light away.
        section: the focal plane.

    Source:
        ours: chord of an ellipsoid under a Gaussian section.
    """
    quadratic = (body.axes.T / body.radii ** 2) @ body.axes
    reach_um = body.radii.max()
    near = ((abs(section.y_um - body.centre[1]) < reach_um)
            & (abs(section.x_um - body.centre[2]) < reach_um))
    dy = section.y_um[near] - body.centre[1]
    dx = section.x_um[near] - body.centre[2]
    # quadratic form = 1 on the surface; solved for z along each line of sight
    a = quadratic[0, 0]
    b = quadratic[0, 1] * dy + quadratic[0, 2] * dx
    c = quadratic[1, 1] * dy ** 2 + 2 * quadratic[1, 2] * dy * dx + quadratic[2, 2] * dx ** 2
    half_chord = np.sqrt(np.maximum(b ** 2 - a * (c - 1), 0.0)) / a
    middle = body.centre[0] - b / a
    upper = ndtr((middle + half_chord) / section.thickness_um)
    lower = ndtr((middle - half_chord) / section.thickness_um)
    image[near] += body.brightness * (upper - lower)


def render_nuclei(rng: np.random.Generator, field: CellField, tissue: Tissue,
                  section: Section, pixel_size_um: float, lateral_sigma_um: float
                  ) -> np.ndarray:
    """Image the chromatin of a field of cells.

    Args:
        rng: source of chromatin texture, nucleoli and chromocentres.
        field: the nuclei.
        tissue: their texture.
        section: the focal plane.
        pixel_size_um: side of a pixel.
        lateral_sigma_um: standard deviation of the clean image's own point spread.

    Returns:
        float64 (Y, X) >= 0; 1 is the chromatin of a typical nucleus in focus.

    Source:
        ours, after images of histone labels.
    """
    image = np.zeros_like(section.y_um)
    for nucleus in field.interphase:
        add_light(image, nucleus, section)
        for _ in range(rng.integers(1, 3)):
            add_light(image, _inclusion(rng, nucleus, 0.28, -0.6), section)
        for _ in range(rng.integers(1, 5)):
            add_light(image, _inclusion(rng, nucleus, 0.2, 0.7), section)
    for plate in field.chromosomes:
        add_light(image, plate, section)
    coarse, fine = (smooth_noise(rng, image.shape, size_um / pixel_size_um)
                    for size_um in (tissue.texture_size_um, tissue.texture_size_um / 2))
    texture = np.exp(tissue.texture * (0.7 * coarse + 0.7 * fine))
    haze = ndimage.gaussian_filter(image, tissue.diameter_um / 2 / pixel_size_um)
    image = np.maximum(image, 0.0) * texture + 0.12 * np.maximum(haze, 0.0)
    return ndimage.gaussian_filter(image, lateral_sigma_um / pixel_size_um)


def _inclusion(rng: np.random.Generator, nucleus: Ellipsoid, size: float,
               contrast: float) -> Ellipsoid:
    """A round body inside a nucleus; `size` and `contrast` are relative to it."""
    radii = nucleus.radii.min() * size * rng.uniform(0.7, 1.3) * np.ones(3)
    direction = rng.normal(size=3)
    offset = direction / np.linalg.norm(direction) * rng.uniform(0.1, 0.65) * nucleus.radii
    return Ellipsoid(nucleus.centre + offset @ nucleus.axes, nucleus.axes, radii,
                     contrast * nucleus.brightness)


def render_envelopes(rng: np.random.Generator, field: CellField, tissue: Tissue,
                     section: Section, pixel_size_um: float, lateral_sigma_um: float,
                     membrane_um: float = 0.3) -> np.ndarray:
    """Image the nuclear envelopes of a field of cells; cells in mitosis have none.

    Args:
        rng: source of the label's unevenness.
        field: the nuclei.
        tissue: their size.
        section: the focal plane.
        pixel_size_um: side of a pixel.
        lateral_sigma_um: standard deviation of the clean image's own point spread.
        membrane_um: thickness of the labelled shell.

    Returns:
        float64 (Y, X) >= 0; 1 is a line of sight wholly inside the membrane.

    Source:
        ours, after images of lamina and nuclear pore labels.
    """
    image = np.zeros_like(section.y_um)
    for nucleus in field.interphase:
        inside = Ellipsoid(nucleus.centre, nucleus.axes, nucleus.radii - membrane_um,
                           -0.93 * nucleus.brightness)
        add_light(image, nucleus, section)
        add_light(image, inside, section)
    spots = np.exp(0.3 * smooth_noise(rng, image.shape, 0.3 / pixel_size_um)
                   + 0.2 * smooth_noise(rng, image.shape, 1.5 / pixel_size_um))
    haze = ndimage.gaussian_filter(image, tissue.diameter_um / 4 / pixel_size_um)
    image = np.maximum(image, 0.0) * spots + 0.15 * np.maximum(haze, 0.0)
    return ndimage.gaussian_filter(image, lateral_sigma_um / pixel_size_um)
