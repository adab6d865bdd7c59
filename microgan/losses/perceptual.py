"""Content loss: the distance of two images in the features of a fixed network."""

from __future__ import annotations

import io
import os
from importlib import resources
from typing import Any

import keras
import numpy as np
from keras import ops

from microgan.errors import UserError
from microgan.losses.vgg_weights import VGG_KERNEL_SHAPES, LayerWeights, read_vgg_weights

# From network values to what VGG was trained on: blue, green and red from 0 to 255, minus
# ImageNet's means.
_VGG_SCALE = 127.5
_VGG_OFFSETS = tuple(_VGG_SCALE - mean for mean in (103.939, 116.779, 123.68))

# (filters, kernel size, stride). A kernel twice its stride covers all pixels equally often, so
# that the image's gradient shows no grid.
_EMBEDDED_LAYERS = ((32, 6, 2), (32, 3, 1), (64, 4, 2), (96, 3, 1), (96, 3, 1))


def load_feature_extractor(source: str | os.PathLike[str]) -> keras.Model:
    """Build the frozen network whose features the content loss compares.

    Build it once, under the run's strategy.

    Args:
        source: "imagenet" for Keras' VGG16, which Keras downloads on first use; "embedded"
            for the small network that ships with microgan; or the path of a file of VGG
            weights, see `read_vgg_weights`.

    Returns:
        `keras.Model` without trainable weights, (B, Y, X, 1) in [-1, 1], any size ->
        features (B, Y / 4, X / 4, channels) in the policy's compute type. VGG's are those of
        block3_conv3 after its ReLU.

    Raises:
        UserError: the weights cannot be downloaded or read; the message names alternatives.

    Source:
        MicroscopyGAN (arXiv:1910.14207) and its README: VGG16 block3_conv3. Departs: images
        are first scaled to VGG's range, where the original leaves them in [-1, 1].
    """
    if source == "embedded":
        return build_embedded(_read_embedded())
    if source == "imagenet":
        vgg16 = download_vgg("VGG16")
        return build_vgg({name: tuple(vgg16.get_layer(name).get_weights())
                          for name in VGG_KERNEL_SHAPES})
    return build_vgg(read_vgg_weights(source))


def content_loss(features_clean: Any, features_restored: Any, *, squared: bool = False) -> Any:
    """Distance between the features of two images, per image.

    Args:
        features_clean: (B, Y, X, C), any floating type, of the clean images.
        features_restored: like `features_clean`, of the restored images.
        squared: whether to take the mean squared instead of the mean absolute difference.

    Returns:
        float32 (B,), >= 0, mean over Y, X and C, unweighted.

    Source:
        MicroscopyGAN's published code, whose second definition (mean absolute) replaces its
        first (mean squared).
    """
    difference = ops.cast(features_restored, "float32") - ops.cast(features_clean, "float32")
    size = ops.square(difference) if squared else ops.absolute(difference)
    return ops.mean(size, axis=(1, 2, 3))


def build_vgg(weights: LayerWeights) -> keras.Model:
    """VGG up to block3_conv3 after its ReLU, for gray images in [-1, 1], frozen.

    c3-64 x 2, max pooling, c3-128 x 2, max pooling, c3-256 x 3; all 'same', all ReLU.

    Args:
        weights: (kernel, bias) by layer name, shapes as `VGG_KERNEL_SHAPES`.

    Returns:
        `keras.Model`, (B, Y, X, 1) -> (B, Y // 4, X // 4, 256).

    Source:
        Simonyan and Zisserman 2015, arXiv:1409.1556, with Keras' preprocessing.
    """
    image = keras.Input((None, None, 1))
    # float32 under every policy: before the mean is subtracted, bfloat16 would round gray values
    # to whole numbers.
    gray_three_times = keras.layers.Concatenate(dtype="float32")([image] * 3)
    features = keras.layers.Rescaling(_VGG_SCALE, _VGG_OFFSETS, dtype="float32")(gray_three_times)
    for name, shape in VGG_KERNEL_SHAPES.items():
        if name in ("block2_conv1", "block3_conv1"):
            features = keras.layers.MaxPooling2D()(features)
        features = keras.layers.Conv2D(
            shape[-1], 3, padding="same", activation="relu", name=name)(features)
    return _frozen(keras.Model(image, features, name="vgg_block3_conv3"), weights)


def build_embedded(weights: LayerWeights | None = None) -> keras.Model:
    """microgan's own feature network, small, for gray images in [-1, 1].

    c6s2-32, c3-32, c4s2-64, c3-96, c3-96, all 'same', ReLU after all but the last:
    13 thousand multiplications per pixel against VGG's 186. Kernels start orthogonal and stay
    nearly so in training, or tiny changes of the image could undo any distance.

    The weights that ship with microgan were trained on simulated microscope images to
    reproduce the distances of VGG19 block3_conv3 (Simonyan and Zisserman 2015, Keras'
    ImageNet weights). See `docs/embedded_features.md` and `benchmarks/embedded_features.py`.

    Args:
        weights: (kernel, bias) of `conv1` to `conv5` of a frozen network; None to train one.

    Returns:
        `keras.Model`, (B, Y, X, 1) -> (B, ceil(Y / 4), ceil(X / 4), 96).

    Source:
        ours.
    """
    image = keras.Input((None, None, 1))
    features = image
    last = len(_EMBEDDED_LAYERS)
    for number, (filters, kernel_size, stride) in enumerate(_EMBEDDED_LAYERS, start=1):
        features = keras.layers.Conv2D(
            filters, kernel_size, strides=stride, padding="same", name=f"conv{number}",
            kernel_initializer="orthogonal",
            activation=None if number == last else "relu")(features)
    model = keras.Model(image, features, name="embedded_features")
    return model if weights is None else _frozen(model, weights)


def _frozen(model: keras.Model, weights: LayerWeights) -> keras.Model:
    for name, arrays in weights.items():
        model.get_layer(name).set_weights(arrays)
    model.trainable = False
    return model


def _read_embedded() -> LayerWeights:
    packed = (resources.files("microgan.losses") / "embedded_features.npz").read_bytes()
    with np.load(io.BytesIO(packed), allow_pickle=False) as file:
        return {name: (file[f"{name}__kernel"].astype(np.float32),
                       file[f"{name}__bias"].astype(np.float32))
                for name in (f"conv{number + 1}" for number in range(len(_EMBEDDED_LAYERS)))}


def download_vgg(name: str) -> keras.Model:
    """Get a VGG with ImageNet weights from Keras, which downloads them on first use.

    Args:
        name: "VGG16" or "VGG19", as `keras.applications` calls it.

    Raises:
        UserError: the download failed.
    """
    try:
        return getattr(keras.applications, name)(include_top=False, weights="imagenet")
    except Exception as error:  # what Keras raises when a download fails is a bare Exception
        reason = " ".join(str(error).split())
        raise UserError(
            f"--content_features=imagenet: Keras could not fetch the {name} weights ({reason}). "
            "Choose --content_features=embedded, which needs no download, or "
            "--content_features=PATH, an .npz or .h5 file of VGG weights.") from error
