import math

import numpy as np
import pytest
from scipy import ndimage

from microgan.metrics.defects import (
    direction_distance, histogram_distance, noise_against_mean, noise_bins, noise_distance,
    radial_spectrum, spectrum_distance)

DISTANCES = (spectrum_distance, histogram_distance, noise_distance, direction_distance)


@pytest.fixture
def smooth(random):
    """Images without noise, 0 to 1, (20, 64, 64)."""
    images = ndimage.gaussian_filter(random.normal(size=(20, 64, 64)), (0, 4, 4))
    return (images - images.min()) / np.ptp(images)


@pytest.mark.parametrize("distance", DISTANCES)
def test_images_have_no_distance_from_themselves(distance, smooth):
    assert distance(smooth, smooth) == 0


def test_white_noise_has_its_variance_at_every_frequency(random):
    noise = random.normal(0, 0.1, (50, 64, 64))

    np.testing.assert_allclose(radial_spectrum(noise, 64)[2:], np.log10(0.01), atol=0.06)


def test_noise_variance_is_found_at_every_intensity(smooth, random):
    noisy = smooth + random.normal(0, 0.1, smooth.shape)

    found = noise_against_mean(noisy, noise_bins(noisy))

    assert len(found) == 10
    np.testing.assert_allclose(found, np.log10(0.01), atol=0.05)


def test_shot_noise_grows_with_intensity(smooth, random):
    counts = random.poisson(100 * smooth) / 100
    edges = np.array([0.15, 0.25, 0.55, 0.65])

    found = noise_against_mean(counts, edges)

    # The variance of Poisson(100 x) / 100 is x / 100; the local mean is itself a little noisy.
    np.testing.assert_allclose(found[[0, 2]], np.log10([0.002, 0.006]), atol=0.1)


def test_ten_times_the_noise_variance_is_one_decade(smooth, random):
    weak, strong = (smooth + random.normal(0, sigma, smooth.shape)
                    for sigma in (0.03, 0.03 * math.sqrt(10)))

    assert noise_distance(strong, weak) == pytest.approx(1, abs=0.05)


def test_intensities_without_common_range_have_no_noise_distance(smooth):
    assert math.isnan(noise_distance(smooth + 5, smooth))


def test_half_the_contrast_is_a_quarter_of_the_power(random):
    noise = random.normal(size=(5, 32, 32))

    assert spectrum_distance(noise / 2, noise) == pytest.approx(np.log10(4), abs=1e-4)


def test_offset_shows_in_the_histogram_alone(smooth):
    assert histogram_distance(smooth + 0.25, smooth) == pytest.approx(0.25)
    assert spectrum_distance(smooth + 0.25, smooth) == pytest.approx(0, abs=1e-9)


def test_blur_along_x_shows_in_direction_and_blur_along_both_does_not(random):
    images = random.normal(size=(20, 64, 64))
    axial = ndimage.gaussian_filter1d(images, 1, axis=2)
    both = ndimage.gaussian_filter(images, (0, 1, 1))

    assert direction_distance(axial, images) > 1
    assert direction_distance(both, images) < 0.25
    assert spectrum_distance(both, images) > 1


def test_numbers_and_sizes_may_differ(random):
    images, others = random.normal(size=(5, 64, 48)), random.normal(size=(7, 33, 70))

    assert spectrum_distance(images, others) < 0.3
