"""The variance that a spectrum allows bounds the noise that lies on an image."""

import numpy as np
import pytest

from microgan.estimation.noise import NoiseLine, at_most
from microgan.estimation.spectra import power_spectrum, windowed_mean

WINDOW = (32, 32)


@pytest.fixture
def variance():
    """Of noise that is four times as strong at the borders as in the middle, (Y, X)."""
    found = np.full((32, 40), 8.0)
    found[8:24, 8:32] = 2.0
    return found


def test_windows_count_the_middle_more_than_the_borders(variance, random):
    noise = np.sqrt(variance) * random.standard_normal((200, 32, 40))

    power = np.mean([power_spectrum(image, WINDOW)[2:, 2:].mean() for image in noise])

    assert windowed_mean(np.full((32, 40), 3.0), WINDOW) == pytest.approx(3)
    assert windowed_mean(variance, WINDOW) == pytest.approx(power, rel=0.02)
    assert windowed_mean(variance, WINDOW) < 0.7 * variance.mean()


@pytest.mark.parametrize("allowed, factor", [(1.0, 1.0), (2.0, 1.0), (0.5, 0.5)])
def test_line_is_lowered_only_where_the_windows_allow_less(variance, allowed, factor):
    line = NoiseLine(1.0, 0.0, np.array([1.0, 1.0]), np.zeros(2), (0.9, 1.1), (0.0, 0.0), 2.5,
                     (2.0, 3.0))
    levels = [(variance, variance), (4 * variance, 4 * variance)]
    typical = 2 * windowed_mean(variance, WINDOW)  # the geometric mean of the two

    lowered = at_most(line, allowed * typical, levels, WINDOW)

    assert lowered.gain == pytest.approx(factor)
    np.testing.assert_allclose(lowered.image_gains, factor)
    assert lowered.typical == pytest.approx(2.5 * np.sqrt(factor))


def test_lowered_numbers_stay_within_their_intervals(variance):
    levels = [(variance, variance)]
    line = NoiseLine(1.0, -1.0, np.array([1.0]), np.array([-1.0]), (0.9, 1.1), (-1.1, -0.9), 2.0,
                     (1.9, 2.1))

    lowered = at_most(line, 0.5, levels, WINDOW)

    for value, (low, high) in ((lowered.gain, lowered.gain_bounds),
                               (lowered.floor, lowered.floor_bounds),
                               (lowered.typical, lowered.typical_bounds)):
        assert low <= value <= high
