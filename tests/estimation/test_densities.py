"""From intensities to the density of a sample and back."""

import numpy as np
import pytest
from scipy import ndimage

from microgan.estimation.densities import are_absorbing, find_light, to_density
from microgan.simulation.fitted_microscope import Light

SHOW = {Light.EMITTED: lambda sample: 100 * sample + 20,
        Light.ABSORBED: lambda sample: 200 * np.exp(-sample),
        Light.SHADED: lambda sample: 200 * (1 - sample)}


@pytest.mark.parametrize("light", list(Light))
def test_density_and_intensities_are_each_other_s_inverse(random, light):
    sample = np.where(random.random((9, 40, 40)) < 0.9, 0, random.random((9, 40, 40)))
    stack = SHOW[light](sample)

    density, to_intensity = to_density(stack, light)

    np.testing.assert_allclose(density, 100 * sample if light == Light.EMITTED else sample,
                               atol=1e-9)
    np.testing.assert_allclose(to_intensity(density), stack)


@pytest.mark.parametrize("light", [Light.ABSORBED, Light.SHADED])
def test_nothing_lets_more_light_pass_than_an_empty_place(light):
    _, to_intensity = to_density(np.array([200.0, 100.0]), light)

    assert to_intensity(np.array([-3.0]))[0] == pytest.approx(200, rel=0.01)


def test_most_stacks_decide(random):
    dark = 200 * np.exp(-random.gamma(0.2, size=(5, 20, 20)))

    assert are_absorbing([dark, 255 - dark, dark])
    assert not are_absorbing([dark, 255 - dark, 255 - dark])


@pytest.mark.parametrize("light", list(Light))
def test_what_was_blurred_is_found(light):
    cells = np.random.default_rng(0).random((64, 64)) < 0.02
    cells = ndimage.maximum_filter(cells, 3) * (0.8 if light == Light.SHADED else 2.0)

    stack = SHOW[light](np.stack([ndimage.gaussian_filter(cells, sigma, mode="wrap")
                                  for sigma in (4, 2, 0.1, 2, 4)]))

    assert find_light([stack + 1]) == light
