"""Cells along depth: length and depth errors, worked by hand."""

import numpy as np
import pytest

from microgan.metrics.blobs import Blobs
from microgan.metrics.cells_in_depth import depth_errors, elongations


def blobs(*centres):
    return Blobs(np.array(centres, float), np.ones(len(centres)))


def gaussian(sigmas, size=33, at=(16, 16, 16)):
    axes = np.ogrid[:size, :size, :size]
    return np.exp(-sum(((axis - place) / sigma) ** 2
                       for axis, place, sigma in zip(axes, at, sigmas)) / 2)


@pytest.mark.parametrize("sign", [1, -1])
def test_elongation_is_the_ratio_of_widths_in_units_of_length(sign):
    cell = sign * gaussian((4, 4, 4))

    (found,) = elongations(cell, blobs((16, 16, 16)), radius=4, spacing=(2, 1, 1))
    (isotropic,) = elongations(cell, blobs((16, 16, 16)), radius=4, spacing=(1, 1, 1))

    assert isotropic == pytest.approx(1, abs=1e-6)
    # smoothing by 0.8 um is less in pixels along depth
    assert found == pytest.approx(2, rel=0.03)


def test_a_line_through_the_stack_is_as_long_as_is_looked():
    line = np.zeros((33, 33, 33))
    line[:, 15:18, 15:18] = 1

    (found,) = elongations(line, blobs((16, 16, 16)), radius=2, spacing=(1, 1, 1))

    # eight voxels to either side over about three
    assert found == pytest.approx(16 / 3, rel=0.1)


def test_a_place_without_contrast_has_no_length():
    assert len(elongations(np.ones((9, 9, 9)), blobs((4, 4, 4)), radius=2,
                           spacing=(1, 1, 1))) == 0


def test_cells_without_match_have_the_greatest_error():
    wanted = blobs((5, 9, 9), (5, 30, 9), (5, 30, 30))
    found = blobs((7, 9, 9), (5, 35, 9), (1, 30, 30))

    errors = depth_errors(wanted, found, lateral_reach=4, most=8, spacing=(1.5, 1, 1))

    np.testing.assert_allclose(errors, [3, 8, 6])
