import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.rivals import care, cyclegan, deblurgan, n2v, pix2pix, zs_n2n

# Gray instead of colour: two channels less in a 7 x 7 convolution in, and one out with biases.
COLOUR_OF_RESNET = 2 * 49 * 64 + 2 * (49 * 64 + 1)
COLOUR_OF_DISCRIMINATOR = 2 * 16 * 64

NARROW_GENERATORS = {
    "care": lambda: care.build_unet_generator(filters=4),
    "deblurgan": lambda: deblurgan.build_resnet_generator(filters=4, num_blocks=2),
    "cyclegan": lambda: cyclegan.build_resnet_generator(filters=4, num_blocks=2),
    "pix2pix": lambda: pix2pix.build_unet_generator(filters=4, depth=3),
    "n2v": lambda: n2v.build_unet_generator(filters=4),
    "zs_n2n": lambda: zs_n2n.build_noise_network(filters=4),
}


def count_layers(model, kind):
    return sum(isinstance(layer, kind) for layer in model.layers)


def test_care_has_922977_parameters():
    assert care.build_unet_generator().count_params() == 922_977


def test_care_has_the_channels_of_csbdeep():
    filters = [layer.filters for layer in care.build_unet_generator().layers
               if isinstance(layer, keras.layers.Conv2D)]

    assert filters == [32, 32, 64, 64, 128, 64, 64, 32, 32, 32, 1]


def test_n2v_has_the_convolutions_of_care_with_kernels_of_3_and_batch_norm_after_each():
    model = n2v.build_unet_generator()
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]

    assert [layer.filters for layer in convolutions] == [32, 32, 64, 64, 128, 64, 64, 32, 32, 32,
                                                         1]
    assert {layer.kernel_size for layer in convolutions[:-1]} == {(3, 3)}
    assert count_layers(model, keras.layers.BatchNormalization) == 10
    assert model.count_params() == 334_817


def test_zs_n2n_has_two_convolutions_of_48_channels():
    assert zs_n2n.build_noise_network().count_params() == 10 * 48 + (9 * 48 + 1) * 48 + 49


def test_deblurgan_has_11365633_parameters_and_nine_blocks_with_dropout():
    model = deblurgan.build_resnet_generator()

    assert model.count_params() == 11_365_633
    assert model.count_params() + COLOUR_OF_RESNET == 11_378_179  # as published
    assert count_layers(model, keras.layers.Dropout) == 9
    assert count_layers(model, keras.layers.Add) == 9 + 1


def test_cyclegan_has_7825153_parameters_and_six_blocks_without_dropout():
    model = cyclegan.build_resnet_generator()

    assert model.count_params() == 7_825_153
    assert model.count_params() + COLOUR_OF_RESNET == 7_837_699  # as published
    assert count_layers(model, keras.layers.Add) == 6
    assert count_layers(model, keras.layers.Dropout) == 0


def test_pix2pix_has_41819521_parameters_and_three_dropped_levels():
    model = pix2pix.build_unet_generator()
    published = 41_828_995  # printed by its code, with colour, as 41.829 M
    colour = 2 * 16 * 64 + 2 * (16 * 128 + 1)
    normed = 128 + 256 + 3 * 512 + 3 * 512 + 256 + 128 + 64
    # There every norm has a scale and a shift, and only the last convolution a bias.
    biases = 64 + 512 + normed

    assert model.count_params() == 41_819_521 == published - colour - 2 * normed + biases
    assert count_layers(model, keras.layers.Dropout) == 3
    assert count_layers(model, keras.layers.Concatenate) == 6


def test_pix2pix_discriminator_sees_both_images():
    model = pix2pix.build_patch_discriminator(filters=2)
    images = np.zeros((1, 64, 64, 1), np.float32), np.ones((1, 64, 64, 1), np.float32)

    assert model(images).shape == (1, 6, 6, 1)
    assert pix2pix.build_patch_discriminator().count_params() == 2_762_689 + 16 * 64


@pytest.mark.parametrize("build", [deblurgan.build_patch_critic,
                                   cyclegan.build_patch_discriminator])
def test_patch_discriminators_have_2762689_parameters(build):
    model = build()

    assert model.count_params() == 2_762_689
    assert model.count_params() + COLOUR_OF_DISCRIMINATOR == 2_764_737  # as published
    assert model(np.zeros((1, 128, 128, 1), np.float32)).shape == (1, 14, 14, 1)


def test_patch_discriminator_sees_70_pixels_without_its_norms():
    """A convolution of 4 sees 1 -> 4 -> 7, then twice as far and 2 more at every stride."""
    model = cyclegan.build_patch_discriminator(filters=1)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    seen = 1
    for layer in reversed(convolutions):
        seen = (seen - 1) * layer.strides[0] + layer.kernel_size[0]

    assert seen == 70


@pytest.mark.parametrize("name", NARROW_GENERATORS)
@pytest.mark.parametrize("size", [(32, 32), (21, 50)])
def test_generators_keep_any_size(name, size):
    restored = NARROW_GENERATORS[name]()(np.zeros((2, *size, 1), np.float32))

    assert restored.shape == (2, *size, 1)
    assert restored.dtype == tf.float32


@pytest.mark.parametrize("name, lowest, highest", [("deblurgan", -1, 1), ("cyclegan", -1, 1),
                                                   ("pix2pix", -1, 1)])
def test_published_output_ends_at_one(name, lowest, highest, random):
    images = random.normal(0, 3, size=(1, 16, 16, 1)).astype(np.float32)

    made = np.asarray(NARROW_GENERATORS[name]()(images))

    assert lowest <= made.min() and made.max() <= highest


def test_deblurgan_adds_its_tanh_to_the_image_and_clips(random):
    model = NARROW_GENERATORS["deblurgan"]()
    last = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)][-1]
    last.kernel.assign(np.zeros(last.kernel.shape))
    last.bias.assign([np.arctanh(0.25)])
    images = np.array([-0.5, 0.0, 0.9], np.float32).repeat(64).reshape(3, 8, 8, 1)

    np.testing.assert_allclose(model(images)[:, 0, 0, 0], [-0.25, 0.25, 1.0], atol=1e-6)


@pytest.mark.parametrize("name", NARROW_GENERATORS)
def test_gradient_reaches_every_kernel(name, random):
    model = NARROW_GENERATORS[name]()
    images = random.normal(0, 0.3, size=(1, 16, 16, 1)).astype(np.float32)

    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(images) ** 2)

    kernels = [weight for weight in model.trainable_variables if "kernel" in weight.path]
    for kernel, gradient in zip(kernels, tape.gradient(total, kernels)):
        assert np.abs(gradient).max() > 0, kernel.path
