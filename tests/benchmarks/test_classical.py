import numpy as np
import pytest
from scipy import ndimage
from skimage import restoration

import classical
from microgan.metrics.paired import psnr


@pytest.fixture
def clean(random):
    blobs = ndimage.gaussian_filter(random.random((2, 48, 48)) > 0.98, (0, 1.5, 1.5),
                                    output=np.float64)
    return list(100 + 1000 * blobs / blobs.max())


def mean_psnr(clean, images):
    return np.mean([psnr(truth, image, data_range=1000) for truth, image in zip(clean, images)])


def test_filters_keep_the_intensities_of_the_image(clean):
    for name in classical.FILTERS:
        arguments = [values[0] for values in classical.FILTERS[name][1]]

        (filtered,) = classical.apply(classical.FILTERS[name][0], clean[:1], arguments)

        assert filtered.shape == clean[0].shape
        assert filtered.mean() == pytest.approx(clean[0].mean(), rel=0.1), name


@pytest.mark.parametrize("name", ["Gaussian filter", "non-local means"])
def test_filters_against_noise_bring_noisy_images_nearer(name, clean, random):
    noisy = [image + random.normal(0, 100, image.shape) for image in clean]

    _, restored = classical.restore(name, (noisy, clean), noisy)

    assert mean_psnr(clean, restored) > mean_psnr(clean, noisy) + 3


def test_richardson_lucy_finds_the_direction_of_a_blur_and_undoes_some(clean):
    clean = clean[:1]
    blurred = [ndimage.gaussian_filter(image, (0.5, 2.5)) for image in clean]

    sigma_x, sigma_y, _ = classical.best_setting("Richardson-Lucy", blurred, clean)
    _, restored = classical.restore("Richardson-Lucy", (blurred, clean), blurred)

    assert sigma_x > sigma_y
    assert mean_psnr(clean, restored) > mean_psnr(clean, blurred) + 1


def test_richardson_lucy_is_that_of_scikit_image_on_an_image_mirrored_beyond_its_border(clean):
    image = clean[0] / clean[0].max()
    point = np.zeros((25, 25))
    point[12, 12] = 1
    kernel = ndimage.gaussian_filter(point, (1.0, 2.5))
    wanted = restoration.richardson_lucy(np.pad(image, 48, mode="symmetric"), kernel,
                                         num_iter=5, clip=False)[48:-48, 48:-48]

    found = classical.richardson_lucy(image, 2.5, 1.0, 5)

    np.testing.assert_allclose(found, wanted, rtol=1e-3)


def test_best_setting_of_a_sharp_image_is_no_filter(clean):
    assert classical.best_setting("Gaussian filter", clean, clean) == (0,)


def test_noise_is_estimated_beside_structure(clean, random):
    noisy = clean[0] + random.normal(0, 100, clean[0].shape)

    assert classical.noise_deviation(noisy) == pytest.approx(100, rel=0.1)
