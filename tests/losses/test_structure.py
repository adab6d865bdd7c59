import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from microgan.losses.structure import structure_loss


@pytest.fixture
def images(random):
    """Structure 8 pixels wide, a variance of about 1."""
    images = ndimage.gaussian_filter(random.normal(size=(3, 64, 48, 1)), (0, 4, 4, 0))
    return (images / images.std()).astype(np.float32)


def test_brightness_and_contrast_do_not_matter(images):
    np.testing.assert_allclose(structure_loss(images, 3 + 0.5 * images), 0, atol=0.02)


def test_inverted_contrast_is_2_and_another_image_about_1(images):
    np.testing.assert_allclose(structure_loss(images, -images), 2, atol=0.02)
    assert np.all(np.abs(structure_loss(images, images[::-1, ::-1]) - 1) < 0.5)


def test_noise_and_blur_hardly_matter(images, random):
    noisy = images + random.normal(0, 0.5, images.shape).astype(np.float32)
    blurred = ndimage.gaussian_filter(images, (0, 1, 1, 0))

    assert np.all(structure_loss(images, noisy) < 0.05)
    assert np.all(structure_loss(images, blurred) < 0.05)


def test_flat_image_has_finite_gradient(images):
    flat = tf.zeros_like(images)

    with tf.GradientTape() as tape:
        tape.watch(flat)
        loss = structure_loss(images, flat)

    np.testing.assert_allclose(loss, 1)
    assert np.isfinite(tape.gradient(loss, flat)).all()
