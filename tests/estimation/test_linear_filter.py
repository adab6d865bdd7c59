"""The linear filter restores what the model degrades, and does no harm where that is little."""

import numpy as np
import pytest
from scipy import ndimage

from microgan.estimation.linear_filter import LinearFilter, clean_spectrum
from microgan.metrics.paired import mean_care_psnr
from microgan.simulation.degradation_model import Degradation, DegradationModel


def _clean(count=5, shape=(80, 96)):
    rng = np.random.default_rng(5)
    return [ndimage.gaussian_filter(rng.gamma(0.2, 200.0, shape), 1.5) for _ in range(count)]


def _psnr_db(degradation, assumed=None):
    """Of degraded and of restored images, and of the best Gaussian filter."""
    clean, rng = _clean(), np.random.default_rng(6)
    degraded = [degradation.apply(rng, image) for image in clean]
    restore = LinearFilter(DegradationModel((assumed or degradation,)),
                           clean_spectrum(clean)).restore
    gaussian = max(mean_care_psnr(clean, [ndimage.gaussian_filter(image, sigma)
                                          for image in degraded]) for sigma in (0, 0.7, 1, 1.5, 2))
    return (mean_care_psnr(clean, degraded),
            mean_care_psnr(clean, [restore(image) for image in degraded]), gaussian)


@pytest.mark.parametrize("settings", [
    {"noise_floor": 300.0}, {"blur_px": (0.5, 2.5), "noise_floor": 9.0},
    {"blur_px": (1.0, 2.0), "noise_gain": 0.3, "step_px": 5.0},
    {"noise_floor": 300.0, "noise_transfer": tuple(np.linspace(1.6, 0.1, 33))},
    {"haze": 0.5, "haze_px": 12.0, "noise_floor": 9.0}])
def test_filter_beats_the_input_and_every_gaussian(settings):
    raw, restored, gaussian = _psnr_db(Degradation(**settings))

    assert restored > max(raw, gaussian) + 0.05


@pytest.mark.parametrize("wrong", [
    {"blur_px": (2.6, 2.6), "noise_floor": 1e-4}, {"blur_px": (0.0, 0.0), "noise_floor": 1e-4},
    {"blur_px": (2.0, 2.0), "noise_floor": 1e-4}])
def test_a_wrong_model_does_no_great_harm(wrong):
    raw, restored, _ = _psnr_db(Degradation(blur_px=(2.0, 2.0), noise_floor=4.0),
                                Degradation(**wrong))

    assert restored > raw - 0.5


def test_grey_levels_are_those_of_clean_images():
    image = _clean(1)[0]
    degradation = Degradation(scale=3.0, offset=50.0, noise_floor=1e-3)

    restored = LinearFilter(DegradationModel((degradation,)), clean_spectrum([image])).restore(
        degradation.apply(np.random.default_rng(0), image))

    np.testing.assert_allclose(restored.mean(), image.mean(), rtol=1e-3)
    np.testing.assert_allclose(restored, image, atol=0.05 * image.max())


@pytest.mark.parametrize("spectrum", [(1.0, 2.0), (-1.0,) * 33, (np.nan,) * 33])
def test_spectra_that_are_none_are_refused(spectrum):
    with pytest.raises(ValueError, match="33 powers"):
        LinearFilter(DegradationModel((Degradation(),)), spectrum)
