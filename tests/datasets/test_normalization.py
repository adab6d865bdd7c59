import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgan.datasets.normalization import (
    IntensityRange, TaskNormalization, fit_min_max, fit_percentiles)
from microgan.errors import UserError
from microgan.metrics.paired import least_squares_fit

UNIT = IntensityRange(0, 1)


def test_low_becomes_minus_one_and_high_one_without_clipping():
    values = IntensityRange(100, 300).normalize(np.array([100, 200, 300, 400], np.uint16))

    np.testing.assert_array_equal(values, np.array([-1, 0, 1, 2], np.float32))
    np.testing.assert_array_equal(IntensityRange(100, 300).to_unit(np.array([150])), [0.25])


@given(low=st.integers(0, 60_000), size=st.integers(1, 65_535), value=st.integers(0, 65_535))
def test_undoing_gives_back_every_16_bit_intensity(low, size, value):
    ranges = IntensityRange(low, low + size)
    image = np.array([value], np.uint16)

    undone = ranges.undo(ranges.normalize(image))

    # float32 keeps 24 bits of the normalised value: exact where it is no larger than
    # 2**24 / 2**16 ranges, to that precision beyond.
    assert abs(undone[0] - value) <= 2e-7 * (abs(value - low) + size)


def test_min_max_takes_the_extremes_of_all_images():
    assert fit_min_max([np.array([3, 5]), np.array([4, 9])]) == IntensityRange(3, 9)


def test_percentiles_agree_with_numpy_over_all_pixels(random):
    images = list(random.normal(size=(3, 20, 30)))

    fitted = fit_percentiles(images)

    assert (fitted.low, fitted.high) == tuple(np.percentile(np.stack(images), (0.1, 99.9)))


@pytest.mark.parametrize("low, high", [(1, 1), (2, 1), (0, np.inf), (np.nan, 1)])
def test_empty_or_infinite_range_is_refused(low, high):
    with pytest.raises(UserError, match="two finite numbers"):
        IntensityRange(low, high)


def test_json_keeps_the_ranges():
    ranges = TaskNormalization(IntensityRange(0.5, 2), IntensityRange(-3, 7.25))

    assert TaskNormalization.from_json(ranges.to_json()) == ranges
    calibrated = dataclasses.replace(ranges, calibrated=IntensityRange(1, 9))
    assert TaskNormalization.from_json(calibrated.to_json()) == calibrated


def test_calibration_is_the_scale_and_offset_of_least_squares():
    ranges = TaskNormalization(UNIT, IntensityRange(0, 200))

    calibrated = ranges.calibrate(2 * [np.array([[0, 100, 200]])],
                                  2 * [np.array([[11, 58, 111]])])

    assert ranges.restored == IntensityRange(0, 200)
    assert (calibrated.degraded, calibrated.clean) == (UNIT, IntensityRange(0, 200))
    # Scale (111 - 11) / 200, so that the means, 100 and 60, agree: offset 10.
    restored = calibrated.restored
    assert (restored.low, restored.high) == pytest.approx((10, 110))


def test_calibration_is_scaled_by_how_far_images_agree_when_each_is_left_out():
    ranges = TaskNormalization(UNIT, UNIT)
    image = np.array([-1.0, 1.0])

    def scale(*clean):
        fitted = ranges.calibrate(len(clean) * [image], clean).restored
        return fitted.high - fitted.low

    # One asks for 1.2 times the contrast, one for 1.1. A share k of what the other asks for
    # leaves (2 - k) / 2 and (1 - 2 k) of their errors: least squares for k = 10 / 17.
    assert scale(1.2 * image, 1.1 * image) == pytest.approx(1 + 0.15 * 10 / 17)
    assert ranges.calibrate(2 * [image], [1.2 * image, 0.9 * image]) == ranges
    assert ranges.calibrate([image], [1.2 * image]) == ranges


@given(seed=st.integers(0, 1000), scale=st.floats(0.2, 5), offset=st.floats(-100, 100))
def test_calibrated_images_are_as_close_as_a_fit_of_all_pixels(seed, scale, offset):
    random = np.random.default_rng(seed)
    sizes = [(4, 5), (3, 3)]
    restored = [random.normal(50, 20, size) for size in sizes]
    clean = [scale * image + offset + random.normal(0, 1e-4, image.shape) for image in restored]
    before = IntensityRange(-10, 90)

    after = TaskNormalization(UNIT, before).calibrate(restored, clean).restored

    pixels, truth = (np.concatenate([image.ravel() for image in images])
                     for images in (restored, clean))
    np.testing.assert_allclose(after.undo(before.normalize(pixels)),
                               least_squares_fit(pixels, truth), atol=1e-3 * scale)


def test_output_that_does_not_follow_the_clean_images_is_not_calibrated():
    ranges = TaskNormalization(UNIT, UNIT)
    clean, alternating = np.linspace(0, 1, 8), np.tile([0.0, 1.0], 4)
    assert 0 < np.corrcoef(clean, alternating)[0, 1] < 0.3

    for output in (1 - clean, alternating, np.full(8, 0.1)):
        assert ranges.calibrate(2 * [output], 2 * [clean]) == ranges


@pytest.mark.parametrize("content", [
    [], {"degraded": [0, 1]}, {"degraded": [0, 1], "clean": [0, 1], "other": [0, 1]},
    {"degraded": [0, 1], "clean": [0, 1], "calibrated": None}])
def test_json_of_another_form_is_refused(content):
    with pytest.raises(ValueError, match="normalisation range"):
        TaskNormalization.from_json(content)
