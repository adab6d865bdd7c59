import numpy as np
import pytest

from microgan.metrics.histograms import (
    hellinger_distance, histogram, intensity_distance, mutual_information)


def test_histogram_counts_shares_and_keeps_what_lies_beyond():
    shares = histogram(np.array([-5, 0.5, 1.5, 1.6, 9]), upper=2, num_bins=2)

    np.testing.assert_allclose(shares, [0.4, 0.6])


@pytest.mark.parametrize("shares, others, distance", [
    ([0.5, 0.5], [0.5, 0.5], 0), ([1, 0], [0, 1], 1),
    # sqrt(1 - sum of sqrt(p q)) = sqrt(1 - sqrt(0.5))
    ([1, 0], [0.5, 0.5], np.sqrt(1 - np.sqrt(0.5)))])
def test_hellinger_distance_by_hand(shares, others, distance):
    assert hellinger_distance(np.array(shares), np.array(others)) == pytest.approx(distance)


def test_intensity_distance_ignores_positions(random):
    image = random.uniform(0, 255, (16, 16))

    assert intensity_distance(image, np.rot90(image), data_range=255) == 0
    assert intensity_distance(0 * image, 0 * image + 255, data_range=255) == 1


def test_mutual_information_is_two_for_a_copy_and_one_for_an_unrelated_image(random):
    image = random.integers(0, 16, (128, 128))

    assert mutual_information(image, image, num_bins=16) == pytest.approx(2)
    assert mutual_information(image, 15 - image, num_bins=16) == pytest.approx(2)
    assert mutual_information(image, random.integers(0, 16, (128, 128)), num_bins=16
                              ) == pytest.approx(1, abs=0.01)


def test_mutual_information_of_constant_images_is_a_number(random):
    flat = np.zeros((8, 8))

    assert mutual_information(flat, flat) == 2
    assert mutual_information(flat, random.uniform(size=(8, 8))) == 1
