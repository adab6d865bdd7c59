"""Test stacks of unseen kinds: sharp in focus, repeatable, with voxels of known size."""

import numpy as np
import pytest

from benchmarks.unseen_stacks import KINDS, TEST_MICROSCOPES, simulate
from microgan.metrics.paired import align_care, psnr
from microgan.simulation.random_stacks import are_alike


@pytest.fixture(scope="module", params=KINDS)
def simulated(request):
    return KINDS[request.param], simulate(np.random.default_rng(1), KINDS[request.param], 48)


def test_the_focal_plane_is_nearest_to_the_sharp_volume(simulated):
    kind, (blurred, sharp) = simulated
    slices = [kind.tissue[0], round(kind.microscope.focal_plane), kind.tissue[1] - 1]

    aligned = [align_care(sharp[index], blurred[index]) for index in slices]
    first, focus, last = (psnr(each.clean, each.restored, data_range=each.data_range)
                          for each in aligned)

    assert focus > max(first, last) + 3


def test_outside_the_sample_the_sharp_volume_is_empty(simulated):
    kind, (_, sharp) = simulated
    first, end = kind.tissue

    assert [np.ptp(plane) > 0 for plane in sharp] == [
        first <= index < end for index in range(len(sharp))]


def test_no_two_test_microscopes_are_alike():
    assert not any(are_alike(one, other) for one in TEST_MICROSCOPES
                   for other in TEST_MICROSCOPES if one is not other)
