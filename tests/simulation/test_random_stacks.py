"""Random samples and microscopes: sharp volumes are sharper than what is seen, seeds repeat."""

import numpy as np
import pytest

from microgan.metrics.paired import align_care, psnr
from microgan.simulation.microscope import Microscope
from microgan.simulation.random_stacks import (
    SAMPLES, are_alike, draw_setting, draw_stack, draw_volume)

SHAPE = (10, 16, 16)
SIZE_PX = 48


@pytest.fixture(scope="module")
def volumes():
    return [draw_volume(np.random.default_rng(seed), SIZE_PX) for seed in range(3)]


@pytest.fixture(scope="module")
def stacks(volumes):
    return [draw_stack(np.random.default_rng([9, index]), volumes, SHAPE) for index in range(30)]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_kind_of_sample_has_structure_in_all_directions(name):
    volume = SAMPLES[name][0](np.random.default_rng(4), SIZE_PX)

    assert volume.shape == (SIZE_PX,) * 3
    assert volume.min() >= 0
    slopes = [np.abs(np.diff(volume, axis=axis)).mean() for axis in range(3)]
    assert min(slopes) > 0
    assert max(slopes) < 3 * min(slopes)


def test_volumes_have_one_scale(volumes):
    for volume in volumes:
        assert volume.min() >= 0
        assert np.percentile(volume, 99.9) == pytest.approx(1, rel=1e-3)


def test_a_stack_depends_on_its_seed_alone(volumes, stacks):
    again = draw_stack(np.random.default_rng([9, 7]), volumes, SHAPE)

    for part, other, next_one in zip(again, stacks[7], stacks[8]):
        np.testing.assert_array_equal(part, other)
        assert not np.array_equal(part, next_one)


def test_outside_the_sample_there_is_nothing(stacks):
    outside = [plane for _, sharp, inside in stacks for plane in sharp[~inside]]

    assert outside
    assert all(np.ptp(plane) == 0 for plane in outside)


def test_slices_near_focus_are_like_the_sharp_ones_and_others_are_not(volumes):
    near, far = [], []
    for index in range(16):
        # Drawing starts with the setting, so its generator gives the same one.
        focal_plane = draw_setting(np.random.default_rng([2, index]),
                                   SHAPE[0]).microscope.focal_plane
        blurred, sharp, inside = draw_stack(np.random.default_rng([2, index]), volumes, SHAPE)
        for z in np.flatnonzero(inside):
            if np.ptp(sharp[z]) < 0.2:
                continue
            aligned = align_care(sharp[z], blurred[z])
            score = psnr(aligned.clean, aligned.restored, data_range=aligned.data_range)
            (near if abs(z - focal_plane) <= 1 else far if abs(z - focal_plane) >= 4
             else []).append(score)

    assert np.median(near) > np.median(far) + 2


def test_bright_field_and_fluorescence_and_long_voxels_occur():
    settings = [draw_setting(np.random.default_rng(seed), 25) for seed in range(200)]

    assert 0.4 < np.mean([setting.is_absorbing for setting in settings]) < 0.6
    steps = [setting.microscope.z_step_um for setting in settings]
    assert 0.6 <= min(steps) < 0.8 and 3 < max(steps) <= 4
    ends = np.array([setting.tissue for setting in settings])
    assert (ends[:, 0] < 0).any() and (ends[:, 1] > 1).any()


def test_microscopes_are_alike_up_to_a_quarter_of_each_blur():
    tested = Microscope(sigma_um=0.8, lateral_growth_per_um=0.02, axial_growth_per_um=0.04)

    assert are_alike(Microscope(sigma_um=0.99, lateral_growth_per_um=0.016,
                                axial_growth_per_um=0.04, photons=9), tested)
    assert not are_alike(Microscope(sigma_um=0.8, lateral_growth_per_um=0.02,
                                    axial_growth_per_um=0.052), tested)


def test_an_excluded_microscope_is_not_drawn():
    drawn = draw_setting(np.random.default_rng(6), 25).microscope

    other = draw_setting(np.random.default_rng(6), 25, [drawn]).microscope

    assert not are_alike(other, drawn)
