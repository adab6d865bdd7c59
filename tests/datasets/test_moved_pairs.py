import numpy as np
import pytest

from microgan.datasets.moved_pairs import move_pairs
from microgan.datasets.paired_arrays import PairedImages


@pytest.mark.parametrize("shift, size", [((3, 0), (17, 24)), ((-4, 5), (16, 19))])
def test_moved_images_show_the_same_place(random, shift, size):
    whole = random.random((40, 40))
    degraded, clean = whole[10:30, 8:32], whole[10 - shift[0]:30 - shift[0],
                                                8 - shift[1]:32 - shift[1]]
    pairs = PairedImages("Cells", [degraded] * 2, [clean] * 2, ("a.tif", "b.tif"))

    moved = move_pairs(pairs, {1: shift})

    assert moved.degraded[1].shape == size
    np.testing.assert_array_equal(moved.degraded[1], moved.clean[1])
    assert moved.degraded[0] is degraded and moved.file_names == pairs.file_names


def test_arrays_without_a_shift_stay_memory_mapped(random):
    pairs = PairedImages("Cells", *random.random((2, 3, 16, 16)))

    assert move_pairs(pairs, {}) is pairs
