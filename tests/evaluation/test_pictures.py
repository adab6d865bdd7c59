"""Pictures of a comparison are whole pixels on one scale."""

import imagecodecs
import numpy as np

from microgan.datasets.error_bounds import ErrorBounds
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.evaluation.pictures import compare, to_png

RANGES = TaskNormalization(degraded=IntensityRange(100, 300), clean=IntensityRange(0, 50))


def pixels(png):
    return imagecodecs.png_decode(png)


def test_a_pixel_of_an_image_is_a_pixel_of_the_picture():
    image = np.array([[-1, 0, 1], [2, 3, 9]])

    np.testing.assert_array_equal(pixels(to_png(image, 0, 3)), [[0, 0, 85], [170, 255, 255]])


def test_equal_images_in_other_units_look_equal_and_have_no_error(random):
    clean = random.uniform(0, 50, (40, 50))

    pictures = compare("A", 100 + 4 * clean, clean, clean, RANGES).pictures

    assert list(pictures) == ["degraded", "restored", "clean", "error"]
    assert pictures["degraded"] == pictures["restored"] == pictures["clean"]
    assert not pixels(pictures["error"]).any()


def test_an_error_of_half_the_scale_is_white(random):
    clean = random.permutation(np.repeat([0.0, 50.0], 800)).reshape(40, 40)

    pictures = compare("A", clean, clean + 25, clean, RANGES).pictures

    assert (pixels(pictures["error"]) == 255).all()


def test_a_spread_of_an_eighth_of_the_scale_is_white(random):
    clean = random.permutation(np.repeat([0.0, 50.0], 800)).reshape(40, 40)

    picture = compare("A", clean, clean, clean, RANGES, clean / 8).pictures["spread"]

    np.testing.assert_array_equal(pixels(picture), 255 * (clean > 0))


def test_an_interval_of_half_the_scale_is_white_and_takes_the_place_of_the_spread(random):
    clean = random.permutation(np.repeat([0.0, 50.0], 800)).reshape(40, 40)

    pictures = compare("A", clean, clean, clean, RANGES, clean / 50,
                       ErrorBounds((0.0, 1.0), (1e-9, 25.0))).pictures

    assert "spread" not in pictures
    np.testing.assert_array_equal(pixels(pictures["interval"]), 255 * (clean > 0))


def test_what_is_unknown_is_not_drawn(random):
    degraded = random.uniform(100, 300, (40, 40))

    assert list(compare("A", degraded, None, degraded, RANGES).pictures) == ["degraded", "clean"]
    assert list(compare("A", degraded, degraded, None, RANGES).pictures) == [
        "degraded", "restored"]
