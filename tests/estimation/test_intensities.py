"""Grey levels tell where they were cut off, and nothing where they were not."""

import numpy as np
import pytest
from helpers import ROOT

from microgan.estimation.intensities import find_intensities, is_cut_off


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_a_camera_of_12_bits_saturates_below_the_limit_of_its_type(random, kind):
    images = [np.minimum(random.gamma(2.0, 700.0, (64, 64)), 4095).astype(kind) for _ in range(6)]
    images[0] = np.minimum(images[0], kind(3000))  # one that is dim

    found = find_intensities(images)

    assert found.limits is not None and found.limits[1] == 4095
    assert not found.is_stretched


@pytest.mark.parametrize("mean", [0.3, 2.0, 30.0, 900.0])
def test_counted_photons_do_not_look_cut_off(random, mean):
    for _ in range(20):
        assert not is_cut_off(list(random.poisson(mean, (10, 32, 32)).astype(np.uint16)))


def test_one_bright_image_is_not_enough():
    bright, dim = np.full((8, 8), 900, np.uint16), np.arange(64, dtype=np.uint16).reshape(8, 8)

    assert not is_cut_off([bright, dim, dim])


@pytest.mark.parametrize("name", ["Drosophila", "Retina", "Synthetic_tubulin_tubules"])
def test_limits_of_real_sets_are_those_of_their_type(name):
    images = np.load(ROOT / "data" / f"{name}_X.npy")

    assert {find_intensities(list(images[start:start + 10])).limits
            for start in range(0, 60, 10)} == {(0.0, 255.0)}
