"""Blocks cover an image once, and each is large enough for its neighbours."""

from types import SimpleNamespace

import numpy as np
import pytest

from microgan.restoration.blocks import block_lengths, plane_blocks


def network(tile, margin, multiple):
    return SimpleNamespace(tile=tile, margin=(margin, margin), multiple=(multiple, multiple))


@pytest.mark.parametrize("tile, margin, multiple", [
    (None, 0, 1), (32, 0, 1), (32, 11, 4), (16, 100, 8), (30, 3, 16)])
@pytest.mark.parametrize("shape", [(16, 5000), (33, 257), (1025, 64)])
def test_blocks_begin_at_strides_and_are_no_smaller_than_the_margin(shape, tile, margin, multiple):
    for length, along in zip(shape, block_lengths(network(tile, margin, multiple), shape)):
        assert sum(along) == length
        assert len(along) == 1 or min(along) >= max(margin, 16)
        assert max(along) <= 2 * max(tile or 1024, margin + multiple, 16 + multiple)
        assert all(each % multiple == 0 for each in along[:-1])


def test_blocks_cover_a_plane_once_with_their_margins_within_it():
    covered = np.zeros((70, 101), int)

    for tile in plane_blocks(network(32, 11, 4), covered.shape):
        covered[tile.core] += 1
        for core, outer, length in zip(tile.core, tile.outer, covered.shape):
            assert outer == slice(max(0, core.start - 12), min(length, core.stop + 12))

    assert (covered == 1).all()
