"""From intensities to the density of a sample and back."""

import numpy as np
import pytest

from microgan.estimation.densities import are_absorbing, to_density


@pytest.mark.parametrize("is_absorbing", [False, True])
def test_density_and_intensities_are_each_other_s_inverse(random, is_absorbing):
    sample = np.where(random.random((9, 40, 40)) < 0.9, 0, random.random((9, 40, 40)))
    stack = 200 * np.exp(-sample) if is_absorbing else 100 * sample + 20

    density, to_intensity = to_density(stack, is_absorbing)

    np.testing.assert_allclose(density, sample if is_absorbing else 100 * sample, atol=1e-9)
    np.testing.assert_allclose(to_intensity(density), stack)


def test_nothing_lets_more_light_pass_than_an_empty_place():
    _, to_intensity = to_density(np.array([200.0, 100.0]), True)

    assert to_intensity(np.array([-3.0]))[0] == pytest.approx(200, rel=0.01)


def test_most_stacks_decide(random):
    dark = 200 * np.exp(-random.gamma(0.2, size=(5, 20, 20)))

    assert are_absorbing([dark, 255 - dark, dark])
    assert not are_absorbing([dark, 255 - dark, 255 - dark])
