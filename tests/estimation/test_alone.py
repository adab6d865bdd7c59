"""Noise measured on degraded images alone."""

import numpy as np
import pytest
from scipy import ndimage

from microgan.estimation.alone import BLUR_UNKNOWN, SHARED_NOISE, measure_alone, noise_spectrum
from microgan.simulation.degradation_model import CURVE_FREQUENCIES, filter_radially

LOW_PASS = np.where(CURVE_FREQUENCIES < 0.38, 2.0, 0.2)


@pytest.fixture
def clean(random):
    """Blobs on dark background, grey levels from 20 to some hundreds."""
    blobs = ndimage.gaussian_filter((random.random((4, 96, 96)) > 0.99) * 8000.0, (0, 3, 3))
    return list(20 + blobs)


def measure(images):
    return measure_alone([np.clip(np.rint(image), 0, 65_535).astype(np.uint16)
                          for image in images])


def test_gain_and_floor_are_found_beside_blobs(clean, random):
    defect = measure([3.0 * random.poisson(image / 3) + random.normal(100, 6, image.shape)
                      for image in clean])

    for image, example in zip(clean, defect.model.examples, strict=True):
        true = 3 * image + 36
        assert example.noise_variance(image + 100).mean() == pytest.approx(true.mean(), rel=0.25)
    assert defect.estimates["noise_gain"].value == pytest.approx(3, rel=0.3)
    assert defect.notes == (BLUR_UNKNOWN,)
    assert not defect.model.examples[0].noise_transfer


def test_noise_that_neighbours_share_is_told_from_blobs(clean, random):
    defect = measure([100 + image + 15 * filter_radially(
        random.standard_normal(image.shape), LOW_PASS) for image in clean])

    found = np.array(defect.model.examples[0].noise_transfer)
    assert SHARED_NOISE in defect.notes
    assert found[CURVE_FREQUENCIES > 0.45].mean() < found[CURVE_FREQUENCIES < 0.3].mean() / 3


def test_spectrum_of_white_noise_is_flat_although_quiet_tiles_are_chosen(random):
    curve = noise_spectrum(list(random.normal(0, 7, (4, 128, 128))), random)

    np.testing.assert_allclose(curve[CURVE_FREQUENCIES > 0.06], 1, atol=0.2)


def test_columns_that_were_not_measured_are_found(clean, random):
    images = [100 + ndimage.zoom(image[:, ::4] + random.normal(0, 5, image[:, ::4].shape),
                                 (1, 4), order=1, grid_mode=False) for image in clean]

    assert measure(images).estimates["step_px"].value == pytest.approx(4, abs=0.3)


def test_stretched_images_are_not_stretched_again(clean, random):
    images = []
    for image in clean:
        noisy = image + random.normal(0, 10, image.shape)
        images.append(np.rint(255 * (noisy - noisy.min()) / np.ptp(noisy)).astype(np.uint8))

    example = measure_alone(images).model.examples[0]

    assert not example.is_stretched
    assert example.limits == (0, 255)


def test_no_images_are_refused():
    with pytest.raises(ValueError, match="at least one image"):
        measure_alone([])
