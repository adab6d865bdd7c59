import numpy as np
import pytest

from microgan.datasets.enlarged import EnlargedPixels, enlarge


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_borders_of_the_image_stay_where_they_are(factor):
    # Centres of small pixels, in units of large ones.
    places = (np.arange(6 * factor) + 0.5) / factor - 0.5
    ramp = np.add.outer(10.0 * np.arange(5), np.arange(6))

    enlarged = enlarge(ramp, factor)

    assert enlarged.shape == (5 * factor, 6 * factor)
    np.testing.assert_allclose(enlarged[0], np.clip(places, 0, 5), atol=1e-12)
    np.testing.assert_allclose(enlarged.mean(), ramp.mean())


def test_parts_are_those_of_the_whole_image_whatever_the_order_of_axes(random):
    image = random.integers(0, 60000, (7, 3, 9)).astype(np.uint16)
    pixels = EnlargedPixels(image, "XCY", 3)
    whole = pixels[:, :, :]

    part = pixels[5:11, 1:3, 20:27]

    assert pixels.shape == whole.shape == (21, 3, 27)
    assert part.dtype == pixels.dtype == np.uint16
    np.testing.assert_array_equal(part, whole[5:11, 1:3, 20:27])
    np.testing.assert_array_equal(whole[:, 2], enlarge(image[:, 2], 3))
    np.testing.assert_array_equal(whole[1::3, :, 1::3], image)
