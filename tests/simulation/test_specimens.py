"""Random specimens and defects for pretraining: varied, repeatable, in range."""

import numpy as np
import pytest

from microgan.simulation.random_pairs import draw_degradation, draw_pair
from microgan.simulation.specimens import SPECIMENS, draw_specimen


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

    photons = np.array([defect.scale for defect in defects])
    assert photons.min() < 5 and photons.max() > 1000
    assert max(max(defect.blur_px) for defect in defects) > 3.5
    steps = {defect.step_px for defect in defects}
    assert {2.0, 5.0} <= steps and any(step % 1 for step in steps)
    assert {defect.step_axis for defect in defects if defect.step_px > 1} == {0, 1}
    for trait in ("haze", "transfer", "noise_transfer", "is_stretched", "offset"):
        share = np.mean([bool(getattr(defect, trait)) for defect in defects])
        assert 0.05 < share < 0.95, trait


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


def test_a_few_photons_do_not_become_huge_numbers():
    lonely = np.zeros((96, 96), np.float32)
    lonely[48, 48] = 1

    for seed in range(100):
        for image in draw_pair(np.random.default_rng([9, seed]), [lonely], 64):
            assert np.abs(image).max() <= 2 / 0.05 + 1
