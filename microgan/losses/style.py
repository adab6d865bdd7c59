"""Style loss: distance between two images' textures in the features of a fixed network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from microgan.losses.perceptual import download_vgg, load_feature_extractor

_VGG_LAYERS = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1")
# In the last two layers, two draws of the same noise are as far apart as noise and no noise.
_EMBEDDED_LAYERS = ("conv1", "conv2", "conv3")
# VGG's range of 0 to 255 is 2 in network values.
_VGG_SCALE = 127.5


def load_content_and_style(source: str | os.PathLike[str]) -> keras.Model:
    """Build the frozen network whose features the content and style losses compare.

    Build it once, under the run's strategy. A compiled update computes only the outputs used.

    Args:
        source: as for `load_feature_extractor`.

    Returns:
        `keras.Model` without trainable weights, (B, Y, X, 1) in [-1, 1] -> `content`, the
        features of `load_feature_extractor` divided by 127.5, and `style`, a list of features
        (B, Y', X', C): for "imagenet" those of VGG19 block1_conv1 to block4_conv1, for a file
        block1_conv1 to block3_conv1 of its own network, for "embedded" conv1 to conv3.

    Raises:
        UserError: the weights can't be downloaded or read.

    Source:
        MicroscopyGAN's published code: VGG16 for content, VGG19 block1..4_conv1 for style.
        Departs: images enter in VGG's range instead of [-1, 1]; dividing by 127.5 keeps the
        original's size of the content loss. Otherwise it would outweigh all other losses, and
        a generator that must keep its input's features learns no defect.
    """
    content = load_feature_extractor(source)
    if source == "imagenet":
        vgg19 = download_vgg("VGG19")
        layers = keras.Model(vgg19.input, [vgg19.get_layer(name).output for name in _VGG_LAYERS],
                             name="vgg19_style")
        style = layers(content.get_layer(_VGG_LAYERS[0]).input)
    else:
        names = _EMBEDDED_LAYERS if source == "embedded" else _VGG_LAYERS[:3]
        style = [content.get_layer(name).output for name in names]
    scaled = keras.layers.Rescaling(1 / _VGG_SCALE)(content.output)
    model = keras.Model(content.input, {"content": scaled, "style": style},
                        name="content_and_style")
    model.trainable = False
    return model


def gram_matrix(features: Any) -> Any:
    """Correlate each pair of channels over all positions.

    Args:
        features: (B, Y, X, C), any floating type.

    Returns:
        float32 (B, C, C), sums of products over positions, divided by Y * X * C.

    Source:
        Gatys et al. 2016, arXiv:1508.06576, eq. 3, normalised by the layer's size as in Johnson
        et al. 2016, arXiv:1603.08155, eq. 3. MicroscopyGAN divides all layers by one constant.
    """
    _, height, width, channels = features.shape
    flat = ops.reshape(ops.cast(features, "float32"), (-1, height * width, channels))
    return ops.matmul(ops.transpose(flat, (0, 2, 1)), flat) / (height * width * channels)


def style_loss(wanted: Sequence[Any], found: Sequence[Any]) -> Any:
    """Squared distance between two images' Gram matrices, relative to the first's.

    Args:
        wanted: features (B, Y, X, C) of each layer, of the images to resemble.
        found: like `wanted`, of the synthetic images.

    Returns:
        float32 (B,), each >= 0, mean over layers, unweighted.

    Source:
        Johnson et al. 2016, arXiv:1603.08155, eq. 4, squared Frobenius norm. Departs: each
        layer is divided by the squared norm of its wanted Gram matrix, since layers would
        otherwise differ ten-thousandfold; the mean over layers, so that the weight means the
        same for any number of them.
    """
    return sum(_relative_distance(gram_matrix(first), gram_matrix(second))
               for first, second in zip(wanted, found, strict=True)) / len(wanted)


def _relative_distance(wanted: Any, found: Any) -> Any:
    difference, size = (ops.sum(ops.square(matrix), axis=(1, 2))
                        for matrix in (found - wanted, wanted))
    return difference / (size + keras.config.epsilon())
