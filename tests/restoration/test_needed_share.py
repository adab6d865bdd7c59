"""Images that hardly need restoring are left as they are."""

import numpy as np
import pytest

from microgan.restoration.pretrained import needed_share


@pytest.fixture
def smooth():
    y, x = np.mgrid[:384, :256]
    return np.sin(y / 9) * np.cos(x / 7)


@pytest.mark.parametrize("noise, times, share", [
    (0.028, 1.0, 0.0),   # 1.4 % of the range
    (0.035, 1.0, 0.5),   # 1.75 %
    (0.05, 1.0, 1.0),    # 2.5 %
    (0.02, 1.3, 0.0),
    (0.02, 2.0, 0.5),
    (0.02, 3.0, 1.0)])
def test_little_is_changed_where_there_is_little_noise_and_change(
        smooth, random, noise, times, share):
    degraded = smooth + random.normal(0, noise, smooth.shape)
    change = random.normal(size=smooth.shape)
    restored = degraded + times * noise * change / change.std()

    assert needed_share(degraded, restored) == pytest.approx(share, abs=0.15)


def test_gaps_and_blur_without_noise_are_restored(smooth):
    assert needed_share(np.repeat(smooth[:, ::4], 4, axis=1), smooth) == 1


@pytest.mark.parametrize("shape", [(15, 200), (1, 1)])
def test_images_too_small_to_tell_get_the_whole_change(random, shape):
    image = random.normal(0, 0.01, shape)

    assert needed_share(image, image) == 1
