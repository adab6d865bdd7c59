"""The degradation model does what its numbers say, and its JSON is checked."""

import json

import numpy as np
import pytest
from scipy import ndimage

from microgan.simulation.degradation_model import (
    CURVE_FREQUENCIES, Degradation, DegradationModel, _blur_widely, filter_radially,
    gaussian_transfer)


def _rng():
    return np.random.default_rng(3)


def test_nothing_changes_without_a_degradation():
    image = _rng().uniform(0, 100, (24, 40))

    np.testing.assert_array_equal(Degradation().apply(_rng(), image), image)


def test_curve_of_a_gaussian_blurs_as_the_gaussian_does():
    image = ndimage.gaussian_filter(_rng().uniform(0, 100, (96, 80)), 1)

    blurred = filter_radially(image, gaussian_transfer(CURVE_FREQUENCIES, 1.5))

    np.testing.assert_allclose(blurred, ndimage.gaussian_filter(image, 1.5, mode="mirror"),
                               atol=0.15)


def test_wide_blur_on_coarse_pixels_is_that_on_fine_ones():
    image = ndimage.gaussian_filter(_rng().uniform(0, 1000, (150, 131)), 3)

    coarse, fine = _blur_widely(image, 18.0), ndimage.gaussian_filter(image, 18.0, mode="reflect")

    assert np.corrcoef(coarse.ravel(), fine.ravel())[0, 1] > 0.99
    np.testing.assert_allclose(coarse.std(), fine.std(), rtol=0.05)


@pytest.mark.parametrize("noise", [
    {"noise_gain": 2.0}, {"noise_gain": 2.0, "noise_floor": 30.0},
    {"noise_gain": 2.0, "noise_floor": -60.0}, {"noise_floor": 25.0},
    {"noise_gain": 2.0, "noise_transfer": tuple(np.linspace(1, 0, 33))}])
def test_noise_has_the_variance_it_says(noise):
    degradation = Degradation(**noise)
    image = np.full((400, 400), 150.0)
    noisy = degradation.apply(_rng(), image)

    expected = degradation.noise_variance(np.array(150.0))
    if "noise_transfer" in noise:  # its mean power is not 1 here
        frequency = np.hypot(np.fft.fftfreq(400)[:, None], np.fft.fftfreq(400))
        expected = expected * np.mean(np.interp(frequency, CURVE_FREQUENCIES,
                                                noise["noise_transfer"]) ** 2)
    np.testing.assert_allclose(noisy.var(), expected, rtol=0.03)
    np.testing.assert_allclose(noisy.mean(), 150.0, atol=0.2)


def test_shot_noise_is_counted_in_whole_events():
    noisy = Degradation(noise_gain=4.0, scale=2.0, offset=8.0).apply(
        _rng(), np.full((30, 30), 10.0))

    np.testing.assert_allclose(noisy / 4.0, np.rint(noisy / 4.0), atol=1e-9)


def test_rows_and_columns_share_noise():
    image = np.full((300, 200), 50.0)

    rows, columns = (Degradation(line_noise=noise).apply(_rng(), image)
                     for noise in ((3.0, 0.0), (0.0, 2.0)))

    assert np.ptp(rows, axis=1).max() == np.ptp(columns, axis=0).max() == 0
    np.testing.assert_allclose([rows[:, 0].std(), columns[0].std()], [3, 2], rtol=0.15)


def test_hot_pixels_are_few_and_as_bright_as_said():
    added = Degradation(hot_share=0.01, hot_brightness=80.0).apply(_rng(), np.zeros((300, 300)))

    np.testing.assert_allclose(np.mean(added > 0), 0.01, rtol=0.1)
    assert added.min() == 0 and 75 < added.max() <= 80
    np.testing.assert_allclose(added[added > 0].mean(), 40, rtol=0.1)


def test_a_defocused_lens_may_reverse_the_contrast_of_stripes():
    stripes = np.tile(np.cos(2 * np.pi * 8 / 64 * np.arange(65)), (65, 1))
    curve = np.where(CURVE_FREQUENCIES > 0.1, -0.5, 1.0)

    np.testing.assert_allclose(Degradation(transfer=tuple(curve)).noiseless(stripes)[:, 8:-8],
                               -0.5 * stripes[:, 8:-8], atol=0.05)


def test_every_fifth_row_is_measured_and_the_rest_is_interpolated():
    image = np.add.outer(np.arange(41.0), np.zeros(16))

    degraded = Degradation(step_px=5.0, step_axis=0).apply(_rng(), image)

    inner = degraded[5:-5]
    np.testing.assert_allclose(inner, image[5:-5], atol=1e-9)
    assert np.ptp(degraded[:, 0] - degraded[:, 3]) == 0


def test_stretched_images_use_the_whole_range():
    degraded = Degradation(is_stretched=True, limits=(0.0, 255.0), is_whole=True).apply(
        _rng(), _rng().uniform(3, 9, (20, 20)))

    assert (degraded.min(), degraded.max()) == (0, 255)
    np.testing.assert_array_equal(degraded, np.rint(degraded))


def test_haze_keeps_the_light_and_lowers_the_contrast():
    image = _rng().uniform(0, 100, (64, 64))

    hazy = Degradation(haze=0.5, haze_px=20.0).apply(_rng(), image)

    np.testing.assert_allclose(hazy.mean(), image.mean(), rtol=0.01)
    np.testing.assert_allclose(hazy.std(), 0.5 * image.std(), rtol=0.05)


def test_json_brings_the_model_back():
    model = DegradationModel((
        Degradation(), Degradation(blur_px=(1.0, 2.5), noise_gain=3.0, noise_floor=-4.0,
                                   transfer=tuple(np.linspace(1, 0, 33)), step_px=5.0, step_axis=0,
                                   limits=(0.0, 255.0), is_whole=True, is_stretched=True,
                                   line_noise=(1.0, 2.0), hot_share=0.1, hot_brightness=9.0)))

    assert DegradationModel.from_json(json.loads(json.dumps(model.to_json()))) == model


@pytest.mark.parametrize("content, complaint", [
    ({}, "list of 1 to"), ([], "list of 1 to"), ([3], "table"), ([{"blur_px": [1]}], "2 numbers"),
    ([{"blur_px": [1, 1e9]}], "between 0 and 100"), ([{"transfer": [1, 0]}], "33 numbers"),
    ([{"line_noise": [1]}], "2 numbers"), ([{"hot_share": 2}], "between 0 and 1"),
    ([{"step_px": 0}], "between 1"), ([{"step_axis": 0.5}], "between 0"),
    ([{"step_axis": True}], "between 0"), ([{"scale": float("nan")}], "not between"),
    ([{"is_whole": 1}], "true or false"), ([{"colour": 1}], "not known")])
def test_other_json_is_refused(content, complaint):
    with pytest.raises(ValueError, match=complaint):
        DegradationModel.from_json(content)
