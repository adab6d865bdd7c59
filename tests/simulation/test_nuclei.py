"""Optical sections of nuclei agree with geometry."""

import dataclasses

import numpy as np
import pytest

from microgan.simulation import cells, nuclei

TISSUE = cells.Tissue(
    diameter_um=5.0, diameter_spread=0.0, elongation=1.0, packing=0.4, mitotic_share=0.0,
    brightness_spread=0.0, texture=0.2, texture_size_um=0.8, gap_chance=0.0,
    gap_width_um=10.0)


def flat_section(size_px=61, pixel_size_um=0.2, thickness_um=0.5):
    return nuclei.bent_section(np.random.default_rng(0), size_px, pixel_size_um,
                               thickness_um, bend_um=0.0, bend_size_um=1.0)


def sphere(z_um=0.0, radius_um=3.0, brightness=1.0):
    return cells.Ellipsoid(np.array([z_um, 0.0, 0.0]), np.eye(3), np.full(3, radius_um),
                           brightness)


def test_light_of_a_sphere_in_focus_is_its_chord_under_the_section():
    section = flat_section()
    image = np.zeros_like(section.y_um)

    nuclei.add_light(image, sphere(), section)

    # centre: within 6 standard deviations; at 2.9 um: half chord sqrt(9 - 2.8^2) = 1.077 um
    assert image[30, 30] == pytest.approx(1.0)
    assert image[30, 30 + 14] == pytest.approx(0.9688, abs=1e-3)  # 2 Phi(1.077 / 0.5) - 1
    assert image[30, 30 + 15] == 0.0  # 3.0 um, on the surface
    assert image == pytest.approx(image[::-1]) and image == pytest.approx(image.T)


def test_a_nucleus_beside_the_focal_plane_is_dimmer_and_one_far_from_it_dark():
    section = flat_section()
    images = np.zeros((3, *section.y_um.shape))

    for image, z_um in zip(images, (0.0, 3.0, 9.0), strict=True):
        nuclei.add_light(image, sphere(z_um), section)

    assert images[1, 30, 30] == pytest.approx(0.5)  # the plane touches its pole
    assert images[2].max() < 1e-9


def test_a_hollow_sphere_is_a_ring():
    section = flat_section(thickness_um=0.2)
    image = np.zeros_like(section.y_um)

    nuclei.add_light(image, sphere(), section)
    nuclei.add_light(image, sphere(radius_um=2.6, brightness=-1.0), section)

    assert image[30, 30] == pytest.approx(0.0, abs=1e-9)
    assert image[30, 30 + 14] > 0.9
    assert image[30, 30 + 16] == 0.0


def test_light_is_the_same_wherever_the_window_ends():
    """A body's window contains every lit pixel, bent section or not."""
    section = nuclei.bent_section(np.random.default_rng(0), 80, 0.2, 0.5, bend_um=0.5,
                                  bend_size_um=1.0)
    everywhere = dataclasses.replace(section, max_bend_um=100.0)
    images = np.zeros((2, 80, 80))

    for centre in ([0.0, 7.5, -6.0], [1.0, -20.0, 0.0], [0.0, 0.3, 0.7]):
        body = cells.Ellipsoid(np.array(centre), np.eye(3), np.array([3.0, 2.0, 4.0]), 1.0)
        nuclei.add_light(images[0], body, section)
        nuclei.add_light(images[1], body, everywhere)

    assert np.array_equal(images[0], images[1])
    assert images[0].max() > 0.5


def test_a_turned_ellipsoid_is_long_along_its_axis():
    section = flat_section()
    image = np.zeros_like(section.y_um)
    axes = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # first axis: Y

    nuclei.add_light(image, cells.Ellipsoid(np.zeros(3), axes, np.array([4.0, 2.0, 2.0]), 1.0),
                     section)

    assert np.count_nonzero(image[:, 30]) == 39  # 8 um in steps of 0.2 um, ends excluded
    assert np.count_nonzero(image[30]) == 19


def test_tissue_fills_the_section_to_its_packing():
    section = flat_section(size_px=300, thickness_um=0.01)
    covered = []

    for seed in range(4):
        field = cells.grow_cells(np.random.default_rng(seed), TISSUE, 60.0)
        image = np.zeros_like(section.y_um)
        for nucleus in field.interphase:
            nuclei.add_light(image, nucleus, section)
        covered.append(np.mean(image > 0.5))

    # in a section of randomly packed bodies the share of area is the share of volume
    assert np.mean(covered) == pytest.approx(TISSUE.packing, abs=0.1)


def test_mitotic_cells_have_chromosomes_and_no_envelope():
    dividing = dataclasses.replace(TISSUE, mitotic_share=1.0)
    section = flat_section(size_px=100)
    rng = np.random.default_rng(0)

    field = cells.grow_cells(rng, dividing, 20.0)
    envelopes = nuclei.render_envelopes(rng, field, dividing, section, 0.2)
    chromatin = nuclei.render_nuclei(rng, field, dividing, section, 0.2)

    assert not field.interphase and field.chromosomes
    assert envelopes.max() == 0.0
    assert chromatin.max() > 1.0


def test_smooth_noise_has_mean_0_and_deviation_1():
    noise = nuclei.smooth_noise(np.random.default_rng(0), (64, 64), 3.0)

    assert noise.mean() == pytest.approx(0.0, abs=1e-12)
    assert noise.std() == pytest.approx(1.0)
