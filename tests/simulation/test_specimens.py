"""Random specimens and defects for pretraining: varied, repeatable, in range."""

import numpy as np
import pytest

from microgan.simulation import random_pairs
from microgan.simulation.degradation_model import CURVE_FREQUENCIES, Degradation
from microgan.simulation.random_pairs import (
    draw_degradation, draw_pair, draw_perfect, lens_transfer)
from microgan.simulation.specimens import SPECIMENS, add_grain, draw_specimen


@pytest.mark.parametrize("kind", SPECIMENS)
def test_each_kind_differs_from_draw_to_draw_and_repeats_with_its_seed(kind):
    draw = SPECIMENS[kind][0]
    one, again, other = (draw(np.random.default_rng(seed), 64) for seed in (1, 1, 2))

    assert one.shape == (64, 64) and np.isfinite(one).all() and one.min() > -1e-9
    np.testing.assert_array_equal(one, again)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.9


def test_specimens_span_0_to_1_and_some_are_nearly_empty():
    images = [draw_specimen(np.random.default_rng([5, index]), 64) for index in range(60)]
    low, high = np.percentile(images, (0.1, 99.9), axis=(1, 2))

    np.testing.assert_allclose(low, 0, atol=1e-3)
    assert np.mean(np.isclose(high, 1, atol=1e-3)) > 0.9
    assert np.min(images) >= 0


def test_defects_cover_what_microscopes_do():
    defects = [draw_degradation(np.random.default_rng([6, index])) for index in range(400)]

    photons = np.array([defect.scale / defect.noise_gain for defect in defects])
    assert photons.min() < 5 and photons.max() > 1000
    assert max(max(defect.blur_px) for defect in defects) > 3.5
    steps = {defect.step_px for defect in defects}
    assert {2.0, 5.0} <= steps and any(step % 1 for step in steps)
    assert {defect.step_axis for defect in defects if defect.step_px > 1} == {0, 1}
    for trait in ("haze", "transfer", "noise_transfer", "is_stretched", "offset", "is_whole",
                  "hot_share"):
        share = np.mean([bool(getattr(defect, trait)) for defect in defects])
        assert 0.05 < share < 0.95, trait
    assert {tuple(np.greater(defect.line_noise, 0)) for defect in defects} == {
        (False, False), (True, False), (False, True), (True, True)}
    assert any(np.min(defect.transfer) < -0.05 for defect in defects if defect.transfer)


def test_whole_numbers_have_8_to_16_bits_of_which_dim_images_use_few_and_saturated_too_many():
    defects = [draw_degradation(np.random.default_rng([10, index])) for index in range(400)]
    stored = [defect for defect in defects if defect.is_whole]

    assert {defect.limits[1] for defect in stored} == {2 ** bits - 1
                                                       for bits in (8, 10, 12, 14, 16)}
    brightest = np.array([defect.scale + defect.offset for defect in stored
                          if not defect.is_stretched])
    used = brightest / [defect.limits[1] for defect in stored if not defect.is_stretched]
    assert brightest.min() >= 15.9 and used.min() < 0.01
    assert 0.05 < np.mean(used > 1) < 0.3 and used.max() < 2.3
    image = np.random.default_rng(1).uniform(0, 1, (32, 32))
    for defect in stored[:40]:
        whole = defect.apply(np.random.default_rng(2), image)
        assert 0 <= whole.min() and whole.max() <= defect.limits[1]
        np.testing.assert_array_equal(whole, np.rint(whole))


def test_what_is_stored_is_a_camera_gain_away_from_what_was_drawn():
    drawn = Degradation(scale=300.0, offset=20.0, noise_gain=1.0, noise_floor=5.0,
                        line_noise=(4.0, 0.0), hot_brightness=50.0)

    stored = next(defect for defect in (
        random_pairs._stored(np.random.default_rng(seed), drawn, False) for seed in range(50))
        if defect.is_whole and not defect.is_stretched)

    gain = stored.noise_gain
    assert gain != 1
    for name in ("scale", "offset", "hot_brightness", "line_noise"):
        np.testing.assert_allclose(getattr(stored, name), gain * np.array(getattr(drawn, name)))
    signal = np.linspace(20, 320, 5)
    np.testing.assert_allclose(stored.noise_variance(gain * signal),
                               gain ** 2 * drawn.noise_variance(signal))


def test_a_good_microscope_changes_next_to_nothing():
    rng = np.random.default_rng(12)
    defects = [draw_perfect(rng) for _ in range(200)]

    photons = np.array([defect.scale / defect.noise_gain for defect in defects])
    assert 300 <= photons.min() < 500 and 30_000 < photons.max() <= 50_000
    clean = rng.uniform(0, 1, (64, 64))
    for defect in defects:
        assert (defect.blur_px, defect.transfer, defect.haze, defect.step_px,
                defect.line_noise) == ((0, 0), (), 0, 1, (0, 0))
        if not defect.hot_share and defect.scale > 100:
            assert np.corrcoef(clean.ravel(), defect.apply(rng, clean).ravel())[0, 1] > 0.97


def test_every_sixth_pair_needs_no_restoring(monkeypatch):
    kinds = []
    for name in ("draw_perfect", "draw_degradation"):
        draw = getattr(random_pairs, name)
        monkeypatch.setattr(random_pairs, name,
                            lambda rng, name=name, draw=draw: kinds.append(name) or draw(rng))
    rng = np.random.default_rng(13)
    specimens = [draw_specimen(rng, 64) for _ in range(3)]

    for _ in range(200):
        draw_pair(rng, specimens, 32)

    assert len(kinds) == 200 and 0.12 < kinds.count("draw_perfect") / 200 < 0.25


def test_a_defocused_lens_reverses_the_contrast_of_some_frequencies():
    focused, defocused = lens_transfer(0.5), lens_transfer(0.5, 6.0)

    assert focused[0] == defocused[0] == 1 and focused[-1] == 0
    assert np.all(np.diff(focused) < 0) and defocused.min() < -0.05
    # The disc of radius R has its first zero at 0.61 / R; a lens that cuts off, a little beyond.
    first = CURVE_FREQUENCIES[np.argmax(defocused < 0)]
    assert 0.61 / 6 < first < 1.6 * 0.61 / 6


def test_grain_is_as_fine_as_pixels():
    rng = np.random.default_rng(14)
    smooth = np.outer(*[np.sin(np.linspace(0, np.pi, 96))] * 2)

    for _ in range(20):
        grainy = add_grain(rng, smooth)

        assert grainy.min() == 0 and 1 <= grainy.max() <= 3
        assert np.abs(np.diff(grainy, 2)).mean() > 5 * np.abs(np.diff(smooth, 2)).mean()


def test_pairs_match_and_are_normalised():
    specimens = [draw_specimen(np.random.default_rng([7, index]), 96) for index in range(8)]
    pairs = [draw_pair(np.random.default_rng([8, index]), specimens, 64) for index in range(40)]

    correlations = [np.corrcoef(degraded.ravel(), clean.ravel())[0, 1]
                    for degraded, clean in pairs if clean.std() > 0.05]
    assert np.median(correlations) > 0.5
    for degraded, clean in pairs:
        assert degraded.shape == clean.shape == (64, 64)
        assert degraded.dtype == clean.dtype == np.float32
        assert np.percentile(degraded, 50) < 1.05 and np.percentile(degraded, 1) > -1.5


def test_some_specimens_are_dark_in_bright_light():
    spot = np.zeros((96, 96), np.float32)
    spot[32:64, 32:64] = 1
    middles = []

    for index in range(100):
        _, clean = draw_pair(np.random.default_rng([15, index]), [spot], 64)
        middles.append(np.median(clean[24:40, 24:40]) < np.median(clean))

    assert 0.05 < np.mean(middles) < 0.3


def test_a_few_photons_do_not_become_huge_numbers():
    lonely = np.zeros((96, 96), np.float32)
    lonely[48, 48] = 1

    for seed in range(100):
        for image in draw_pair(np.random.default_rng([9, seed]), [lonely], 64):
            assert np.abs(image).max() <= 2 / 0.05 + 1
