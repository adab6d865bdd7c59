import numpy as np
import pytest
import tensorflow as tf

from microgan.losses.adversarial import (
    discriminator_loss, generator_loss, gradient_penalty, least_squares_loss,
    wasserstein_critic_loss, wasserstein_generator_loss)


def test_undecided_discriminator_has_loss_log_2():
    zeros = np.zeros((2, 3, 3, 1), np.float32)

    np.testing.assert_allclose(discriminator_loss(zeros, zeros), np.log(2) * np.ones(2), rtol=1e-6)


def test_right_and_sure_discriminator_has_loss_zero_and_fools_nobody():
    sure = np.full((1, 1), 50, np.float32)

    np.testing.assert_allclose(discriminator_loss(sure, -sure), 0, atol=1e-6)
    np.testing.assert_allclose(generator_loss(-sure), 50)
    np.testing.assert_allclose(generator_loss(sure), 0, atol=1e-6)


def test_losses_stay_finite_for_huge_logits():
    huge = np.full((1, 1), 1e4, np.float32)

    assert np.isfinite(discriminator_loss(-huge, huge)).all()


def test_least_squares_loss_is_the_mean_squared_distance_to_the_label():
    scores = np.float32([[1, 3], [0, 0]])

    np.testing.assert_array_equal(least_squares_loss(scores, 1), [2, 1])
    np.testing.assert_array_equal(least_squares_loss(scores, 0), [5, 0])


def test_wasserstein_losses_are_differences_of_scores():
    real, synthetic = np.float32([[3], [1]]), np.float32([[1], [5]])

    np.testing.assert_array_equal(wasserstein_critic_loss(real, synthetic), [-2, 4])
    np.testing.assert_array_equal(wasserstein_generator_loss(synthetic), [-1, -5])


def penalty(critic, images):
    """The penalty where real and synthetic images are the same."""
    return gradient_penalty(critic, images, images, tf.fill(images.shape[:1], 0.5))


@pytest.mark.parametrize("shape", [(2, 4, 5, 1), (2, 3, 4, 5, 1)], ids=["2D", "3D"])
def test_linear_critic_of_norm_n_has_penalty_n_minus_1_squared(shape, random):
    weights = random.normal(size=shape[1:]).astype(np.float32)
    weights *= 3 / np.linalg.norm(weights)
    images = tf.constant(random.normal(size=shape), tf.float32)

    found = penalty(lambda batch: tf.reduce_sum(batch * weights, range(1, len(shape))), images)

    np.testing.assert_allclose(found, [4, 4], rtol=1e-5)


def test_penalty_is_taken_between_real_and_synthetic_one_place_an_image():
    """The gradient of sum(x^3) / 3 is x^2, so for one pixel its norm reveals x."""
    real, synthetic = tf.zeros((3, 1, 1, 1)), tf.ones((3, 1, 1, 1))

    found = gradient_penalty(lambda batch: tf.reduce_sum(batch ** 3 / 3, (1, 2, 3)), real,
                             synthetic, tf.constant([1.0, 0.75, 0.0]))

    np.testing.assert_allclose(np.sqrt(1 - np.sqrt(found)), [0, 0.25, 1], atol=2e-3)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_penalty_of_a_critic_without_gradient_is_one_and_can_be_learned_from(dtype):
    weight = tf.Variable(0.0)
    images = tf.ones((2, 4, 4, 1))

    with tf.GradientTape() as tape:
        found = penalty(lambda batch: tf.reduce_sum(
            tf.cast(batch, dtype) * tf.cast(weight, dtype), (1, 2, 3)), images)

    np.testing.assert_allclose(found, [1, 1], atol=1e-5)
    assert found.dtype == tf.float32
    assert np.isfinite(tape.gradient(found, weight))


def test_penalty_teaches_the_critic_towards_unit_norm():
    weight = tf.Variable(0.1)
    images = tf.ones((2, 4, 4, 1))  # the gradient has norm 4 * weight

    with tf.GradientTape() as tape:
        found = penalty(lambda batch: weight * tf.reduce_sum(batch, (1, 2, 3)), images)

    # d/dw (4 w - 1)^2 = 8 (4 w - 1), for two images
    np.testing.assert_allclose(tape.gradient(found, weight), 2 * 8 * (0.4 - 1), rtol=1e-4)
