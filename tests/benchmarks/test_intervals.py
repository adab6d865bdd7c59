"""Intervals over trainings hold the true difference as often as they say."""

import numpy as np
import pytest
from scipy import stats

from intervals import interval_over_trainings

# Deviations of trainings, of images and of the rest: each decides in one of them.
SPREADS = [(0.2, 0.0, 0.3), (0.2, 0.5, 0.3), (0.05, 1.0, 0.3)]
NUM_IMAGES = 20


def share_missed(num_trainings, spreads, confidence, *, num_tables, random):
    """Share of intervals without the true difference, 0, in simulated tables."""
    trainings, images, rest = spreads
    missed = [interval_over_trainings(
        trainings * random.normal(size=(num_trainings, 1))
        + images * random.normal(size=NUM_IMAGES)
        + rest * random.normal(size=(num_trainings, NUM_IMAGES)),
        confidence=confidence).excludes_zero for _ in range(num_tables)]
    return np.mean(missed)


def largest_by_chance(rate, num_tables):
    return rate + 3 * np.sqrt(rate * (1 - rate) / num_tables)


@pytest.mark.parametrize("num_trainings", [2, 3, 8])
@pytest.mark.parametrize("spreads", SPREADS)
def test_interval_holds_the_true_difference_as_often_as_it_says(num_trainings, spreads, random):
    missed = share_missed(num_trainings, spreads, 0.95, num_tables=400, random=random)

    assert missed < largest_by_chance(0.05, 400)


def test_corrected_interval_of_three_trainings_errs_no_more_often_than_it_says(random):
    missed = share_missed(3, SPREADS[0], 0.998, num_tables=2000, random=random)

    assert missed < largest_by_chance(0.002, 2000)  # Satterthwaite's: 0.018


def test_interval_over_trainings_alone_is_students(random):
    differences = np.repeat(random.normal(size=(3, 1)), 5, axis=1)

    found = interval_over_trainings(differences, confidence=0.9)

    wanted = stats.ttest_1samp(differences[:, 0], 0).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx(tuple(wanted))
    assert found.mean == pytest.approx(differences.mean())


def test_three_trainings_that_agree_are_ahead_and_two_that_differ_are_not():
    images = np.array([-0.02, 0.0, 0.02])

    agree = interval_over_trainings(np.array([[0.4], [0.42], [0.44]]) + images)
    differ = interval_over_trainings(np.array([[0.1], [0.7]]) + images)

    assert agree.excludes_zero and agree.low == pytest.approx(0.42 - np.hypot(
        4.3027 * 0.02 / np.sqrt(3), 4.3027 * 0.02 / np.sqrt(3)), abs=1e-4)
    assert not differ.excludes_zero and differ.mean == pytest.approx(0.4)


@pytest.mark.parametrize("shape", [(1, 60), (3, 1)])
def test_one_training_or_one_image_has_no_interval(shape):
    with pytest.raises(ValueError, match="two trainings and two images or more"):
        interval_over_trainings(np.zeros(shape))
