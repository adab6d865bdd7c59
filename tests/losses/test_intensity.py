import numpy as np
import pytest
import tensorflow as tf

from microgan.losses.intensity import (
    NUM_BINS, cumulative_shares, intensity_histograms, intensity_loss)

CONDITION = np.array([0, 1, 1], np.int32)


def flat_images(*values):
    return np.stack([np.full((16, 8, 1), value, np.float32) for value in values])


def excess_of(synthetic, degraded, condition=CONDITION, num_tasks=2):
    shares = [cumulative_shares(intensity_histograms(images, condition, num_tasks))
              for images in (synthetic, degraded)]
    return shares[0] - shares[1]


def test_every_image_counts_once_in_its_task_s_histogram():
    histograms = np.asarray(intensity_histograms(flat_images(-9, 0, 9), CONDITION, 3))

    expected = np.zeros((3, NUM_BINS))
    expected[0, 0] = expected[1, NUM_BINS // 2] = expected[1, -1] = 1
    np.testing.assert_array_equal(histograms, expected)


def test_shares_grow_to_one_and_are_zero_for_a_task_without_images():
    shares = np.asarray(cumulative_shares(
        intensity_histograms(flat_images(-9, 0, 9), CONDITION, 3)))

    np.testing.assert_allclose(shares[1, [0, NUM_BINS // 2, -2, -1]], [0, 0.25, 0.5, 0.75])
    np.testing.assert_array_equal(shares[2], 0)


def test_loss_is_half_the_squared_difference_of_the_distributions():
    """All synthetic pixels are 0.5 darker: over that length the distributions differ by 1."""
    synthetic, degraded = flat_images(0, 0, 0), flat_images(0, 0.5, 0.5)

    loss = intensity_loss(synthetic, CONDITION, excess_of(synthetic, degraded))

    np.testing.assert_allclose(loss, [0, 0.25, 0.25], atol=0.015)


def test_gradient_brightens_where_synthetic_pixels_are_too_dark_and_only_there():
    synthetic, degraded = flat_images(0, -0.4, 0.1), flat_images(0, -0.1, 0.1)
    images = tf.constant(synthetic)

    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = intensity_loss(images, CONDITION, excess_of(synthetic, degraded))
    gradient = tape.gradient(loss, images).numpy().sum((1, 2, 3))

    # Half of the pixels, times half the step of their distribution.
    np.testing.assert_allclose(gradient, [0, -0.25, 0], atol=1e-6)


def test_two_kinds_of_images_are_not_drawn_towards_their_mean(random):
    kinds = random.normal([-0.8, 0.8], 0.1, size=(20, 16, 8, 2)).transpose(3, 0, 1, 2)
    synthetic, degraded = kinds.reshape(2, 2, 10, 16, 8, 1).swapaxes(0, 1).reshape(2, 20, 16, 8, 1)
    condition = np.zeros(20, np.int32)

    loss = intensity_loss(synthetic, condition, excess_of(synthetic, degraded, condition, 1))

    assert np.max(loss) < 1e-3


@pytest.mark.parametrize("start", [-0.6, 0.7])
def test_descent_reaches_the_distribution(start, random):
    """From a shifted distribution, twice as wide, to uniform from -0.5 to 0.5."""
    degraded = random.uniform(-0.5, 0.5, size=(4, 32, 32, 1)).astype(np.float32)
    shuffled = random.permutation(degraded.ravel()).reshape(degraded.shape)
    synthetic = tf.Variable(start + 2 * shuffled)
    condition = np.zeros(4, np.int32)

    for _ in range(100):
        with tf.GradientTape() as tape:
            excess = excess_of(synthetic, degraded, condition, 1)
            loss = intensity_loss(synthetic, condition, excess)
        synthetic.assign_sub(300 * tape.gradient(loss, synthetic))

    np.testing.assert_allclose(np.quantile(synthetic, [0.1, 0.5, 0.9]), [-0.4, 0, 0.4], atol=0.05)


def test_nan_pixel_makes_the_loss_nan(random):
    """The training loop skips such an update; nothing raises."""
    synthetic = random.normal(size=(3, 8, 8, 1)).astype(np.float32)
    excess = excess_of(synthetic, synthetic[::-1])
    synthetic[1, 2, 3] = np.nan

    loss = tf.function(intensity_loss)(synthetic, CONDITION, excess).numpy()

    assert list(np.isnan(loss)) == [False, True, False]
