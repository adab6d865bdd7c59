"""Uneven light is measured where images tell it, and nothing is said where they do not."""

import numpy as np
import pytest
from helpers import ROOT

from microgan.datasets.paired_arrays import PairedImages
from microgan.estimation.illumination import corner_fall
from microgan.estimation.paired import measure_paired
from microgan.estimation.unpaired import measure_unpaired
from microgan.methods.checked_pairs import find_wrong_pairs

WORDS = "Divide all images by a flat field first."


def darkened(images, lost):
    """Lose a share from the middle to the corners."""
    y, x = (np.linspace(-1, 1, length) for length in images.shape[1:])
    return images * (1 - lost * (y[:, np.newaxis] ** 2 + x ** 2) / 2)


def images(name):
    return [np.load(ROOT / "data" / f"{name}_{part}.npy") for part in "XY"]


def test_a_square_law_on_flat_images_is_found_exactly():
    flat = np.full((4, 21, 31), 7.0)

    found = corner_fall(darkened(flat, 0.3), flat)

    assert [found.value, found.low, found.high] == pytest.approx([0.3] * 3)


def test_what_clean_images_lose_themselves_does_not_count():
    flat = np.full((4, 21, 31), 7.0)

    assert corner_fall(darkened(flat, 0.3), darkened(flat, 0.3)) is None
    assert corner_fall(darkened(flat, 0.44), darkened(flat, 0.3)).value == pytest.approx(0.2)


def test_two_images_tell_nothing(random):
    flat = random.gamma(2.0, 5.0, (3, 40, 40))

    assert corner_fall(darkened(flat, 0.4)[:2], flat[:2], are_pairs=True) is None


@pytest.mark.parametrize("name", ["Drosophila", "Retina"])
def test_ten_pairs_tell_a_third(name):
    degraded, clean = (each[:10] for each in images(name))

    found = corner_fall(darkened(degraded, 0.35), clean, are_pairs=True)

    assert found.low < 0.35 < found.high < found.low + 0.2


@pytest.mark.parametrize("name", ["Drosophila", "Retina", "Synthetic_tubulin_tubules"])
def test_even_light_is_not_called_uneven(name):
    degraded, clean = images(name)

    for start in range(0, 60, 10):
        chosen = np.arange(start, start + 10)
        others = np.delete(clean, chosen, axis=0)
        assert corner_fall(degraded[chosen], others) is None
        assert corner_fall(degraded[chosen], clean[chosen], are_pairs=True) is None


def test_reports_say_it_and_training_on_pairs_warns():
    degraded, clean = images("Drosophila")
    dark = np.rint(darkened(degraded[:10], 0.35)).astype(np.uint8)

    assert any(WORDS in note for note in measure_unpaired(dark, clean[10:]).notes)
    assert any(WORDS in note for note in measure_paired(dark, clean[:10]).notes)
    (found,) = find_wrong_pairs(PairedImages("Cells", dark, clean[:10]), can_register=False)
    assert found.kind == "unevenly lit" and "darker in the corners" in found.line()
