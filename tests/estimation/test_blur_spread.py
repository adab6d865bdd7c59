"""Factors on the blur are taken for real only where they vary by more than chance."""

import numpy as np
import pytest

from microgan.estimation.blur_spread import (
    LOG_FACTORS, fit_with_factors, likeliest, spread_factors)


def test_likeliest_factor_lies_between_those_tried():
    wanted = np.array([-1.23, 0.0, 0.67])

    found = likeliest(1e4 * (LOG_FACTORS - wanted[:, np.newaxis]) ** 2)

    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_spread_of_factors_is_what_exceeds_chance(random):
    by_chance = random.normal(0.0, 0.2, 1000)
    found = random.normal(0.5, np.hypot(0.5, 0.2), 1000)

    logs = np.log(spread_factors(found, by_chance))

    assert logs.std() == pytest.approx(0.5, rel=0.1)
    assert logs.mean() == pytest.approx(0.0, abs=1e-9)
    assert np.corrcoef(logs, found)[0, 1] == pytest.approx(1.0)


@pytest.mark.parametrize("found, by_chance", [
    ([-0.2, 0.1, 0.3, 0.0], [0.2, -0.3, 0.1, 0.0, -0.1]),
    ([-0.02, 0.01, 0.03], [0.001, -0.001, 0.0]),  # too little to matter
    ([0.0, 0.01, -0.01, 0.02, -0.02, 0.03, 2.5], [0.02, -0.03, 0.01, 0.0, -0.01]),  # one alone
    ([-1.0, 1.0], [0.001, -0.001, 0.0])])  # too few to tell
def test_chance_gives_one_blur_for_all(found, by_chance):
    np.testing.assert_array_equal(spread_factors(np.array(found), np.array(by_chance)), 1.0)


@pytest.mark.parametrize("chance, differs", [(0.1, True), (0.5, False)])
def test_blur_differs_only_where_single_images_tell_it(random, chance, differs):
    found, by_chance = 3.0 * random.normal(size=20), chance * random.normal(size=40)

    _, factors = fit_with_factors(lambda factors: factors, lambda: np.ones(20),
                                  lambda fitted: (found - np.log(fitted), by_chance), 20)

    assert bool(np.ptp(factors)) == differs
