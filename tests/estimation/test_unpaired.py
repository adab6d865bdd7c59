"""Known degradations of simulated samples are measured without pairs."""

from functools import cache

import numpy as np
import pytest

from microgan.estimation.unpaired import measure_unpaired
from microgan.simulation.datasets import simulate_pair
from microgan.simulation.degradation_model import Degradation


@cache
def samples(name, count, size):
    return [simulate_pair(name, seed=1, part="train", index=index, image_size=size)[1]
            for index in range(count)]


def test_known_degradation_is_measured():
    clean = samples("Nuclei_low_light", 40, 96)
    truth = Degradation(blur_px=(1.0, 2.0), noise_gain=2.5, limits=(0.0, 255.0), is_whole=True)
    rng = np.random.default_rng(0)
    degraded = [truth.apply(rng, image).astype(np.uint8) for image in clean[:10]]

    found = measure_unpaired(degraded, clean[10:])

    estimates = found.estimates
    np.testing.assert_allclose(estimates["blur_x_px"].value, 2.0, rtol=0.1)
    np.testing.assert_allclose(estimates["noise_gain"].value, 2.5, rtol=0.25)
    assert "step_px" not in estimates
    assert len(found.model.examples) == 10


@pytest.mark.parametrize("images, complaint", [
    ([], "at least one image"), ([np.zeros((8, 50))], "at least 32"),
    ([np.full((40, 40), np.nan)], "finite")])
def test_images_that_tell_nothing_are_refused(images, complaint):
    with pytest.raises(ValueError, match=complaint):
        measure_unpaired(images, [np.zeros((40, 40))])
