import numpy as np
import pytest
from scipy import ndimage

from microgan.metrics.defocus import estimate_transfer

# Centres of the rings of spatial frequency, cycles per pixel.
FREQUENCIES = (np.arange(32) + 0.5) / 64


def gaussian_transfer(sigma):
    return np.exp(-2 * (np.pi * FREQUENCIES * sigma) ** 2)


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("focal_plane", [4, 2])
def test_known_blur_is_found_on_each_side_of_the_focal_plane(focal_plane, noise, random):
    sigmas = [0.4 * (focal_plane - z) if z < focal_plane else 0.2 * (z - focal_plane)
              for z in range(9)]
    stacks = []
    for _ in range(4):
        texture = random.normal(size=(96, 96))
        stacks.append(np.stack([np.fft.ifft2(ndimage.fourier_gaussian(
            np.fft.fft2(texture), sigma)).real for sigma in sigmas]))
        stacks[-1] += noise * random.normal(size=stacks[-1].shape)

    found = estimate_transfer(stacks, 4 * [focal_plane])

    assert found.shape == (17, 32)
    for z, sigma in enumerate(sigmas):
        # corners of the spectrum are in the last ring
        np.testing.assert_allclose(found[z - focal_plane + 8, 1:-1],
                                   gaussian_transfer(sigma)[1:-1], atol=0.05 + 0.3 * noise)


def test_noise_is_not_taken_for_what_defocus_left(random):
    texture = random.normal(size=(256, 256))
    blurred = np.stack([ndimage.gaussian_filter(texture, sigma, mode="wrap")
                        for sigma in (0, 1, 2)])

    found = estimate_transfer([blurred + random.normal(0, 0.1, blurred.shape)], [0])[4]

    faded = slice(16, 31)  # below 0.01; with the noise in it, 0.1
    assert found[faded].mean() == pytest.approx(gaussian_transfer(2)[faded].mean(), abs=0.02)


def test_rings_where_the_focal_plane_has_only_noise_do_not_fade(random):
    texture = ndimage.gaussian_filter(random.normal(size=(128, 128)), 3, mode="wrap")
    blurred = np.stack([texture, ndimage.gaussian_filter(texture, 3, mode="wrap")])

    found = estimate_transfer([blurred + random.normal(0, 0.01, blurred.shape)], [0])[2]

    assert found[4] == pytest.approx(gaussian_transfer(3)[4], abs=0.08)
    np.testing.assert_array_equal(found[20:], 1)


def test_offsets_that_no_stack_has_are_as_the_nearest(random):
    stack = random.normal(size=(5, 32, 32))

    found = estimate_transfer([stack], [1])

    np.testing.assert_array_equal(found[:3], found[[3, 3, 3]])
    np.testing.assert_array_equal(found[8], found[7])
    np.testing.assert_array_equal(found[4], 1)
    assert found.max() == 1


def test_blank_stack_does_not_fade():
    np.testing.assert_array_equal(estimate_transfer([np.zeros((5, 32, 32))], [2]), 1)
