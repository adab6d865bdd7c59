import numpy as np
import pytest
from scipy import ndimage

from microgan.datasets.distorted_pairs import Stretch, stretched
from microgan.datasets.fine_places import Place, SharedDetail, find_place, usual_place


@pytest.fixture(scope="module")
def pairs():
    """Clean images of blobs, and the same blurred and noisy."""
    random = np.random.default_rng(4)
    clean = 50 + 300 * ndimage.gaussian_filter(random.normal(size=(6, 140, 140)), (0, 2, 2))
    degraded = ndimage.gaussian_filter(clean, (0, 1.5, 1.5))
    return degraded + random.normal(0, 8, clean.shape), clean


@pytest.fixture(scope="module")
def detail(pairs):
    return SharedDetail(zip(*pairs))


@pytest.mark.parametrize("shift, stretch", [
    ((0, 0), (0, 0)), ((1, 0), (0, 0)), ((0.5, -2.5), (0, 0)), ((0, 0), (0.03, -0.02)),
    ((-1, 1), (-0.05, 0))])
def test_shift_and_stretch_are_measured_within_their_errors(pairs, detail, shift, stretch):
    degraded, clean = pairs
    moved = ndimage.shift(stretched(clean[0], Stretch(*np.add(1, stretch))), shift, order=3)

    place = find_place(degraded[0][6:-6, 6:-6], moved[6:-6, 6:-6], detail)

    assert (place.errors[:2] < 0.2).all() and (place.errors[2:] < 0.005).all()
    assert (np.abs(place.values[:4] - [*shift, *stretch]) < 4 * place.errors[:4]).all()
    weights = place.errors[2:4] ** -2
    assert place.values[4] == pytest.approx(np.average(place.values[2:4], weights=weights))


def test_large_images_are_matched_from_their_middle_outwards(random):
    clean = ndimage.gaussian_filter(random.normal(size=(300, 300)), 1.5)
    degraded = stretched(clean, Stretch(1.06, 1.06))

    place = find_place(degraded, clean, SharedDetail([(clean, clean)]))

    np.testing.assert_allclose(place.values[2:], 1 / 1.06 - 1, atol=0.002)


def test_images_with_nothing_in_common_have_no_place(pairs, detail, random):
    noise = random.normal(size=(2, 140, 140))

    assert find_place(*noise, SharedDetail([noise])) is None
    assert find_place(noise[0], pairs[1][0], detail) is None


def place(values, error=0.05):
    return Place(np.array(values, float), np.full(5, error) * [1, 1, 0.03, 0.03, 0.02])


def test_right_pairs_spread_by_what_errors_do_not_explain(random):
    shifts = random.normal(0.2, 0.3, (200, 1))
    usual = usual_place([place([*shift, 0, 0, 0, 0]) for shift in shifts])

    np.testing.assert_allclose(usual.values, [0.2, 0, 0, 0, 0], atol=0.06)
    np.testing.assert_allclose(usual.spread, [0.3, 0, 0, 0, 0], atol=0.06)
    assert usual.beyond(place([2, 0.5, 0.01, 0, 0.03])).tolist() == [
        True, False, False, False, True]
    assert not usual.beyond(place([1.2, 0, 0, 0, 0])).any()


def test_shift_common_to_all_pairs_is_no_usual_place():
    usual = usual_place([place([1.0, 0.3, 0, 0, 0])] * 12)

    assert usual.values.tolist() == [0, 0.3, 0, 0, 0]


def test_few_pairs_are_assumed_to_spread():
    usual = usual_place([place([1.2, 0, 0, 0, 0])] * 3)

    assert not usual.beyond(place([1.2, 0, 0, 0, 0])).any()
    assert usual.beyond(place([2, 0, 0, 0, 0]))[0]
