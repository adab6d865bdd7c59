import keras
import numpy as np
import pytest
import tensorflow as tf

from microgan.layers import ConditionalInstanceNorm
from microgan.networks.cin_gan import (
    build_dense_critic, build_patch_critic, build_resnet_generator, build_unet_generator)

NARROW_GENERATORS = {
    "resnet": lambda: build_resnet_generator(num_tasks=2, filters=4, num_blocks=2, dropout=0.0),
    "unet": lambda: build_unet_generator(num_tasks=2, filters=4),
}
NARROW_CRITICS = {
    "dense": lambda: build_dense_critic(32, num_tasks=2, filters=4, dropout=0.0),
    "patch": lambda: build_patch_critic(num_tasks=2, filters=4),
}


def conditional_norms(model):
    return [layer for layer in model.layers if isinstance(layer, ConditionalInstanceNorm)]


def example_inputs(model, random, size=(16, 16)):
    """Two images of two tasks, and noise where the network takes it."""
    shape = (2, *size, 1)
    return [random.normal(size=shape).astype(np.float32), np.array([0, 1], np.int32),
            random.normal(size=shape).astype(np.float32)][:len(model.inputs)]


def randomize(model, random):
    """Fill all kernels: an output layer of zeros would hide everything before it."""
    for weight in model.trainable_variables:
        if "kernel" in weight.path:
            weight.assign(random.normal(0, 0.1, weight.shape))


def test_published_generator_has_13568_numbers_per_task_at_29_sites_and_twelve_blocks():
    model = build_resnet_generator(num_tasks=3)

    # The original's 14,918,419 minus its 18 task numbers and 24 ordinary norms of 2 x 256.
    assert model.count_params() == 14_918_419 - 18 - 24 * 512 + 3 * 13_568 == 14_946_817
    own = [layer.count_params() for layer in conditional_norms(model)]
    assert len(own) == 2 * 12 + 5 and sum(own) == 3 * 13_568
    assert sum(isinstance(layer, keras.layers.Add) for layer in model.layers) == 12
    assert sum(isinstance(layer, keras.layers.Dropout) for layer in model.layers) == 12


def test_published_critic_has_3722825_parameters_and_1024_per_task():
    assert build_dense_critic(128, num_tasks=3).count_params() == 3_722_825 + 3 * 1024


def test_our_critic_takes_any_size_and_has_256_numbers_per_task():
    counts = [build_patch_critic(num_tasks=count).count_params() for count in (1, 2)]

    assert counts[1] - counts[0] == 256
    assert build_patch_critic(num_tasks=1, filters=4)(
        [np.zeros((1, 40, 56, 1), np.float32), np.zeros(1, np.int32)]).shape == (1, 1)


@pytest.mark.parametrize("name", NARROW_GENERATORS)
@pytest.mark.parametrize("size", [(32, 32), (21, 50)])
def test_generators_keep_any_size(name, size, random):
    model = NARROW_GENERATORS[name]()

    degraded = model(example_inputs(model, random, size))

    assert degraded.shape == (2, *size, 1)
    assert degraded.dtype == tf.float32


def test_unet_starts_as_the_identity(random):
    model = NARROW_GENERATORS["unet"]()
    inputs = example_inputs(model, random, (24, 16))

    np.testing.assert_allclose(model(inputs), inputs[0], atol=1e-6)


def test_published_output_is_the_mean_of_tanh_and_input():
    model = NARROW_GENERATORS["resnet"]()
    last = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)][-1]
    last.bias.assign([100.0])  # tanh becomes 1
    clean = np.full((1, 8, 8, 1), -0.5, np.float32)

    np.testing.assert_allclose(model([clean, np.array([1])]), (1 - 0.5) / 2, atol=1e-6)


@pytest.mark.parametrize("name", NARROW_GENERATORS)
def test_only_the_rows_of_the_task_change_its_images(name, random):
    model = NARROW_GENERATORS[name]()
    randomize(model, random)
    inputs = example_inputs(model, random)
    before = np.asarray(model(inputs))

    for layer in conditional_norms(model):
        layer.gamma.assign(layer.gamma * np.array([[1], [2]]))
    after = np.asarray(model(inputs))

    np.testing.assert_array_equal(after[0], before[0])
    assert np.abs(after[1] - before[1]).max() > 1e-3


def test_noise_changes_single_pixels_and_whole_regions(random):
    model = NARROW_GENERATORS["unet"]()
    randomize(model, random)
    clean, condition, noise = example_inputs(model, random, (64, 64))
    change = np.asarray(model([clean, condition, noise]) - model([clean, condition, 0 * noise]))

    spectrum = np.abs(np.fft.fft2(change[0, ..., 0]))

    assert spectrum[:3, :3].mean() > 1e-3 and spectrum[28:36, 28:36].mean() > 1e-3


@pytest.mark.parametrize("build", [*NARROW_GENERATORS.values(), *NARROW_CRITICS.values()],
                         ids=[*NARROW_GENERATORS, *NARROW_CRITICS])
def test_gradient_reaches_every_kernel_and_task_row(build, random):
    model = build()
    randomize(model, random)
    inputs = example_inputs(model, random, (32, 32))

    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(inputs) ** 2)

    weights = [weight for weight in model.trainable_variables if "bias" not in weight.path]
    for weight, gradient in zip(weights, tape.gradient(total, weights)):
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.path


@pytest.mark.parametrize("name", NARROW_CRITICS)
def test_critics_score_an_image_by_its_task(name, random):
    model = NARROW_CRITICS[name]()
    image = random.normal(size=(1, 32, 32, 1)).astype(np.float32).repeat(2, 0)

    scores = np.asarray(model([image, np.array([0, 1])]))

    assert scores.shape == (2, 1)
    assert scores[0] != scores[1]


@pytest.mark.parametrize("build", [*NARROW_GENERATORS.values(), *NARROW_CRITICS.values()],
                         ids=[*NARROW_GENERATORS, *NARROW_CRITICS])
def test_mixed_precision_gives_float32(build, random):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build()
    finally:
        keras.config.set_dtype_policy("float32")

    assert any(layer.compute_dtype == "bfloat16" for layer in model.layers)
    assert model(example_inputs(model, random, (32, 32))).dtype == tf.float32


def test_noise_is_stronger_where_the_image_is_brighter_if_so_learned(random):
    model = NARROW_GENERATORS["unet"]()
    randomize(model, random)
    image = np.zeros((40, 32, 32, 1), np.float32)
    image[:, :, 16:] = 3.0
    condition = np.zeros(40, np.int32)
    noise = random.normal(size=image.shape).astype(np.float32)

    spread = np.asarray(model([image, condition, noise])).std(axis=0)[..., 0]

    dark, bright = spread[:, 4:12].mean(), spread[:, 20:28].mean()
    assert abs(bright - dark) > 0.1 * (bright + dark)
