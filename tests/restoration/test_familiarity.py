"""Images that a network was pretrained on are told from others."""

import numpy as np
import pytest

from microgan.restoration.familiarity import Familiarity, describe_image
from microgan.restoration.pretrained import FitToImage
from microgan.datasets.normalization import IntensityRange
from microgan.simulation.random_pairs import MARGIN_PX, draw_pair
from microgan.simulation.specimens import draw_specimen


@pytest.fixture(scope="module")
def familiarity():
    return Familiarity.of_embedded()


def test_simulated_images_are_known(familiarity):
    rng = np.random.default_rng(77)
    images = [draw_pair(rng, [draw_specimen(rng, 96 + 2 * MARGIN_PX)], 96)[0] for _ in range(20)]

    assert np.mean([familiarity(image) <= 1 for image in images]) >= 0.9


@pytest.mark.parametrize("image", [
    np.tile(np.sin(0.8 * np.arange(96.0)), (96, 1)),
    np.add.outer(np.linspace(-1, 0, 96), np.linspace(0, 1, 96)),
    np.tile([[-1.0, 1.0], [1.0, -1.0]], (48, 48))], ids=["stripes", "ramp", "chessboard"])
def test_others_are_not(familiarity, image):
    assert familiarity(image) > 1


def test_numbers_that_go_together_in_all_known_images_are_missed_where_they_do_not(monkeypatch):
    rng = np.random.default_rng(4)
    common = rng.normal(size=(500, 1))
    familiarity = Familiarity(common + 0.05 * rng.normal(size=(500, 2)))
    monkeypatch.setattr("microgan.restoration.familiarity.describe_image", np.asarray)

    assert familiarity([1.0, 1.0]) < 1 < familiarity([1.0, 0.0])


def test_white_noise_has_a_flat_spectrum_and_no_direction():
    described = describe_image(np.random.default_rng(1).normal(size=(512, 512)))

    np.testing.assert_allclose(described[:8], 0, atol=0.05)
    np.testing.assert_allclose(described[8:11], 0, atol=0.1)
    np.testing.assert_allclose(described[11:], np.log10(3), atol=0.02)


def test_small_images_are_described():
    assert np.isfinite(describe_image(np.zeros((16, 90)))).all()


def test_share_is_between_the_measured_and_the_restored_image():
    fit = FitToImage(IntensityRange(0.0, 10.0), 0.25)

    np.testing.assert_allclose(fit.undo(np.array([[1.0]]), np.array([[2.0]])), [[4.0]])
