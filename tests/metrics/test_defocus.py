import numpy as np
import pytest
from scipy import ndimage

from microgan.metrics.defocus import estimate_blur_per_slice


@pytest.mark.parametrize("blur_per_slice", [0.2, 0.5])
@pytest.mark.parametrize("focal_plane", [8, 3])
def test_known_blur_is_found(blur_per_slice, focal_plane, random):
    stacks = []
    for _ in range(4):
        texture = random.normal(size=(17, 96, 96))
        stacks.append(np.stack([ndimage.gaussian_filter(
            image, blur_per_slice * abs(z - focal_plane), mode="wrap")
            for z, image in enumerate(texture)]))

    found = estimate_blur_per_slice(stacks, 4 * [focal_plane])

    assert found == pytest.approx(blur_per_slice, rel=0.12)


def test_blank_stack_has_no_blur():
    assert estimate_blur_per_slice([np.zeros((5, 32, 32))], [2]) == 0.01
