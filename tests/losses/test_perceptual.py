"""Perceptual distances: right preprocessing, frozen features, a useful embedded network."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from microgan.errors import UserError
from microgan.losses import perceptual
from microgan.losses.perceptual import build_vgg, content_loss, load_feature_extractor
from microgan.losses.vgg_weights import VGG_KERNEL_SHAPES
from microgan.simulation.datasets import SETS, simulate_pair


@pytest.fixture
def random_vgg():
    """Random kernels and biases of VGG's names and shapes."""
    rng = np.random.default_rng(0)
    return {name: (rng.normal(0, np.prod(shape[:3]) ** -0.5, shape).astype(np.float32),
                   rng.normal(size=shape[-1:]).astype(np.float32))
            for name, shape in VGG_KERNEL_SHAPES.items()}


@pytest.fixture(scope="module")
def embedded():
    return load_feature_extractor("embedded")


@pytest.fixture(scope="module")
def simulated_images():
    """Clean images (N, 64, 64, 1) of every simulated set, [-1, 1]."""
    images = [simulate_pair(name, seed=7, part="test", index=0, image_size=64)[1]
              for name in SETS]
    return np.stack([2 * image / image.max() - 1 for image in images])[..., None].astype("f4")


def distances(network, images, others):
    return np.asarray(content_loss(network(images), network(others)))


def test_vgg_sees_blue_green_red_minus_the_means_of_imagenet(random_vgg):
    model = build_vgg(random_vgg)
    before_first_convolution = keras.Model(model.input, model.get_layer("block1_conv1").input)

    pixels = np.asarray(before_first_convolution(np.array([-1.0, 0.0, 1.0]).reshape(1, 1, 3, 1)))

    expected = [[-103.939, -116.779, -123.68], [23.561, 10.721, 3.82],
                [151.061, 138.221, 131.32]]
    np.testing.assert_allclose(pixels[0, 0], expected, rtol=1e-5)


def test_vgg_equals_that_of_keras_applications(tmp_path, random_vgg):
    path = tmp_path / "vgg.npz"
    np.savez(path, **{f"{name}__{part}": array for name, arrays in random_vgg.items()
                      for part, array in zip(("kernel", "bias"), arrays)})
    trusted = keras.applications.VGG16(weights=None, include_top=False)
    for name, arrays in random_vgg.items():
        trusted.get_layer(name).set_weights(arrays)
    trusted = keras.Model(trusted.input, trusted.get_layer("block3_conv3").output)
    gray = np.random.default_rng(1).uniform(-1, 1, (2, 32, 32, 1)).astype(np.float32)
    rgb = np.repeat((gray + 1) * 127.5, 3, axis=-1)

    features = load_feature_extractor(path)(gray)

    expected = trusted(keras.applications.vgg16.preprocess_input(rgb))
    assert features.shape == (2, 8, 8, 256)
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-3)


def test_imagenet_takes_the_weights_from_keras(monkeypatch, random_vgg):
    trusted = keras.applications.VGG16(weights=None, include_top=False)
    for name, arrays in random_vgg.items():
        trusted.get_layer(name).set_weights(arrays)
    monkeypatch.setattr(keras.applications, "VGG16", lambda **_: trusted)

    model = load_feature_extractor("imagenet")

    for name, (kernel, bias) in random_vgg.items():
        np.testing.assert_array_equal(model.get_layer(name).kernel, kernel)
        np.testing.assert_array_equal(model.get_layer(name).bias, bias)


def test_imagenet_without_network_is_an_error_that_names_the_choices(monkeypatch):
    def no_network(*_, **__):
        raise Exception("URL fetch failure on https://example.org/vgg16.h5: None\nno route")

    monkeypatch.setattr("keras.src.applications.vgg16.file_utils.get_file", no_network)

    with pytest.raises(UserError, match="--content_features=imagenet: .*URL fetch failure.*"
                                        "--content_features=embedded.*"
                                        "--content_features=PATH") as caught:
        load_feature_extractor("imagenet")
    assert "\n" not in str(caught.value)


def test_content_loss_is_the_mean_difference_of_each_image():
    clean = np.zeros((2, 1, 2, 2), np.float16)
    restored = np.array([[[[1, -2], [3, -4]]], [[[0, 0], [0, 2]]]], np.float16)

    absolute = content_loss(clean, restored)
    squared = content_loss(clean, restored, squared=True)

    assert absolute.dtype == squared.dtype == tf.float32
    np.testing.assert_array_equal(absolute, [2.5, 0.5])
    np.testing.assert_array_equal(squared, [7.5, 1.0])


def test_identical_images_have_distance_zero(embedded, simulated_images):
    assert (distances(embedded, simulated_images, simulated_images) == 0).all()


def test_features_are_frozen_but_gradients_reach_the_image(embedded, random_vgg):
    image = tf.constant(np.random.default_rng(0).uniform(-1, 1, (1, 16, 20, 1)), tf.float32)
    for network in (embedded, build_vgg(random_vgg)):
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = content_loss(network(image[:, ::-1]), network(image))

        gradient = tape.gradient(loss, image)

        assert network.trainable_weights == []
        assert network(image).shape[1:3] == (4, 5)
        assert np.isfinite(gradient).all() and np.any(gradient, axis=(0, 3)).mean() > 0.9


def test_features_work_in_bfloat16(random_vgg, simulated_images):
    exact = distances(load_feature_extractor("embedded"), simulated_images, -simulated_images)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        embedded, vgg = load_feature_extractor("embedded"), build_vgg(random_vgg)
        preprocessing = vgg.get_layer("block1_conv1").input

        rough = distances(embedded, simulated_images, -simulated_images)
    finally:
        keras.mixed_precision.set_global_policy("float32")

    assert embedded(simulated_images).dtype == tf.bfloat16
    assert preprocessing.dtype == "float32"
    np.testing.assert_allclose(rough, exact, rtol=0.02)


def test_embedded_file_is_small():
    path = perceptual.resources.files("microgan.losses") / "embedded_features.npz"

    assert len(path.read_bytes()) <= 2_000_000


@pytest.mark.parametrize("distort", [
    lambda image, strength, _: ndimage.gaussian_filter(image, strength),
    lambda image, strength, noise: image + 0.1 * strength * noise,
    lambda image, strength, _: ndimage.shift(image, (0, strength), order=1, mode="reflect")],
    ids=["blur", "noise", "shift"])
def test_embedded_distance_grows_with_the_distortion(embedded, simulated_images, distort):
    noise = np.random.default_rng(0).normal(size=simulated_images.shape[1:3])

    graded = [distances(embedded, simulated_images, np.stack(
        [distort(image, strength, noise) for image in simulated_images[..., 0]])[..., None])
        for strength in (0.5, 1, 2, 4)]

    assert (np.diff(graded, axis=0) > 0).all()


def test_descending_the_embedded_distance_leads_back_to_the_clean_image(
        embedded, simulated_images):
    """A fooled feature network has a falling distance while the image stays the same."""
    noise = np.random.default_rng(0).normal(0, 0.3, simulated_images.shape)
    pixels = keras.Variable(simulated_images + noise)
    optimizer = keras.optimizers.Adam(0.02)
    optimizer.build([pixels])
    features_clean = embedded(simulated_images)

    @tf.function(jit_compile=False)
    def update():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(content_loss(features_clean, embedded(pixels.value)))
        optimizer.apply([tape.gradient(loss, pixels.value)], [pixels])

    for _ in range(100):
        update()

    error = np.abs(pixels.numpy() - simulated_images).mean()
    assert error < 0.6 * np.abs(noise).mean()
