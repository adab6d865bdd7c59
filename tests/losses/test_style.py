import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from microgan.errors import UserError
from microgan.losses import style
from microgan.losses.perceptual import load_feature_extractor
from microgan.losses.style import gram_matrix, load_content_and_style, style_loss
from microgan.losses.vgg_weights import VGG_KERNEL_SHAPES


@pytest.fixture(scope="module")
def embedded():
    return load_content_and_style("embedded")


@pytest.fixture
def vgg_file(tmp_path, random):
    weights = {}
    for name, shape in VGG_KERNEL_SHAPES.items():
        weights[f"{name}__kernel"] = random.normal(0, 0.05, shape).astype(np.float32)
        weights[f"{name}__bias"] = np.zeros(shape[-1], np.float32)
    np.savez(tmp_path / "vgg.npz", **weights)
    return tmp_path / "vgg.npz"


def test_gram_matrix_gives_hand_worked_numbers():
    features = np.float32([[1, 2], [3, -1]]).reshape(1, 1, 2, 2)

    # sums over positions: 1 + 9, 2 - 3, 4 + 1; divided by 1 * 2 * 2
    np.testing.assert_allclose(gram_matrix(features), [[[2.5, -0.25], [-0.25, 1.25]]])


def test_gram_matrix_is_normalised_by_the_size_of_its_layer(random):
    features = random.normal(size=(1, 4, 4, 3)).astype(np.float32)

    larger = np.tile(features, (1, 2, 3, 1))

    np.testing.assert_allclose(gram_matrix(larger), gram_matrix(features), rtol=1e-5)


def test_style_loss_is_the_squared_relative_distance_mean_over_layers():
    two, one = np.full((1, 2, 2, 1), 2, np.float32), np.ones((1, 2, 2, 1), np.float32)

    # Gram matrices 4 and 1: (4 - 1)^2 / 4^2 and (1 - 4)^2 / 1^2
    np.testing.assert_allclose(style_loss([two, one], [one, two]), [(9 / 16 + 9) / 2], rtol=1e-5)


def test_style_forgets_places_and_keeps_texture(embedded, random):
    smooth = ndimage.gaussian_filter(random.normal(size=(1, 128, 128, 1)), (0, 3, 3, 0))
    smooth = (smooth / smooth.std() / 3).astype(np.float32)
    noise = random.normal(0, 0.2, (2, 128, 128, 1)).astype(np.float32)

    def distance(image, other):
        return float(style_loss(embedded(image)["style"], embedded(other)["style"])[0])

    assert distance(smooth, smooth) == 0
    other_noise = distance(smooth + noise[:1], smooth + noise[1:])
    assert 3 * other_noise < distance(smooth, smooth + noise[1:])


def test_content_is_that_of_the_content_loss_per_network_value(embedded, random):
    image = random.normal(size=(1, 16, 16, 1)).astype(np.float32)

    np.testing.assert_allclose(127.5 * embedded(image)["content"],
                               load_feature_extractor("embedded")(image), rtol=1e-5)


def test_file_gives_the_three_layers_it_has(vgg_file):
    model = load_content_and_style(vgg_file)
    raw = load_feature_extractor(vgg_file)
    first = keras.Model(raw.input, raw.get_layer("block1_conv1").output)
    image = np.zeros((1, 16, 16, 1), np.float32)

    outputs = model(image)

    assert [each.shape[1:] for each in outputs["style"]] == [
        (16, 16, 64), (8, 8, 128), (4, 4, 256)]
    np.testing.assert_array_equal(outputs["style"][0], first(image))


def test_imagenet_takes_four_layers_of_vgg19_on_the_preprocessed_image(monkeypatch, vgg_file):
    vgg19 = keras.applications.VGG19
    monkeypatch.setattr(style, "load_feature_extractor",
                        lambda source: load_feature_extractor(vgg_file))
    monkeypatch.setattr(keras.applications, "VGG19",
                        lambda include_top, weights: vgg19(include_top=include_top, weights=None))

    model = load_content_and_style("imagenet")

    assert [each.shape[-1] for each in model.output["style"]] == [64, 128, 256, 512]
    assert not model.trainable_variables


def test_failed_download_names_the_other_choices(monkeypatch, vgg_file):
    def fail(**settings):
        raise Exception("URL fetch\nfailure")

    monkeypatch.setattr(style, "load_feature_extractor",
                        lambda source: load_feature_extractor(vgg_file))
    monkeypatch.setattr(keras.applications, "VGG19", fail)

    with pytest.raises(UserError, match="VGG19 .*URL fetch failure.*--content_features=embedded"):
        load_content_and_style("imagenet")


def test_gradient_reaches_the_image(embedded):
    image = tf.zeros((1, 16, 16, 1))
    wanted = embedded(np.ones((1, 16, 16, 1), np.float32))["style"]

    with tf.GradientTape() as tape:
        tape.watch(image)
        loss = style_loss(wanted, embedded(image)["style"])

    assert np.abs(tape.gradient(loss, image)).max() > 0
