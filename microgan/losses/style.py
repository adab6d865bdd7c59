"""Style loss: the distance of two images' textures in the features of a fixed network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from microgan.losses.perceptual import download_vgg, load_feature_extractor

_VGG_LAYERS = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1")
# Of the further two layers the Gram distance between two draws of the same noise is as large
# as that between noise and none.
_EMBEDDED_LAYERS = ("conv1", "conv2", "conv3")
# VGG's range of 0 to 255 is 2 in network values.
_VGG_SCALE = 127.5


def load_content_and_style(source: str | os.PathLike[str]) -> keras.Model:
    """Build the frozen network whose features the content and style losses compare.

    Build it once, under the strategy of the run, and hand it on. What is not used of its
    outputs is not computed in a compiled update.

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
        Departs: images enter in VGG's own range, and dividing by 127.5 gives the content
        the size it has in the original, where they enter in [-1, 1]. Else it would outweigh
        all other losses, and a generator that must keep its input's features learns no defect.
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
    """How strongly each two channels occur together, wherever in the image.

    Args:
        features: (B, Y, X, C), any floating type.

    Returns:
        float32 (B, C, C), the sum over positions of the products, divided by Y * X * C.

    Source:
        Gatys et al. 2016, arXiv:1508.06576, eq. 3; normalised by the layer's size as in
        Johnson et al. 2016, arXiv:1603.08155, eq. 3. The original divides by one constant
        whatever the layer.
    """
    _, height, width, channels = features.shape
    flat = ops.reshape(ops.cast(features, "float32"), (-1, height * width, channels))
    return ops.matmul(ops.transpose(flat, (0, 2, 1)), flat) / (height * width * channels)


def style_loss(wanted: Sequence[Any], found: Sequence[Any]) -> Any:
    """Squared distance of the Gram matrices of two images, relative to the first's.

    Args:
        wanted: features of the images to look like, a (B, Y, X, C) for each layer.
        found: like `wanted`, of the images.synthetic.

    Returns:
        float32 (B,), each >= 0, mean over layers, unweighted.

    Source:
        Johnson et al. 2016, arXiv:1603.08155, eq. 4, squared Frobenius norm. Departs: each
        layer's distance is divided by the squared norm of the wanted Gram matrix, or the
        layers of one network would differ ten-thousandfold; the mean over layers, so that
        the weight means the same for three layers and for four.
    """
    return sum(_relative_distance(gram_matrix(each), gram_matrix(other))
               for each, other in zip(wanted, found, strict=True)) / len(wanted)


def _relative_distance(wanted: Any, found: Any) -> Any:
    difference, size = (ops.sum(ops.square(matrix), axis=(1, 2))
                        for matrix in (found - wanted, wanted))
    return difference / (size + keras.config.epsilon())
