import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from microgan.losses.spectrum import spectrum_loss


@pytest.fixture
def noise(random):
    return random.normal(size=(2, 4, 64, 48, 1)).astype(np.float32)


def test_same_image_has_no_distance_wherever_it_begins(noise):
    image = noise[0]

    np.testing.assert_array_equal(spectrum_loss(image, image), np.zeros(4))
    np.testing.assert_allclose(spectrum_loss(image, image[:, ::-1, ::-1] + 3), 0, atol=0.05)


def test_half_the_contrast_is_log10_of_4(noise):
    np.testing.assert_allclose(spectrum_loss(noise[0], noise[0] / 2), np.log10(4), atol=1e-3)


def test_other_noise_of_the_same_kind_is_nearer_than_blurred_noise(noise):
    blurred = ndimage.gaussian_filter(noise[1], (0, 1, 1, 0))

    assert np.all(10 * spectrum_loss(noise[0], noise[1]) < spectrum_loss(noise[0], blurred))


def test_direction_is_seen(noise):
    along_x, along_y = (ndimage.gaussian_filter1d(noise[0], 1.5, axis=axis) for axis in (2, 1))

    assert np.all(spectrum_loss(along_x, along_y) > 1)


def test_constant_image_has_finite_gradient(noise):
    flat = tf.zeros_like(noise[0])

    with tf.GradientTape() as tape:
        tape.watch(flat)
        loss = spectrum_loss(noise[0], flat)

    assert np.isfinite(tape.gradient(loss, flat)).all()
