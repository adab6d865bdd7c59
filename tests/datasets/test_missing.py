"""Values that no camera measures are found by size or by distance from all others."""

import numpy as np
import pytest

from microgan.datasets.missing import find_unmeasured, is_missing


@pytest.fixture
def image(random):
    return random.uniform(60, 200, (20, 30)).astype(np.float32)


@pytest.mark.parametrize("value, text, mark", [
    (-3.4e38, "1 pixel is -3.4e+38, which no camera measures", "-3.4e+38"),
    (1e20, "1 pixel is 1e+20, which", "1e+20"),
    (9.96921e36, "9.96921e+36", "9.96921e+36"),
    (np.nan, "1 pixel is NaN or infinite", "nan"),
    (-np.inf, "1 pixel is infinite", "-inf"),
    (np.inf, "1 pixel is infinite", "inf"),
    (-9999, "1 pixel is -9999, far from all others: a usual mark of missing data", "-9999"),
    (-32768, "1 pixel is -32768, far", "-32768")])
def test_usual_marks_of_missing_data_are_named(image, value, text, mark):
    image[3, 4] = value

    found = find_unmeasured([image[:10], image[10:]])

    assert text in found.text
    assert found.mark == mark
    assert find_unmeasured([image], nodata=value if np.isfinite(value) else None if
                           np.isinf(value) else np.nan) is None or np.isinf(value)


@pytest.mark.parametrize("low, high", [(-40000, 40000), (0, 1e9), (-1e-9, 1e-9), (-12000, 300)])
def test_what_can_be_measured_is_not_suspected(random, low, high):
    image = random.uniform(low, high, (50, 50))
    if low < -9999:
        image[0, 0] = -9999

    assert find_unmeasured([image]) is None


@pytest.mark.parametrize("dtype, value", [
    (np.int16, -32768), (np.int16, -9999), (np.int32, -2**31), (np.int64, -2**31),
    (np.int64, -2**63), (np.int64, 2**62)])
def test_marks_of_missing_data_are_named_in_signed_integers(image, dtype, value):
    whole = image.astype(dtype)
    assert find_unmeasured([whole]) is None
    whole[0, 0] = value

    found = find_unmeasured([whole])

    assert found.text.startswith(f"1 pixel is {value}, ")
    assert is_missing(whole, float(found.mark)).sum() == 1
    assert find_unmeasured([whole], nodata=value) is None


def test_unsigned_integers_and_what_the_user_names_are_not_suspected(image):
    whole = image.astype(np.uint16)
    whole[0] = 65535
    image[0] = -9999

    assert find_unmeasured([whole]) is None
    assert find_unmeasured([image], nodata=-9999) is None
    assert find_unmeasured([image], nodata=np.nan) is None  # declares -9999 measured


@pytest.mark.parametrize("dtype, nodata, expected", [
    (np.float32, np.nan, [True, False, False]), (np.float32, -3.4e38, [False, False, True]),
    (np.float32, 1e300, [False] * 3), (np.float64, -3.4e38, [False, False, True]),
    (np.float32, None, [False] * 3)])
def test_missing_pixels_are_compared_in_the_type_of_the_image(dtype, nodata, expected):
    assert is_missing(np.array([np.nan, np.inf, -3.4e38], dtype), nodata).tolist() == expected


def test_missing_integers_are_exact():
    assert is_missing(np.array([0, 255], np.uint8), 255.0).tolist() == [False, True]
    assert is_missing(np.array([0, 255], np.uint8), -9999).tolist() == [False, False]
    assert is_missing(np.array([0, 255], np.uint8), np.nan).tolist() == [False, False]
