"""Building blocks shared by the networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from microgan.layers import (
    CropLike, InstanceNormalization, PadToMultiple, ReflectionPadding2D)

# PyTorch's, added to a deviation here and to a variance there.
_RIVALS_EPSILON = 1e-5
_RIVALS_SLOPE = 0.2
# Features -> features of mean 0 and deviation 1 per image and channel, scaled and shifted.
Normalize = Callable[[Any], Any]


def instance_norm(features: Any) -> Any:
    """Instance normalisation with one gamma and beta per channel."""
    return InstanceNormalization()(features)


def conv_norm_relu(features: Any, filters: int, kernel_size: int, strides: int = 1, *,
                   normalize: Normalize = instance_norm) -> Any:
    """Convolution ('same', zero padding), instance norm and ReLU.

    Args:
        features: symbolic (B, Y, X, C).
        filters: output channels.
        kernel_size: in pixels.
        strides: in pixels.
        normalize: makes and applies the instance norm.

    Returns:
        Symbolic (B, Y / strides, X / strides, filters).
    """
    features = layers.Conv2D(filters, kernel_size, strides=strides, padding="same")(features)
    return layers.ReLU()(normalize(features))


def residual_block(features: Any, dropout: float, *, normalize: Normalize = instance_norm) -> Any:
    """conv3, instance norm, ReLU, dropout, conv3, instance norm, plus the input.

    Args:
        features: symbolic (B, Y, X, C); C is kept.
        dropout: share of features set to zero in training, 0 to 1.
        normalize: makes and applies each instance norm.

    Source:
        MicroscopyGAN's residual block (He et al. 2016 with instance norm).
    """
    filters = features.shape[-1]
    skip = features
    features = conv_norm_relu(features, filters, 3, normalize=normalize)
    features = layers.Dropout(dropout)(features)
    features = layers.Conv2D(filters, 3, padding="same")(features)
    return layers.Add()([normalize(features), skip])


def resnet_translation(image: Any, *, filters: int, num_blocks: int, dropout: float,
                       normalize: Normalize = instance_norm) -> Any:
    """MicroscopyGAN's image-to-image ResNet.

    c7s1-F, c3s2-2F, c3s2-4F, residual blocks of 4F, u2F, uF (u: nearest upsampling x2 and
    c3s1), instance norm and ReLU after each; c7s1-1 and tanh; the result is the mean of the
    tanh and the image. Sizes that are no multiple of 4 are padded by reflection and cut back.

    Args:
        image: symbolic (B, Y, X, 1), Y and X at least 4.
        filters: F, channels at full resolution.
        num_blocks: residual blocks.
        dropout: in every residual block, 0 to 1.
        normalize: makes and applies each instance norm.

    Returns:
        Symbolic, like `image`; mixed precision rounds what goes into the tanh, not the rest.
    """
    padded = pad_exactly(image, 4)
    features = conv_norm_relu(padded, filters, 7, normalize=normalize)
    features = conv_norm_relu(features, 2 * filters, 3, strides=2, normalize=normalize)
    features = conv_norm_relu(features, 4 * filters, 3, strides=2, normalize=normalize)
    for _ in range(num_blocks):
        features = residual_block(features, dropout, normalize=normalize)
    for channels in (2 * filters, filters):
        features = layers.UpSampling2D(2, interpolation="nearest")(features)
        features = conv_norm_relu(features, channels, 3, normalize=normalize)
    features = layers.Conv2D(1, 7, padding="same")(features)
    change = layers.Activation("tanh", dtype=keras.config.floatx())(features)
    result = layers.Average(dtype=keras.config.floatx())([change, padded])
    return crop_exactly(result, image)


def pad_exactly(image: Any, multiple: int | tuple[int, ...]) -> Any:
    """Pad by reflection to a multiple of a stride, without rounding to bfloat16.

    The padded image is added to a network's output.
    """
    return PadToMultiple(multiple, dtype=keras.config.floatx())(image)


def crop_exactly(image: Any, like: Any) -> Any:
    """Undo `pad_exactly`."""
    return CropLike(dtype=keras.config.floatx())([image, like])


def reflecting_resnet(image: Any, *, filters: int, num_blocks: int, dropout: float) -> Any:
    """The ResNet that CycleGAN and DeblurGAN share.

    c7s1-F, c3s2-2F, c3s2-4F, R4F (conv3, dropout after the first), u2F, uF (u: transposed
    c3s2), each with instance norm without scale and shift and ReLU; c7s1-1 and tanh.
    Reflection padding at full resolution and in the residual blocks, kernels N(0, 0.02).

    Args:
        image: symbolic (B, Y, X, 1), Y and X multiples of 4, at least 8.
        filters: F, channels at full resolution.
        num_blocks: residual blocks.
        dropout: in every residual block, 0 to 1.

    Returns:
        Symbolic, like `image`, -1 to 1; mixed precision rounds what goes into the tanh.

    Source:
        Zhu et al. 2017, arXiv:1703.10593, after Johnson et al. 2016, arXiv:1603.08155.
    """
    features = _norm_relu(_reflected_conv(image, filters, 7))
    for channels in (2 * filters, 4 * filters):
        features = _norm_relu(layers.Conv2D(channels, 3, strides=2, padding="same",
                                            kernel_initializer=_narrow())(features))
    for _ in range(num_blocks):
        change = _norm_relu(_reflected_conv(features, 4 * filters, 3))
        if dropout:
            change = layers.Dropout(dropout)(change)
        change = _plain_norm(_reflected_conv(change, 4 * filters, 3))
        features = layers.Add()([change, features])
    for channels in (2 * filters, filters):
        features = _norm_relu(layers.Conv2DTranspose(
            channels, 3, strides=2, padding="same", kernel_initializer=_narrow())(features))
    features = _reflected_conv(features, 1, 7)
    return layers.Activation("tanh", dtype=keras.config.floatx())(features)


def patch_discriminator(*, filters: int, name: str) -> keras.Model:
    """The 70 x 70 PatchGAN of CycleGAN and DeblurGAN, without sigmoid.

    c4s2-64, c4s2-128, c4s2-256, c4s1-512, c4s1-1, each padded by 1, instance norm without
    scale and shift except in the first and last, leaky ReLU 0.2. 2,762,689 parameters;
    published, with colour, 2,764,737.

    Args:
        filters: channels of the first convolution, > 0; the original's 64.
        name: of the model.

    Returns:
        `keras.Model`, float32 (B, Y, X, 1) -> float32 scores (B, Y / 8 - 2, X / 8 - 2, 1),
        unbounded.

    Source:
        Isola et al. 2017, arXiv:1611.07004.
    """
    image = keras.Input((None, None, 1), name="image")
    features = layers.LeakyReLU(_RIVALS_SLOPE)(_padded_conv(image, filters, strides=2))
    for level, strides in ((1, 2), (2, 2), (3, 1)):
        features = _plain_norm(_padded_conv(features, filters * 2 ** level, strides=strides))
        features = layers.LeakyReLU(_RIVALS_SLOPE)(features)
    scores = _padded_conv(features, 1, strides=1)
    scores = layers.Activation("linear", dtype=keras.config.floatx())(scores)
    return keras.Model(image, scores, name=name)


def _narrow() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(0.0, 0.02)


def _plain_norm(features: Any) -> Any:
    return InstanceNormalization(_RIVALS_EPSILON, affine=False)(features)


def _norm_relu(features: Any) -> Any:
    return layers.ReLU()(_plain_norm(features))


def _reflected_conv(features: Any, filters: int, kernel_size: int) -> Any:
    features = ReflectionPadding2D(kernel_size // 2)(features)
    return layers.Conv2D(filters, kernel_size, kernel_initializer=_narrow())(features)


def _padded_conv(features: Any, filters: int, *, strides: int) -> Any:
    features = layers.ZeroPadding2D(1)(features)
    return layers.Conv2D(filters, 4, strides=strides, kernel_initializer=_narrow())(features)
