import keras
import numpy as np
import pytest
import tensorflow as tf

from microgan.networks.cgan import (
    build_dense_discriminator, build_patch_discriminator, build_resnet_generator,
    build_unet_generator)

NARROW_GENERATORS = {
    "resnet": lambda: build_resnet_generator(filters=4, num_blocks=2),
    "unet": lambda: build_unet_generator(filters=4),
}


def test_published_generator_has_11376129_parameters_and_nine_blocks():
    model = build_resnet_generator()

    assert model.count_params() == 11_376_129
    assert sum(isinstance(layer, keras.layers.Add) for layer in model.layers) == 9
    assert sum(isinstance(layer, keras.layers.Dropout) for layer in model.layers) == 9


def test_published_discriminator_has_29698305_parameters():
    assert build_dense_discriminator(128).count_params() == 29_698_305


@pytest.mark.parametrize("name", NARROW_GENERATORS)
@pytest.mark.parametrize("size", [(32, 32), (21, 50)])
def test_generators_keep_any_size(name, size):
    restored = NARROW_GENERATORS[name]()(np.zeros((2, *size, 1), np.float32))

    assert restored.shape == (2, *size, 1)
    assert restored.dtype == tf.float32


def test_published_output_is_the_mean_of_tanh_and_input():
    model = build_resnet_generator(filters=4, num_blocks=1)
    model.layers[-4].bias.assign([100.0])  # the last convolution: tanh becomes 1
    degraded = np.full((1, 8, 8, 1), -0.5, np.float32)

    np.testing.assert_allclose(model(degraded), (1 - 0.5) / 2, atol=1e-6)


def test_unet_starts_as_the_identity(random):
    degraded = random.normal(size=(1, 24, 16, 1)).astype(np.float32)

    np.testing.assert_allclose(build_unet_generator(filters=4)(degraded), degraded, atol=1e-6)


@pytest.mark.parametrize("name", NARROW_GENERATORS)
def test_gradient_reaches_every_kernel(name, random):
    model = NARROW_GENERATORS[name]()
    for weight in model.trainable_variables:  # an output layer of zeros would block it
        if "kernel" in weight.path:
            weight.assign(random.normal(0, 0.1, weight.shape))
    degraded = random.normal(size=(1, 16, 16, 1)).astype(np.float32)

    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(degraded) ** 2)

    kernels = [weight for weight in model.trainable_variables if "kernel" in weight.path]
    for kernel, gradient in zip(kernels, tape.gradient(total, kernels)):
        assert np.abs(gradient).max() > 0, kernel.path


@pytest.mark.parametrize("build, shape", [
    (lambda: build_dense_discriminator(32, filters=4), (3, 1)),
    (lambda: build_patch_discriminator(filters=4), (3, 4, 4, 1)),
])
def test_discriminators_give_logits(build, shape):
    images = np.zeros((3, 32, 32, 1), np.float32)

    assert build()([images, images]).shape == shape


def test_dense_discriminator_refuses_patches_it_cannot_convolve():
    with pytest.raises(ValueError, match="at least 10. Received: patch_size=8"):
        build_dense_discriminator(8)


@pytest.fixture
def mixed_bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("name", NARROW_GENERATORS)
def test_mixed_precision_gives_float32_images(name, mixed_bfloat16):
    model = NARROW_GENERATORS[name]()

    assert model.layers[2].compute_dtype == "bfloat16"
    assert model(np.zeros((1, 16, 16, 1), np.float32)).dtype == tf.float32


def test_mixed_precision_does_not_round_the_input_that_is_added(mixed_bfloat16, random):
    """The untrained U-Net is the identity; bfloat16 keeps only 8 bits of 16."""
    degraded = random.normal(size=(1, 17, 16, 1)).astype(np.float32)

    np.testing.assert_array_equal(build_unet_generator(filters=4)(degraded), degraded)
