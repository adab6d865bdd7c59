"""Planes are found in any axes order; large images are looked through in little memory."""

import itertools

import numpy as np
import pytest

from microgan.errors import UserError
from microgan.restoration.planes import Planes, percentiles


@pytest.mark.parametrize("plane_axes", ["YX", "ZYX"])
@pytest.mark.parametrize("axes", ["".join(order) for order in itertools.permutations("CZYX")])
def test_planes_are_read_and_written_in_any_axes_order(axes, plane_axes):
    sizes = {"C": 2, "Z": 3, "Y": 4, "X": 5}
    image = np.arange(120).reshape([sizes[axis] for axis in axes])
    target = np.zeros_like(image)
    planes = Planes(image.shape, axes, plane_axes)
    where = tuple(slice(1, length) for length in planes.shape)

    for place in planes.places:
        planes.write(target, place, where, planes.read(image, place, where))

    assert planes.shape == tuple(sizes[axis] for axis in plane_axes)
    inside = tuple(slice(1 if axis in plane_axes else 0, None) for axis in axes)
    np.testing.assert_array_equal(target[inside], image[inside])
    assert np.count_nonzero(target) == np.count_nonzero(image[inside])
    first = planes.read(image, planes.places[0], planes.everything)
    outer = tuple(0 if axis not in plane_axes else slice(None) for axis in axes)
    kept = [axis for axis in axes if axis in plane_axes]
    np.testing.assert_array_equal(
        first, np.transpose(image[outer], [kept.index(axis) for axis in plane_axes]))


def test_volumes_need_a_z_axis():
    with pytest.raises(UserError, match="axes CYX has no Z"):
        Planes((2, 20, 20), "CYX", "ZYX")
    with pytest.raises(UserError, match="axes ZZYX name one of ZYX twice"):
        Planes((4, 4, 20, 20), "ZZYX", "ZYX")


def test_percentiles_are_those_of_all_pixels(random, monkeypatch):
    image = random.normal(size=(7, 40, 50))
    monkeypatch.setattr("microgan.restoration.planes.PART_PIXELS", 130)

    assert percentiles(image) == pytest.approx(np.percentile(image, (0.1, 99.9)))


def test_missing_pixels_count_in_no_percentile(random, monkeypatch):
    image = random.normal(size=(7, 40, 50))
    measured = image[:, 5:].ravel().copy()
    monkeypatch.setattr("microgan.restoration.planes.PART_PIXELS", 130)

    for nodata in (np.nan, -9999.0):
        image[:, :5] = nodata
        assert percentiles(image, nodata, (0.1, 50)) == pytest.approx(
            np.percentile(measured, (0.1, 50)))


def test_percentiles_of_large_images_come_from_evenly_spaced_pixels(random, monkeypatch):
    image = random.integers(0, 1000, (7, 40, 50))
    monkeypatch.setattr("microgan.restoration.planes.PART_PIXELS", 130)
    monkeypatch.setattr("microgan.restoration.planes._SAMPLED_PIXELS", 5000)

    assert percentiles(image) == pytest.approx(
        np.percentile(image.ravel()[::3], (0.1, 99.9)))
