import keras
import numpy as np
import pytest
import tensorflow as tf

from microgan.networks.zse_gan import (
    build_discriminator, build_published_generator, build_published_translator,
    build_residual_generator, build_residual_translator)


@pytest.fixture
def narrow():
    keras.utils.set_random_seed(1)
    return {"filters": 2, "num_blocks": 1}


def test_published_networks_have_the_published_sizes():
    assert build_published_translator().count_params() == 1_472_209
    assert build_discriminator().count_params() == 690_145


def test_published_translator_has_the_published_layers():
    kinds = [type(layer).__name__ for layer in build_published_translator().layers]

    # c5 and the last one, then c3s2, c3s2 and six blocks of two.
    assert kinds.count("SingleChannelConv3D") == 2
    assert kinds.count("Conv3D") == 2 + 12
    assert kinds.count("Conv3DTranspose") == 2
    assert kinds.count("Add") == 6


@pytest.mark.parametrize("size", [(29, 16, 16), (7, 21, 18)])
@pytest.mark.parametrize("build", [build_published_generator, build_residual_generator])
def test_generator_takes_any_size_and_depth(build, size, narrow, random):
    stack = random.normal(size=(1, *size, 1)).astype(np.float32)

    sharpened, reconstructed = build(**narrow)(stack)

    assert sharpened.shape == reconstructed.shape == stack.shape


def test_published_output_is_a_tanh(narrow, random):
    stack = 100 * random.normal(size=(1, 8, 16, 16, 1)).astype(np.float32)

    for result in build_published_generator(**narrow)(stack):
        assert np.abs(result).max() <= 1


def test_residual_generator_starts_as_the_identity(narrow, random):
    stack = random.normal(size=(1, 7, 21, 18, 1)).astype(np.float32)

    for result in build_residual_generator(**narrow)(stack):
        np.testing.assert_array_equal(result, stack)


def test_what_lies_outside_is_not_sharpened(narrow, random):
    generator = build_residual_generator(**narrow, outside_share=0.14)
    generator.set_weights([random.normal(size=weight.shape) for weight in generator.weights])
    stack = random.normal(size=(1, 29, 16, 16, 1)).astype(np.float32)

    changed = np.any(generator(stack)[0] != stack, axis=(0, 2, 3, 4))

    assert list(np.flatnonzero(changed)) == list(range(4, 25))


def test_sharpening_treats_all_depths_equally(narrow, random):
    sharpen = build_residual_generator(**narrow).get_layer("sharpen")
    sharpen.set_weights([random.normal(size=weight.shape) for weight in sharpen.weights])
    stack = np.tile(random.normal(size=(16, 16, 1)).astype(np.float32), (1, 21, 1, 1, 1))

    result = sharpen(stack).numpy()[0, 6:-6]  # where zero padding has no influence

    np.testing.assert_allclose(result, np.broadcast_to(result[0], result.shape), rtol=1e-4,
                               atol=1e-3)


def test_translators_can_be_called_alone(narrow, random):
    generator = build_published_generator(**narrow)
    stack = random.normal(size=(1, 8, 16, 16, 1)).astype(np.float32)

    sharpened, reconstructed = generator(stack)

    np.testing.assert_array_equal(generator.get_layer("sharpen")(stack), sharpened)
    np.testing.assert_array_equal(generator.get_layer("blur")(sharpened), reconstructed)


@pytest.mark.parametrize("build, arguments", [
    (build_published_translator, {"filters": 2, "num_blocks": 1}),
    (build_residual_translator, {"filters": 2, "num_blocks": 1}),
    (build_discriminator, {"filters": 2, "num_halvings": 3})])
def test_gradient_reaches_every_kernel(build, arguments, random):
    keras.utils.set_random_seed(1)
    model = build(**arguments)
    for weight in model.trainable_variables:  # the last of ours starts at zero
        weight.assign(random.normal(size=weight.shape))
    shape = (1, 8, 16, 16, 1) if len(model.input_shape) == 5 else (1, 32, 32, 1)
    image = tf.constant(random.normal(size=shape), tf.float32)

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(image) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)

    for weight, gradient in zip(model.trainable_variables, gradients):
        if "kernel" in weight.path:
            assert np.abs(gradient).max() > 0, weight.path


def test_discriminator_scores_neighbourhoods_of_both_kinds_of_sections():
    model = build_discriminator(filters=2)

    assert model(np.zeros((1, 128, 128, 1))).shape == (1, 9, 9, 1)
    assert model(np.zeros((1, 128, 29, 1))).shape == (1, 9, 2, 1)


def test_discriminator_sees_62_pixels(random):
    model = build_discriminator(filters=2, use_norm=False)
    section = tf.constant(random.normal(size=(1, 128, 128, 1)), tf.float32)

    with tf.GradientTape() as tape:
        tape.watch(section)
        score = model(section)[0, 4, 4, 0]
    seen = np.flatnonzero(np.abs(tape.gradient(score, section)[0, ..., 0]).sum(axis=0))

    assert seen.max() - seen.min() + 1 == 62
