import numpy as np
import pytest
import tensorflow as tf

from microgan.losses.pixel import fitted_pixel_loss, pixel_loss


def test_pixel_loss_is_one_mean_an_image():
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

    # 0 but for the guard of flat crops, a share of 1e-3 / variance.
    np.testing.assert_allclose(fitted_pixel_loss(images, restored), 0, atol=0.01)


def test_fitted_loss_is_the_difference_from_the_least_squares_fit(images, random):
    restored = images + random.normal(0, 0.5, images.shape).astype(np.float32)

    loss = fitted_pixel_loss(images, restored)

    for clean, image, found in zip(images, restored, loss):
        slope, offset = np.polyfit(image.ravel(), clean.ravel(), 1)
        expected = np.abs(clean - slope * image - offset).mean()
        np.testing.assert_allclose(found, expected, rtol=0.01)


def test_fitted_loss_of_a_constant_image_has_finite_gradient(images):
    constant = tf.ones_like(images)

    with tf.GradientTape() as tape:
        tape.watch(constant)
        loss = tf.reduce_sum(fitted_pixel_loss(images, constant))

    assert np.isfinite(tape.gradient(loss, constant)).all()
    np.testing.assert_allclose(loss, np.abs(images - images.mean((1, 2, 3), keepdims=True)
                                            ).mean((1, 2, 3)).sum(), rtol=1e-5)
