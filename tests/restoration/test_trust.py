"""Trust maps light up where they should, and only there, however large the image."""

import numpy as np
import pytest

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


def test_what_is_invented_or_lost_lights_up_and_noise_and_background_do_not(random):
    rows, columns = np.mgrid[:200, :200]
    measured = 100 + random.normal(0, 5, (200, 200)) + 0.1 * rows
    draws = [np.full((200, 200), 100.0) + random.normal(0, 5, (200, 200)) for _ in range(4)]
    planted = np.hypot(rows - 60, columns - 120) < 10
    for draw in draws:
        draw[planted] += 20

    for degraded_again in (draws, [np.mean(draws, axis=0)]):  # random, and not
        result = inconsistency(measured, degraded_again, 0.1)
        assert result[planted].mean() > 8 * result[120:160, 20:180].mean()


def test_noise_alone_is_about_one_deviation_however_bright(random):
    photons = np.repeat([[30.0], [3000.0]], 150, axis=0) * np.ones(300)
    images = random.poisson(photons, (30, 300, 300))

    result = inconsistency(images[0], images[1:], 0.1)

    # Mean of |x| of a normal variable: sqrt(2 / pi) deviations. Far from the step.
    for half in (slice(0, 75), slice(225, 300)):
        assert result[half].mean() == pytest.approx(0.8, rel=0.25)
    # Without noise in the defect, it is the difference over the least deviation.
    flat = np.zeros((60, 60))
    step = flat + 7 * (np.arange(60) < 30)
    np.testing.assert_allclose(inconsistency(step, [flat] * 4, 0.5),
                               2 * inconsistency(step, [flat], 0.5), rtol=1e-5)


def test_maps_of_large_images_are_computed_in_parts_without_seams(random, monkeypatch):
    measured = random.normal(size=(2, 530, 410))
    draws = [random.normal(size=(2, 530, 410)).astype(np.float32) for _ in range(2)]
    whole = np.stack([inconsistency(measured[z], [draw[z] for draw in draws], 0.1)
                      for z in range(2)])
    monkeypatch.setattr(trust, "_SIDE_PX", 200)
    maps = np.zeros((2, 2, 530, 410), np.float32)

    means = [write_inconsistency(maps[0], measured, draws, "ZYX", 0.1),
             write_spread(maps[1], draws, "ZYX")]

    np.testing.assert_allclose(maps[0], whole, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(maps[1], np.std(draws, axis=0), atol=1e-6)
    assert means == pytest.approx([whole.mean(), maps[1].mean()], rel=1e-4)
