"""Each step of the degradation does its physics, and they come in CARE's order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgan.simulation import degradations


def rng(seed=0):
    return np.random.default_rng(seed)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), sigma=st.tuples(st.floats(0, 4), st.floats(0, 4)))
def test_blur_keeps_the_total_intensity(seed, sigma):
    image = rng(seed).uniform(0, 100, (24, 31))

    blurred = degradations.blur(image, sigma)

    assert blurred.sum() == pytest.approx(image.sum(), rel=1e-12)


def test_blur_along_x_spreads_a_point_by_sigma_along_x_only():
    point = np.zeros((9, 41))
    point[4, 20] = 1.0

    blurred = degradations.blur(point, (0.0, 2.5))

    columns = np.arange(41) - 20
    assert np.flatnonzero(blurred.sum(axis=1)).tolist() == [4]
    assert np.sqrt((blurred[4] * columns ** 2).sum()) == pytest.approx(2.5, rel=0.01)


def test_photon_counts_have_a_variance_equal_to_their_mean():
    counts = degradations.detect_photons(rng(), np.full((400, 400), 7.0))

    # standard errors of mean and variance at n = 160,000: 0.007 and 0.026
    assert counts.mean() == pytest.approx(7.0, abs=0.03)
    assert counts.var() == pytest.approx(7.0, abs=0.12)
    assert np.array_equal(counts, np.rint(counts))


def test_read_noise_has_the_given_deviation_and_goes_below_zero():
    electrons = degradations.read_out(rng(), np.zeros((300, 300)), 1.5)

    assert electrons.std() == pytest.approx(1.5, rel=0.02)
    assert electrons.mean() == pytest.approx(0.0, abs=0.03)
    assert electrons.min() < 0


def test_subsampling_a_ramp_keeps_every_fifth_column():
    ramp = np.tile(np.arange(20.0), (3, 1))

    samples, positions = degradations.subsample_x(ramp, 5.0, phase_px=2.0)

    assert positions.tolist() == [2, 7, 12, 17]
    assert samples.tolist() == [[2, 7, 12, 17]] * 3


def test_subsampling_by_a_broken_step_takes_and_returns_the_nearest_columns():
    ramp = np.tile(np.arange(40.0), (1, 1))

    samples, positions = degradations.subsample_x(ramp, 10.2, phase_px=0.4)

    assert positions.tolist() == [0, 11, 21, 31]
    assert samples.tolist() == [[0, 11, 21, 31]]


def test_samples_half_way_between_columns_are_evenly_spaced():
    _, positions = degradations.subsample_x(np.zeros((1, 8)), 2.0, phase_px=0.5)

    assert positions.tolist() == [1, 3, 5, 7]


@pytest.mark.parametrize("step", [2.0, 5.0, 2.5, 7.3, 10.2])
@pytest.mark.parametrize("seed", range(5))
def test_a_degraded_image_is_not_shifted(step, seed):
    """On a ramp every value gives its position along X."""
    ramp = np.tile(np.arange(60.0), (2, 1))

    degraded = degradations.degrade(rng(seed), ramp, psf_sigma_px=(0.0, 0.0),
                                    use_shot_noise=False, step_px=step)

    inner = slice(11, -11)  # constant beyond the outermost samples
    assert degraded[:, inner] == pytest.approx(ramp[:, inner], abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(step=st.floats(1.0, 12.0), phase_share=st.floats(0, 0.999), width=st.integers(13, 60))
def test_subsampling_never_leaves_the_image(step, phase_share, width):
    image = np.zeros((1, width))

    samples, positions = degradations.subsample_x(image, step, phase_share * step)

    assert samples.shape == (1, len(positions))
    assert 0 <= positions[0] and positions[-1] < width


def test_upsampling_a_subsampled_ramp_gives_the_ramp_back_between_samples():
    ramp = np.tile(3.0 * np.arange(20.0) + 1.0, (2, 1))

    samples, positions = degradations.subsample_x(ramp, 5.0, phase_px=2.0)
    restored = degradations.upsample_x(samples, positions, 20)

    assert restored[:, 2:18] == pytest.approx(ramp[:, 2:18])
    assert np.all(restored[:, :2] == ramp[:, 2:3])  # constant before the first sample
    assert np.all(restored[:, 18:] == ramp[:, 17:18])


def test_background_blobs_have_the_given_width():
    background = degradations.drifting_background(
        rng(3), (200, 200), num_blobs=1, blob_size_px=(30.0, 30.0))

    peak = np.unravel_index(background.argmax(), background.shape)
    above_half = np.count_nonzero(background[peak[0]] > background.max() / 2)
    assert 0.3 <= background.max() <= 1.0
    assert abs(above_half - 30) <= 1


def test_degrade_is_psf_then_poisson_then_gaussian_then_subsample_then_upsample():
    photons = rng(1).uniform(0, 50, (16, 40))

    electrons = degradations.degrade(
        rng(2), photons, psf_sigma_px=(1.0, 2.0), background_photons=3.0,
        read_noise_electrons=1.5, step_px=4.0)

    source = rng(2)
    expected = degradations.blur(photons, (1.0, 2.0)) + 3.0
    expected = source.poisson(expected) + source.normal(0.0, 1.5, expected.shape)
    samples, positions = degradations.subsample_x(expected, 4.0, source.uniform(0, 4.0))
    expected = degradations.upsample_x(samples, positions, 40)
    assert np.array_equal(electrons, expected)


def test_shot_noise_is_not_smoothed_by_the_psf_but_the_background_has_it():
    dark = np.zeros((200, 200))

    electrons = degradations.degrade(
        rng(), dark, psf_sigma_px=(3.0, 3.0), background_photons=20.0)

    assert electrons.var() == pytest.approx(20.0, rel=0.05)
    neighbours = np.corrcoef(electrons[:, :-1].ravel(), electrons[:, 1:].ravel())[0, 1]
    assert abs(neighbours) < 0.02


def test_degrade_without_noise_and_with_every_column_is_the_psf_alone():
    photons = rng(1).uniform(0, 50, (16, 40))

    electrons = degradations.degrade(rng(), photons, psf_sigma_px=(0.0, 3.0),
                                     use_shot_noise=False)

    assert np.array_equal(electrons, degradations.blur(photons, (0.0, 3.0)))


def test_grey_levels_are_rounded_offset_and_clipped():
    values = np.array([[-3.0, 0.0, 1.2, 200.0]])

    grey = degradations.to_grey_levels(values, gain=2.0, offset=5.0)

    assert grey.dtype == np.uint8
    assert grey.tolist() == [[0, 5, 7, 255]]
