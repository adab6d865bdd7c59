"""Trust maps light up where they should, and only there, however large the image."""

import numpy as np
import pytest
from scipy import ndimage

from microgan.restoration import trust
from microgan.restoration.trust import (
    FlippedPixels, inconsistency, spread, write_inconsistency, write_spread)


@pytest.mark.parametrize("flipped", [(), (1,), (0, 2)])
def test_parts_of_a_mirror_image_are_those_of_the_mirrored_image(random, flipped):
    image = random.normal(size=(4, 5, 6))
    part = (slice(1, 3), slice(0, 4), slice(2, 6))

    mirror = FlippedPixels(image, flipped)

    np.testing.assert_array_equal(mirror[part], np.flip(image, flipped)[part])
    np.testing.assert_array_equal(FlippedPixels(mirror, flipped)[part], image[part])


def test_spread_is_the_deviation_at_each_pixel():
    restored = [np.full((2, 3), value, np.uint16) for value in (10, 20, 60)]
    restored[0][1, 1] = restored[2][1, 1] = 20

    result = spread(restored)

    assert result[1, 1] == 0
    assert result[0, 0] == pytest.approx(np.std([10, 20, 60]))


def test_spread_over_mirrors_lights_up_where_a_side_matters(random):
    image = random.uniform(0, 1, (8, 12))

    def brighter_on_the_left(planes):
        return [plane + (np.arange(12) < 6) for plane in planes]

    (found,) = trust.spread_over_mirrors(brighter_on_the_left, [image])
    (none,) = trust.spread_over_mirrors(lambda planes: planes, [image])

    np.testing.assert_allclose(found, 0.5, atol=1e-6)
    np.testing.assert_allclose(none, 0, atol=1e-6)


@pytest.fixture
def measured_and_sharp(random):
    """A noisy measured image, blurred more along X, with uneven background; the sharp truth."""
    sharp = np.zeros((200, 200))
    sharp[tuple(random.integers(0, 200, (2, 150)))] = sharp[60:64:3, 120] = 200
    sharp = ndimage.gaussian_filter(sharp, 2)
    blurred = ndimage.gaussian_filter(3 * sharp, (0.5, 3))
    return 100 + blurred + 0.1 * np.arange(200) + random.normal(0, 2, (200, 200)), sharp


def test_what_is_invented_or_lost_lights_up_and_blur_noise_and_background_do_not(
        measured_and_sharp):
    measured, sharp = measured_and_sharp
    rows, columns = np.mgrid[:200, :200]
    planted = np.hypot(rows - 60, columns - 120) < 7

    for changed in (sharp + 8 * planted, np.where(planted, 0, sharp)):
        result = inconsistency(measured, changed, 0.1)
        assert result[planted].mean() > 3 * result[100:160, 40:160].mean()
    assert inconsistency(measured, sharp, 0.1)[40:160, 40:160].mean() < 1


def test_any_unit_of_the_restored_image_gives_the_same_map(measured_and_sharp):
    measured, sharp = measured_and_sharp

    one, other = (inconsistency(measured, image, 0.1) for image in (sharp, 7 * sharp - 3))

    np.testing.assert_allclose(other, one, atol=2e-3)


def test_noise_alone_is_about_one_deviation_however_bright(random):
    photons = np.repeat([[30.0], [3000.0]], 150, axis=0) * np.ones(300)

    result = inconsistency(random.poisson(photons), photons, 0.1)

    # Mean of |x| of a normal variable: sqrt(2 / pi) deviations. Far from the step.
    for half in (slice(0, 75), slice(225, 300)):
        assert result[half].mean() == pytest.approx(0.8, rel=0.15)


def test_without_noise_it_is_the_difference_over_the_least_deviation():
    step = 7.0 * (np.arange(60) < 30) * np.ones((60, 1))

    once, twice = (inconsistency(step, np.zeros((60, 60)), least) for least in (100, 50))

    np.testing.assert_allclose(twice, 2 * once, rtol=1e-5)
    assert 0.01 < once.max() < 0.07


def test_maps_of_large_images_are_computed_in_parts_without_seams(random, monkeypatch):
    measured = random.normal(size=(2, 530, 410))
    restored = [measured + random.normal(size=(2, 530, 410)) for _ in range(2)]
    whole = np.stack([inconsistency(*planes, 0.1) for planes in zip(measured, restored[0])])
    monkeypatch.setattr(trust, "_SIDE_PX", 200)
    maps = np.zeros((2, 2, 530, 410), np.float32)

    means = [write_inconsistency(maps[0], measured, restored[0], "ZYX", 0.1),
             write_spread(maps[1], restored, "ZYX")]

    np.testing.assert_allclose(maps[0], whole, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(maps[1], np.std(restored, axis=0), atol=1e-6)
    assert means == pytest.approx([whole.mean(), maps[1].mean()], rel=1e-4)
