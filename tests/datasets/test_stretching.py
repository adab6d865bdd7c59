"""Images stretched one by one are recognised, saturated and dim ones are not."""

import numpy as np
import pytest

from helpers import ROOT
from microgan.datasets.stretching import are_stretched


def images(*brightest, dtype=np.uint8):
    return [np.array([[0, top], [1, 0]], dtype) for top in brightest]


@pytest.mark.parametrize("degraded, clean, expected", [
    ((255, 255, 255, 200), (255, 200, 90, 80), True),
    ((255, 255, 90, 80), (255, 255, 255, 255), False),
    ((255, 255, 255, 255), (254, 200, 90, 80), False)])
def test_most_degraded_and_some_clean_images_reach_the_top(degraded, clean, expected):
    assert are_stretched(images(*degraded), images(*clean)) is expected


@pytest.mark.parametrize("name", ["Drosophila", "Retina", "Synthetic_tubulin_tubules"])
def test_sets_on_one_scale_are_not_taken_for_stretched_ones(name):
    pairs = [list(np.load(ROOT / "data" / f"{name}_{kind}.npy")) for kind in "XY"]
    stretched = [[np.rint((image - image.min()) * (255.0 / np.ptp(image))).astype(np.uint8)
                  for image in images] for images in pairs]

    assert not are_stretched(*pairs)
    assert are_stretched(*stretched)
    assert not are_stretched(stretched[0], pairs[1])


def test_floats_reach_1_and_never_more():
    ones = images(1.0, 1.0, dtype=np.float32)

    assert are_stretched(ones, ones)
    assert not are_stretched(images(1.0, 1.0, 3.0, dtype=np.float32), ones)


def test_nothing_is_known_without_images():
    assert not are_stretched([], images(255))
