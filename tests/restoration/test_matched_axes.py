"""Images are compared axis by axis, by the axes' letters."""

import numpy as np
import pytest

from microgan.errors import UserError
from microgan.restoration.matched_axes import matched_planes
from microgan.restoration.stored_images import StoredImage

PIXELS = np.arange(3 * 2 * 4 * 5).reshape(3, 2, 4, 5)


def image(axes):
    """The same pixels, their axes in another order."""
    return StoredImage(PIXELS.transpose(["ZCYX".index(letter) for letter in axes]), axes)


def planes_of(first, second):
    return matched_planes({"a.tif": first, "b.tif": second}, lambda line: None)


@pytest.mark.parametrize("axes", ["ZCYX", "CZYX", "YXCZ", "XZYC"])
def test_planes_are_paired_by_letter_whatever_the_order(axes):
    clean, restored = planes_of(image("ZCYX"), image(axes))

    np.testing.assert_array_equal(clean, PIXELS.reshape(6, 4, 5))
    np.testing.assert_array_equal(restored, clean)


def test_the_first_file_gives_the_order_of_the_planes():
    clean, restored = planes_of(image("CZYX"), image("ZCYX"))

    np.testing.assert_array_equal(clean, PIXELS.transpose(1, 0, 2, 3).reshape(6, 4, 5))
    np.testing.assert_array_equal(restored, clean)


def test_an_axis_of_length_1_that_one_file_lacks_is_dropped():
    short = StoredImage(PIXELS[:, np.newaxis, :, np.newaxis], "ZTCAYX")

    clean, restored = planes_of(short, image("CZYX"))

    np.testing.assert_array_equal(restored, clean)


@pytest.mark.parametrize("assumed, named", [("ZYX", "TYX"), ("ZYX", "YXC"), ("IYX", "ZYX"),
                                            ("QYX", "IYX"), ("YXQ", "ZYX")])
def test_one_unnamed_axis_matches_the_one_left_and_is_reported(assumed, named):
    lines = []
    source = np.arange(3 * 4 * 5).reshape(3, 4, 5)

    def ordered(axes):
        stack = next(letter for letter in axes if letter not in "YX")
        return source.transpose(["ZYX".index(letter) for letter in axes.replace(stack, "Z")])

    first, second = matched_planes({
        "a.npy": StoredImage(ordered(assumed), assumed, assumed == "ZYX"),
        "b.tif": StoredImage(ordered(named), named)}, lines.append)

    np.testing.assert_array_equal(first, source)
    np.testing.assert_array_equal(second, source)
    (line,) = lines
    assert "a.npy" in line and "b.tif" in line and "not name" in line


@pytest.mark.parametrize("first, second", [
    (image("ZCYX"), StoredImage(PIXELS, "TCYX")),
    (image("ZCYX"), StoredImage(PIXELS, "QQYX")),
    (image("ZCYX"), StoredImage(PIXELS, "CCYX")),
    (image("ZCYX"), StoredImage(PIXELS[:, 0], "ZYX")),
    (StoredImage(PIXELS[:, 0], "ZYX"), StoredImage(PIXELS[:, 0], "TYX")),
    (StoredImage(PIXELS[:, :1], "ZTYX"), StoredImage(PIXELS[:, :1], "TZYX")),
    (StoredImage(PIXELS[:, 0], "ZYX", True), StoredImage(PIXELS[:2, 0], "TYX")),
    (StoredImage(PIXELS[0], "CYX"), StoredImage(PIXELS[0, :, :3], "CYX")),
])
def test_axes_that_cannot_be_matched_are_refused_in_one_line(first, second):
    with pytest.raises(UserError, match="^b.tif has axes .*a.tif .*--axes") as caught:
        planes_of(first, second)
    assert "\n" not in str(caught.value)
