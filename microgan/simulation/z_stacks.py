"""Simulate z-stacks of stained cells in a thin section, with their sharp volumes.

Bright field: stains absorb light, so cells are dark on a bright background. Voxels are cubes of
1 um, so lengths in micrometres equal those in pixels. Volumes are (Z, Y, X).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from microgan.simulation import sections
from microgan.simulation.degradations import detect_photons, to_grey_levels
from microgan.simulation.microscope import Microscope

# Drawn beyond each lateral border and cropped at the end: blur needs it.
MARGIN_UM = 16
PARTS = ("train", "test")
NUM_SLICES = 29
# First and one past the last slice within the tissue: slices 5 to 25, counted from 1.
TISSUE = (4, 25)


def simulate_stack(*, seed: int, part: str, index: int, size_px: int
                   ) -> tuple[np.ndarray, np.ndarray]:
    """Simulate a z-stack and its sharp volume.

    Args:
        seed: at least 0.
        part: "train" or "test": different sections.
        index: number of the stack in its part. A stack depends only on these and the size.
        size_px: side of the slices, pixels of 1 um.

    Returns:
        the blurred stack and the sharp volume, each uint8 (29, size_px, size_px). The sharp
        volume is in focus everywhere, isotropic and without noise; outside the tissue it is
        bright.

    Source:
        ours, after the stacks of ZSE-GAN: slices 5 to 25 lie in the tissue, slice 15 is
        the sharpest.
    """
    section_rng, noise_rng = _generators(seed, part, NUM_SLICES, size_px, size_px, index)
    density = _draw_section(section_rng, (size_px, size_px))
    microscope = Microscope()
    blurred = np.stack([_field_of_view(seen_density(density, z, microscope, TISSUE))
                        for z in range(NUM_SLICES)])
    sharp = np.zeros_like(blurred)
    inside = slice(*TISSUE)
    sharp[inside] = _field_of_view(ndimage.gaussian_filter(
        density[inside], microscope.sigma_um, mode="reflect"))
    return (photograph(noise_rng, blurred, microscope),
            to_grey_levels(expected_photons(sharp, microscope), microscope.gain, 0.0))


def simulate_in_focus_image(*, seed: int, part: str, index: int,
                            shape_px: tuple[int, int]) -> np.ndarray:
    """Simulate the focal plane of a section that belongs to no stack.

    Args:
        seed: as for `simulate_stack`.
        part: as for `simulate_stack`.
        index: number of the image among those of this shape and part.
        shape_px: (Y, X), pixels of 1 um; 29 columns match the depth of a stack.

    Returns:
        uint8 (Y, X), as the same microscope sees it.
    """
    section_rng, noise_rng = _generators(seed, part, *shape_px, index)
    density = _draw_section(section_rng, shape_px)
    microscope = Microscope()
    seen = seen_density(density, round(microscope.focal_plane), microscope, TISSUE)
    return photograph(noise_rng, _field_of_view(seen), microscope)


def seen_density(density: np.ndarray, index: int, microscope: Microscope,
                 tissue: tuple[int, int]) -> np.ndarray:
    """Return the optical density of one slice as the microscope sees it.

    Args:
        density: float (Z, Y, X), 0 outside the tissue.
        index: of the slice, along Z.
        microscope: the blur; its cone is taken for 0.
        tissue: first and one past the last slice in it.

    Returns:
        float64 (Y, X).
    """
    inside = np.arange(*tissue)
    weights = microscope.depth_weights(index, inside)[:, np.newaxis, np.newaxis]
    # Not a matrix product, whose order of summation depends on the processor.
    mixed = (weights * density[inside]).sum(axis=0)
    return ndimage.gaussian_filter(mixed, microscope.blur_um(index)[1], mode="reflect")


def expected_photons(density: np.ndarray, microscope: Microscope) -> np.ndarray:
    """Return the photons that pass, by Beer and Lambert's law.

    Args:
        density: float, any shape, optical density (natural logarithm).
        microscope: sets the number of photons.
    """
    return microscope.photons * np.exp(-density)


def photograph(rng: np.random.Generator, density: np.ndarray, microscope: Microscope
               ) -> np.ndarray:
    """Count photons and convert them to grey levels.

    Args:
        rng: source of the noise.
        density: float, any shape, from `seen_density`.
        microscope: photons and gain.

    Returns:
        uint8, same shape.
    """
    return to_grey_levels(detect_photons(rng, expected_photons(density, microscope)),
                          microscope.gain, 0.0)


def _field_of_view(image: np.ndarray) -> np.ndarray:
    return image[..., MARGIN_UM:-MARGIN_UM, MARGIN_UM:-MARGIN_UM]


def _draw_section(rng: np.random.Generator, shape_px: tuple[int, int]) -> np.ndarray:
    """Draw optical density (Z, Y, X) with `MARGIN_UM` around the field of view."""
    height, width = (side + 2 * MARGIN_UM for side in shape_px)
    density = np.zeros((NUM_SLICES, height, width))
    density[slice(*TISSUE)] = sections.draw_section(rng, (TISSUE[1] - TISSUE[0], height, width))
    return density


def _generators(seed: int, part: str, *key: int
                ) -> tuple[np.random.Generator, np.random.Generator]:
    """Return generators for the section and the noise; a stack's key starts with its depth."""
    section, noise = (
        np.random.default_rng(np.random.SeedSequence(
            seed, spawn_key=(PARTS.index(part), *key, step))) for step in range(2))
    return section, noise
