"""How sure a fit is of what it found, worked out by hand."""

import numpy as np
import pytest

from microgan.estimation.spectral_fit import FittedSpectrum, Transfer, names


def fitted(covariance):
    """A fit with a measured curve, whose knots lie at 0, 0.04, 0.08, 0.12 cycles a pixel."""
    nothing = np.zeros((1, 1))
    return FittedSpectrum(Transfer(0.0, (1.0, 1.0), 0.0, transfer=(0.0,) * 10), covariance,
                          names(("transfer",)), 1.0, nothing, nothing, nothing[0], nothing[0],
                          nothing)


@pytest.mark.parametrize("frequency, variance", [(0, 0), (0.04, 1), (0.08, 1 + 4 + 2 * 0.5),
                                                 (0.06, 1 + 4 / 4 + 2 * 0.5 / 2)])
def test_deviation_of_a_curve_adds_its_falls_up_to_a_frequency(frequency, variance):
    covariance = np.zeros((13, 13))  # four other numbers come first
    covariance[4, 4], covariance[5, 5] = 1, 4
    covariance[4, 5] = covariance[5, 4] = 0.5

    assert fitted(covariance).transfer_deviation(frequency) ** 2 == pytest.approx(variance)


def test_a_logarithm_of_which_nothing_is_known_has_a_finite_deviation():
    assert fitted(np.diag([1e9] * 13)).deviation("log_scale") == 20
