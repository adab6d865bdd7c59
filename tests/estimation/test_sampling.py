"""Interpolated columns and rows are found, and images that were measured everywhere are not."""

import numpy as np
import pytest
from scipy import ndimage

from microgan.estimation.sampling import find_interpolation
from microgan.simulation.degradation_model import Degradation


def _samples(count=6):
    rng = np.random.default_rng(1)
    return [ndimage.gaussian_filter(rng.gamma(0.3, 100.0, (96, 112)), 1.5) for _ in range(count)]


def _degraded(**settings):
    rng = np.random.default_rng(2)
    degradation = Degradation(limits=(0.0, 255.0), is_whole=True, **settings)
    return [degradation.apply(rng, image) for image in _samples()]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("step_px", [2.0, 3.3, 5.0, 10.2])
def test_step_is_found_exactly(step_px, axis):
    found = find_interpolation(_degraded(step_px=step_px, step_axis=axis, noise_gain=3.0))

    assert (found.axis, found.step_px) == (axis, step_px)
    assert found.low_px <= step_px <= found.high_px


def test_measured_columns_are_those_that_were_measured():
    images = [image.astype(float) for image in _degraded(step_px=5.0, noise_gain=3.0)]
    found = find_interpolation(images)

    for image, columns in zip(images, found.measured):
        between = np.stack([np.interp(np.arange(columns[0], columns[-1]), columns, row[columns])
                            for row in image])
        np.testing.assert_allclose(image[:, columns[0]:columns[-1]], between, atol=0.51)


@pytest.mark.parametrize("settings", [
    {}, {"noise_gain": 3.0}, {"blur_px": (3.0, 3.0)}, {"blur_px": (0.0, 4.0), "noise_gain": 0.1}])
def test_images_measured_everywhere_are_not_interpolated(settings):
    assert find_interpolation(_degraded(**settings)) is None
