"""Optical sections of nuclei and of nuclear envelopes.

A nucleus is an ellipsoid, whose optical section has a closed form: the light of a line of sight
is the section's Gaussian sensitivity, integrated from where the line enters to where it leaves.
So nuclei out of focus appear dim and soft, as in a microscope. Axes and units as in `cells`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.special import ndtr

from microgan.simulation.cells import CellField, Ellipsoid, Tissue


@dataclass(frozen=True)
class Section:
    """The focal plane of a microscope, seen pixel by pixel.

    Args:
        y_um: float (Y, X), position of each pixel along Y.
        x_um: the same along X.
        pixel_size_um: side of a pixel.
        max_bend_um: largest distance of a pixel, along Y or X, from its place in a square
            grid centred at 0.
        thickness_um: standard deviation of the section's sensitivity along Z.
    """

    y_um: np.ndarray
    x_um: np.ndarray
    pixel_size_um: float
    max_bend_um: float
    thickness_um: float

    def window(self, body: Ellipsoid) -> tuple[slice, slice]:
        """Return the rows and columns of all pixels that may show a body."""
        reach_px = (body.radii.max() + self.max_bend_um) / self.pixel_size_um
        middle_px = (np.array(self.y_um.shape) - 1) / 2 + body.centre[1:] / self.pixel_size_um
        first = np.maximum(np.floor(middle_px - reach_px), 0).astype(int)
        last = np.maximum(np.ceil(middle_px + reach_px) + 1, 0).astype(int)
        return slice(first[0], last[0]), slice(first[1], last[1])


def bent_section(rng: np.random.Generator, size_px: int, pixel_size_um: float,
                 thickness_um: float, bend_um: float, bend_size_um: float) -> Section:
    """Build a focal plane with wavy coordinates, which makes ellipsoids irregular.

    Args:
        rng: source of the displacement.
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
    return Section(grid_um[0] + bend[0], grid_um[1] + bend[1], pixel_size_um,
                   float(np.abs(bend).max()), thickness_um)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma_px: float
                 ) -> np.ndarray:
    """Draw Gaussian-filtered white noise with mean 0 and standard deviation 1."""
    noise = ndimage.gaussian_filter(rng.normal(size=shape), sigma_px, mode="reflect")
    return (noise - noise.mean()) / noise.std()


def add_light(image: np.ndarray, body: Ellipsoid, section: Section) -> None:
    """Add the light of one ellipsoid to an image, in place.

    Args:
        image: float64 (Y, X). A line of sight wholly inside adds the body's brightness.
        body: the ellipsoid; a negative brightness removes light.
        section: the focal plane.

    Source:
        ours: chord of an ellipsoid under a Gaussian section.
    """
    quadratic = (body.axes.T / body.radii ** 2) @ body.axes
    window = section.window(body)
    dy = section.y_um[window] - body.centre[1]
    dx = section.x_um[window] - body.centre[2]
    # The quadratic form is 1 on the surface; solve for z along each line of sight.
    a = quadratic[0, 0]
    b = quadratic[0, 1] * dy + quadratic[0, 2] * dx
    c = quadratic[1, 1] * dy ** 2 + 2 * quadratic[1, 2] * dy * dx + quadratic[2, 2] * dx ** 2
    half_chord = np.sqrt(np.maximum(b ** 2 - a * (c - 1), 0.0)) / a
    middle = body.centre[0] - b / a
    upper = ndtr((middle + half_chord) / section.thickness_um)
    lower = ndtr((middle - half_chord) / section.thickness_um)
    image[window] += body.brightness * (upper - lower)


def render_nuclei(rng: np.random.Generator, field: CellField, tissue: Tissue,
                  section: Section, lateral_sigma_um: float) -> np.ndarray:
    """Image the chromatin of a field of cells.

    Args:
        rng: source of chromatin texture, nucleoli and chromocentres.
        field: the nuclei.
        tissue: their texture.
        section: the focal plane.
        lateral_sigma_um: standard deviation of the clean image's own point spread.

    Returns:
        float64 (Y, X) >= 0; 1 is the chromatin of a typical nucleus in focus.

    Source:
        ours, after images of histone labels.
    """
    image = np.zeros_like(section.y_um)
    for nucleus in field.interphase:
        add_light(image, nucleus, section)
        for _ in range(rng.integers(1, 3)):  # nucleoli hold little chromatin
            add_light(image, _inclusion(rng, nucleus, 0.28, -0.6), section)
        for _ in range(rng.integers(1, 5)):  # chromocentres are dense
            add_light(image, _inclusion(rng, nucleus, 0.2, 0.7), section)
    for plate in field.chromosomes:
        add_light(image, plate, section)
    coarse, fine = (smooth_noise(rng, image.shape, size_um / section.pixel_size_um)
                    for size_um in (tissue.texture_size_um, tissue.texture_size_um / 2))
    texture = np.exp(tissue.texture * (0.7 * coarse + 0.7 * fine))
    haze = ndimage.gaussian_filter(image, tissue.diameter_um / 2 / section.pixel_size_um)
    image = np.maximum(image, 0.0) * texture + 0.12 * np.maximum(haze, 0.0)
    return ndimage.gaussian_filter(image, lateral_sigma_um / section.pixel_size_um)


def _inclusion(rng: np.random.Generator, nucleus: Ellipsoid, size: float,
               contrast: float) -> Ellipsoid:
    """Draw a round body inside a nucleus; `size` and `contrast` are relative to it."""
    radii = nucleus.radii.min() * size * rng.uniform(0.7, 1.3) * np.ones(3)
    direction = rng.normal(size=3)
    offset = direction / np.linalg.norm(direction) * rng.uniform(0.1, 0.65) * nucleus.radii
    return Ellipsoid(nucleus.centre + offset @ nucleus.axes, nucleus.axes, radii,
                     contrast * nucleus.brightness)


def render_envelopes(rng: np.random.Generator, field: CellField, tissue: Tissue,
                     section: Section, lateral_sigma_um: float,
                     membrane_um: float = 0.3) -> np.ndarray:
    """Image the nuclear envelopes of a field of cells; cells in mitosis have none.

    A little of the label remains inside the nucleus.

    Args:
        rng: source of the label's unevenness.
        field: the nuclei.
        tissue: their size.
        section: the focal plane.
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
    spots = np.exp(0.3 * smooth_noise(rng, image.shape, 0.3 / section.pixel_size_um)
                   + 0.2 * smooth_noise(rng, image.shape, 1.5 / section.pixel_size_um))
    haze = ndimage.gaussian_filter(image, tissue.diameter_um / 4 / section.pixel_size_um)
    image = np.maximum(image, 0.0) * spots + 0.15 * np.maximum(haze, 0.0)
    return ndimage.gaussian_filter(image, lateral_sigma_um / section.pixel_size_um)
