import numpy as np
import pytest

from helpers import make_pairs
from microgan.datasets.matching import look_unmatched
from microgan.datasets.paired_arrays import PairedImages


@pytest.mark.parametrize("num_pairs", [2, 10])
def test_pairs_are_told_from_images_that_do_not_match(random, num_pairs):
    degraded, clean = make_pairs(num_pairs, random, size=64)

    assert not look_unmatched(PairedImages("Blobs", degraded, clean))
    assert look_unmatched(PairedImages("Blobs", degraded, np.roll(clean, 1, axis=0)))


def test_pairs_of_several_sizes_and_flat_blocks_are_compared(random):
    images = [random.normal(size=size) for size in ((16, 40), (33, 20))]
    chessboard = np.indices((64, 64)).sum(axis=0) % 2

    assert not look_unmatched(PairedImages("Noise", images, images))
    assert not look_unmatched(PairedImages("Flat", [chessboard] * 2, [chessboard] * 2))
