"""Missing pixels: filled from around for the network, the same in the result."""

import functools

import numpy as np
import pytest

from microgan.errors import UserError
from microgan.restoration.kept_pixels import check_pixels, keep_missing, read_filled


def test_every_pixel_that_is_not_finite_is_counted(monkeypatch):
    monkeypatch.setattr("microgan.restoration.kept_pixels.PART_PIXELS", 130)
    image = np.zeros((20, 30), np.float32)
    image[0, 0], image[19, 29], image[10, 3] = np.nan, np.inf, -np.inf

    with pytest.raises(UserError, match="3 pixels are NaN or infinite. Keep .* --nodata=nan"):
        check_pixels(image, None)
    with pytest.raises(UserError, match="2 pixels are infinite, beside those of --nodata=nan. "
                       "Only .*: fix the others first"):
        check_pixels(image, np.nan)


def test_missing_pixels_are_counted_and_must_not_be_all():
    image = np.zeros((20, 30), np.uint8)
    image[:, 7:] = 3

    assert check_pixels(image, 0) == 140
    assert check_pixels(image, 9) == 0
    with pytest.raises(UserError, match="All pixels are 0"):
        check_pixels(np.zeros_like(image), 0)


@pytest.mark.parametrize("nodata", [np.nan, -3.4e38, -9999.0])
def test_a_constant_image_is_filled_by_its_constant(nodata):
    image = np.full((50, 40), 7.0, np.float32)
    image[:30, 5:] = nodata

    filled = read_filled(lambda where: image[where], (slice(0, 50), slice(0, 40)), image.shape,
                         nodata, 7.0)

    np.testing.assert_allclose(filled, 7)


def test_filling_is_the_mean_around_and_the_level_far_away():
    image = np.full((20, 100), np.nan)
    image[:, :10] = 3.0
    image[::2, :10] = 5.0

    filled = read_filled(lambda where: image[where], (slice(0, 20), slice(0, 100)), image.shape,
                         np.nan, 9.0)

    np.testing.assert_array_equal(filled[:, :10], image[:, :10])
    np.testing.assert_allclose(filled[:, 10], 4, atol=0.15)
    np.testing.assert_allclose(filled[:, 30:], 9)


@pytest.mark.parametrize("shape", [(70, 60), (8, 70, 60)])
def test_parts_are_filled_as_the_whole_is(random, shape):
    image = random.normal(100, 20, shape)
    image[random.random(shape) < 0.4] = np.nan
    image[..., 20:45, 10:50] = np.nan
    read = functools.partial(read_filled, lambda where: image[where], shape=shape,
                             nodata=np.nan, level=100.0)
    whole = read(where=tuple(slice(0, length) for length in shape))

    for start in (0, 15, 30):
        part = (*[slice(0, length) for length in shape[:-2]], slice(start, start + 24),
                slice(17, 60))
        np.testing.assert_allclose(read(where=part), whole[part], rtol=1e-12)


@pytest.mark.parametrize("nodata, expected", [(0, [0, 1, 2]), (255, [0, 0, 254])])
def test_restored_pixels_do_not_become_missing_ones(nodata, expected):
    measured = np.array([nodata, 7, 7], np.uint8)
    result = {0: np.array([9, 0, 2], np.uint8), 255: np.array([9, 0, 255], np.uint8)}[nodata]

    keep_missing(result, measured, nodata)

    assert result.tolist() == [nodata, *expected[1:]]
