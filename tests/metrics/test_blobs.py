import tracemalloc

import numpy as np
import pytest
from scipy import ndimage, optimize
from scipy.spatial.distance import cdist

from microgan.metrics.blobs import (
    Blobs, find_blobs, is_dark_on_bright, match_blobs, median_half_depth)

CENTRES = np.array([[8, 10, 12], [20, 30, 15], [14, 20, 38], [8, 40, 40]], float)
CUBES = (1.0, 1.0, 1.0)


def balls(centres, *, radius=5.0, spacing=CUBES, shape=(29, 52, 52), ground=200.0, inside=50.0):
    """Balls with soft borders on an even background."""
    voxels = np.moveaxis(np.indices(shape), 0, -1)[..., np.newaxis, :]
    distance = np.linalg.norm((voxels - centres) * spacing, axis=-1).min(axis=-1)
    return ground + (inside - ground) / (1 + np.exp(2 * (distance - radius)))


def find(stack, dark=True, spacing=CUBES, min_strength=30.0):
    return find_blobs(stack, radius=5.0, spacing=spacing, min_strength=min_strength, dark=dark)


def as_set(centres):
    return {tuple(np.rint(centre).astype(int)) for centre in centres}


def test_balls_are_found_where_they_are():
    blobs = find(balls(CENTRES))

    assert as_set(blobs.centres) == as_set(CENTRES)
    np.testing.assert_allclose(blobs.strengths, 0.9 * 150, rtol=0.1)


def test_fluorescent_balls_are_found_as_bright():
    stack = balls(CENTRES, ground=10.0, inside=160.0)

    assert not is_dark_on_bright(stack)
    assert as_set(find(stack, dark=False).centres) == as_set(CENTRES)
    assert not len(find(stack, dark=True).stronger_than(100))


def test_bright_field_is_told_by_its_dark_tail():
    assert is_dark_on_bright(balls(CENTRES))


def test_flat_voxels_change_no_answer():
    spacing = (2.0, 1.0, 1.0)
    centres = CENTRES / [2, 1, 1]

    blobs = find(balls(centres, spacing=spacing, shape=(15, 52, 52)), spacing=spacing)

    assert as_set(blobs.centres) == as_set(centres)


def test_nothing_is_found_in_noise(random):
    assert not len(find(200 + random.normal(0, 10, (29, 52, 52))))


def test_a_missing_and_an_invented_ball_show_in_recall_and_precision():
    reference, found = find(balls(CENTRES)), find(balls(
        np.vstack([CENTRES[:3] + [0, 2, 0], [[22, 10, 40]]])))

    recall = match_blobs(reference, found, reach=(4, 4, 4), spacing=CUBES)
    precision = match_blobs(found, reference, reach=(4, 4, 4), spacing=CUBES)

    assert recall.share == precision.share == 3 / 4
    np.testing.assert_array_equal(recall.offsets, [[0, 2, 0]] * 3)


def test_inverted_contrast_loses_every_ball():
    reference = find(balls(CENTRES)).stronger_than(60)

    inverted = find(250 - balls(CENTRES), min_strength=60.0)

    assert match_blobs(reference, inverted, reach=(4, 4, 4), spacing=CUBES).share == 0


def test_pairs_are_one_to_one_and_as_many_as_possible():
    reference = Blobs(np.array([[0, 0, 0], [0, 0, 3]], float), np.ones(2))
    # Greedy pairing would give the one at 2 to the second and leave the first unpaired.
    found = Blobs(np.array([[0, 0, 2], [0, 0, 6]], float), np.ones(2))

    match = match_blobs(reference, found, reach=(3, 3, 3), spacing=CUBES)

    assert match.share == 1
    np.testing.assert_array_equal(match.offsets, [[0, 0, 2], [0, 0, 3]])


@pytest.mark.parametrize("reach", [(0.2, 0.2, 0.2), (1.0, 1.0, 1.0), (4.0, 2.0, 3.0)])
def test_groups_are_assigned_as_all_would_be_together(random, reach):
    one, other = (Blobs(random.uniform(0, 12, (number, 3)), np.ones(number))
                  for number in (90, 70))
    distances = cdist(one.centres / reach, other.centres / reach)
    rows, columns = optimize.linear_sum_assignment(np.where(distances <= 1, distances, 1e6))
    near = distances[rows, columns] <= 1

    match = match_blobs(one, other, reach=reach, spacing=CUBES)

    assert np.count_nonzero(match.is_found) == np.count_nonzero(near)
    np.testing.assert_allclose(np.linalg.norm(match.offsets / reach, axis=1).sum(),
                               distances[rows, columns][near].sum())


def test_thousands_of_blobs_take_little_memory(random):
    centres = random.uniform(0, 1000, (4000, 3))
    tracemalloc.start()
    match = match_blobs(Blobs(centres, np.ones(4000)), Blobs(centres + 0.5, np.ones(4000)),
                        reach=(3, 3, 3), spacing=CUBES)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert match.is_found.all()
    assert peak < 20e6  # all distances: 128e6


def test_distances_are_in_the_unit_of_the_spacing():
    one, other = (Blobs(np.array([[z, 0.0, 0.0]]), np.ones(1)) for z in (0.0, 2.0))

    assert match_blobs(one, other, reach=(3, 3, 3), spacing=(2, 1, 1)).share == 0
    np.testing.assert_array_equal(
        match_blobs(one, other, reach=(4, 3, 3), spacing=(2, 1, 1)).offsets, [[4, 0, 0]])


def test_a_pair_lies_within_the_ellipsoid():
    one = Blobs(np.zeros((1, 3)), np.ones(1))
    inside, outside = (Blobs(np.array([offset]), np.ones(1))
                       for offset in ([5.0, 0.0, 2.0], [5.0, 0.0, 3.0]))  # 25/64 + 4/9, + 1

    assert match_blobs(one, inside, reach=(8, 3, 3), spacing=CUBES).share == 1
    assert match_blobs(one, outside, reach=(8, 3, 3), spacing=CUBES).share == 0


def test_half_depth_is_that_of_what_is_seen():
    stack = np.full((29, 40, 40), 200.0)
    y, x = np.mgrid[-20:20, -20:20]
    stack[8:19, np.hypot(y, x) <= 5] = 50  # eleven equal slices
    column = Blobs(np.array([[10.0, 20, 20]]), np.ones(1))

    def half_depth(spacing):
        return median_half_depth(stack, column, radius=5.0, spacing=spacing, dark=True)

    assert half_depth(CUBES) == 5.5
    assert half_depth((2, 1, 1)) == 11


def test_no_reference_has_no_share():
    none = Blobs(np.zeros((0, 3)), np.zeros(0))

    assert np.isnan(match_blobs(none, none, reach=(3, 3, 3), spacing=CUBES).share)


def test_blobs_are_chosen_by_depth_and_strength():
    blobs = Blobs(CENTRES, np.array([1.0, 2, 3, 4]))

    assert as_set(blobs.within(8, 20).centres) == as_set(CENTRES[[0, 2, 3]])
    assert len(blobs.stronger_than(3)) == 2


def test_blurred_balls_are_still_found():
    blurred = ndimage.gaussian_filter(balls(CENTRES), (2, 1, 1))

    assert as_set(find(blurred).centres) == as_set(CENTRES)
