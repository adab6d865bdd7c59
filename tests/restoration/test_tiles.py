"""Tiles cover the image once, see enough around, and begin where strides fall alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgan.restoration.tiles import parts, tile_grid


@settings(max_examples=60, deadline=None)
@given(shape=st.lists(st.integers(1, 70), min_size=2, max_size=3), side=st.integers(1, 80),
       margin=st.integers(0, 12), multiple=st.sampled_from([1, 4, 8]))
def test_cores_cover_every_pixel_once_and_see_the_margin(shape, side, margin, multiple):
    tiles = tile_grid(shape, side, [margin] * len(shape), [multiple] * len(shape))

    count = np.zeros(shape, int)
    for tile in tiles:
        count[tile.core] += 1
        for core, outer, inner, length in zip(tile.core, tile.outer, tile.inner, shape):
            assert outer.start % multiple == 0
            assert outer.start <= max(core.start - margin, 0)
            assert outer.stop >= min(core.stop + margin, length)
            assert core.stop - core.start <= -(-side // multiple) * multiple
            assert (inner.start, inner.stop) == (core.start - outer.start,
                                                 core.stop - outer.start)
    assert (count == 1).all()


def test_tiles_are_of_about_equal_size():
    tiles = tile_grid([1025], 1024, [3], [8])

    assert [tile.core for tile in tiles] == [(slice(0, 520),), (slice(520, 1025),)]
    assert [tile.outer for tile in tiles] == [(slice(0, 528),), (slice(512, 1025),)]


@pytest.mark.parametrize("max_pixels", [1, 7, 30, 31, 200, 10**6])
def test_parts_go_through_all_pixels_in_order(max_pixels):
    image = np.arange(4 * 5 * 30).reshape(4, 5, 30)

    pieces = [image[where].ravel() for where in parts(image.shape, max_pixels)]

    np.testing.assert_array_equal(np.concatenate(pieces), image.ravel())
    assert max(map(len, pieces)) <= max_pixels
