"""Known degradations are measured on pairs, sampled or not."""

import numpy as np
import pytest
from scipy import ndimage

from microgan.estimation.paired import measure_paired
from microgan.simulation.degradation_model import Degradation


def _pairs(count=6, **settings):
    rng = np.random.default_rng(4)
    clean = [ndimage.gaussian_filter(rng.gamma(0.2, 200.0, (96, 112)), 1.2)
             for _ in range(count)]
    degradation = Degradation(limits=(0.0, 65535.0), is_whole=True, **settings)
    return [degradation.apply(rng, image).astype(np.uint16) for image in clean], clean


def _values(degraded, clean):
    return {name: each.value for name, each in measure_paired(degraded, clean).estimates.items()}


@pytest.mark.parametrize("step_px, axis", [(1.0, 1), (5.0, 1), (3.3, 0)])
def test_known_degradation_is_measured(step_px, axis):
    found = _values(*_pairs(blur_px=(1.0, 2.5), noise_gain=2.0, scale=3.0, offset=40.0,
                            step_px=step_px, step_axis=axis, noise_floor=-80.0))

    np.testing.assert_allclose(found["blur_y_px"], 1.0, rtol=0.1)
    np.testing.assert_allclose(found["blur_x_px"], 2.5, rtol=0.1)
    np.testing.assert_allclose(found["scale"], 3.0, rtol=0.1)
    np.testing.assert_allclose(found["noise_gain"], 2.0, rtol=0.15)
    assert found.get("step_px", 1.0) == step_px


def test_blur_that_differs_from_pair_to_pair_is_measured():
    blurs_px = np.array([1.0, 2.5, 1.5, 3.0, 2.0])
    alike, clean = _pairs(5, blur_px=(2.0, 2.0), noise_gain=2.0)
    rng = np.random.default_rng(0)
    degraded = [Degradation(blur_px=(blur, blur), noise_gain=2.0).apply(rng, image)
                for blur, image in zip(blurs_px, clean)]

    found = measure_paired(degraded, clean)

    measured_px = np.array([example.blur_px[1] for example in found.model.examples])
    np.testing.assert_allclose(measured_px, blurs_px, atol=0.3)
    assert any("Blur differs" in note for note in found.notes)
    assert not any("Blur differs" in note for note in measure_paired(alike, clean).notes)


def test_haze_is_told_from_blur():
    found = _values(*_pairs(blur_px=(1.5, 1.5), noise_floor=4.0, haze=0.4, haze_px=15.0))

    np.testing.assert_allclose(found["haze"], 0.4, atol=0.1)
    np.testing.assert_allclose(found["blur_x_px"], 1.5, rtol=0.1)


def test_spectrum_of_the_noise_is_measured():
    curve = tuple(np.linspace(1.6, 0.2, 33))
    degraded, clean = _pairs(blur_px=(1.0, 1.0), noise_floor=100.0, noise_transfer=curve)

    found = np.array(measure_paired(degraded, clean).model.examples[0].noise_transfer)

    # Beyond what the sample covers; the low frequencies repeat the nearest.
    np.testing.assert_allclose(found[12:] / found[12], np.array(curve[12:]) / curve[12], atol=0.15)


def test_pairs_of_unequal_shape_are_refused():
    with pytest.raises(ValueError, match="clean image's shape"):
        measure_paired([np.zeros((40, 40))], [np.zeros((40, 50))])
