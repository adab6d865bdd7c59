import numpy as np
import pytest
from scipy import ndimage

from microgan.metrics.defocus import estimate_blur


@pytest.mark.parametrize("factor, power", [(0.2, 1), (0.5, 1), (0.04, 2)])
@pytest.mark.parametrize("focal_plane", [8, 3])
def test_known_blur_is_found(factor, power, focal_plane, random):
    stacks = []
    for _ in range(4):
        texture = random.normal(size=(96, 96))
        stacks.append(np.stack([ndimage.gaussian_filter(
            texture, factor * abs(z - focal_plane) ** power, mode="wrap") for z in range(17)]))

    found = estimate_blur(stacks, 4 * [focal_plane])

    assert found[0] == 0
    assert found[1:] == pytest.approx(factor * np.arange(1, 17) ** power, rel=0.12)


def test_blank_stack_has_no_blur():
    found = estimate_blur([np.zeros((5, 32, 32))], [2])

    assert found == pytest.approx([0, 0.01, 0.02, 0.03, 0.04])
