import numpy as np
import pytest
import tensorflow as tf

from microgan.losses.pixel import fitted_pixel_loss, fourier_loss, pixel_loss


def test_pixel_loss_is_one_mean_per_image():
    clean = np.zeros((2, 2, 2, 1), np.float32)
    restored = clean.copy()
    restored[0, 0, 0] = -4
    restored[1] = 0.5

    np.testing.assert_allclose(pixel_loss(clean, restored), [1, 0.5])


@pytest.fixture
def images(random):
    return random.normal(size=(2, 8, 8, 1)).astype(np.float32)


def test_fitted_loss_does_not_see_scale_and_offset(images):
    restored = images / np.float32([0.5, 3]).reshape(2, 1, 1, 1) + 7

    # 0 except for the guard of flat crops, a share of 1e-3 / variance.
    np.testing.assert_allclose(fitted_pixel_loss(images, restored), 0, atol=0.01)


def test_fitted_loss_is_the_difference_from_the_least_squares_fit(images, random):
    restored = images + random.normal(0, 0.5, images.shape).astype(np.float32)

    loss = fitted_pixel_loss(images, restored)

    for clean, image, found in zip(images, restored, loss):
        slope, offset = np.polyfit(image.ravel(), clean.ravel(), 1)
        expected = np.abs(clean - slope * image - offset).mean()
        np.testing.assert_allclose(found, expected, rtol=0.01)


@pytest.mark.parametrize("loss", [fitted_pixel_loss, fourier_loss])
def test_inverted_contrast_is_as_bad_as_a_constant_image(loss, images):
    np.testing.assert_allclose(loss(images, -images), loss(images, 0 * images), rtol=1e-6)


def test_fitted_loss_of_a_constant_image_has_finite_gradient(images):
    constant = tf.ones_like(images)

    with tf.GradientTape() as tape:
        tape.watch(constant)
        loss = tf.reduce_sum(fitted_pixel_loss(images, constant))

    assert np.isfinite(tape.gradient(loss, constant)).all()
    np.testing.assert_allclose(loss, np.abs(images - images.mean((1, 2, 3), keepdims=True)
                                            ).mean((1, 2, 3)).sum(), rtol=1e-5)


def test_fourier_loss_is_that_of_numpys_transform_of_the_fitted_difference(images, random):
    restored = images + random.normal(0, 0.5, images.shape).astype(np.float32)

    loss = fourier_loss(images, restored)

    for clean, image, found in zip(images, restored, loss):
        slope, offset = np.polyfit(image.ravel(), clean.ravel(), 1)
        coefficients = np.fft.fft2((clean - slope * image - offset)[..., 0], norm="ortho")
        expected = (np.abs(coefficients.real) + np.abs(coefficients.imag)).mean()
        np.testing.assert_allclose(found, expected, rtol=0.01)


def test_fourier_loss_counts_a_lost_frequency_once_however_many_pixels_show_it():
    y = np.arange(16)
    wave = np.sqrt(2) * np.cos(2 * np.pi * 3 * y / 16)
    clean = np.broadcast_to(wave[None, :, None, None], (1, 16, 16, 1)).astype(np.float32)

    # Two of 256 coefficients, each of half the image's power: sqrt(256 / 2).
    np.testing.assert_allclose(fourier_loss(clean, 0 * clean), 2 * np.sqrt(128) / 256, rtol=1e-5)
