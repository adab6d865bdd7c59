"""Networks that DeblurGAN, CycleGAN and pix2pix share, and that CARE and Noise2Void do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from microgan.layers import InstanceNormalization, ReflectionPadding2D

# PyTorch's, added to a deviation here and to a variance there.
_EPSILON = 1e-5
_SLOPE = 0.2


def reflecting_resnet(image: Any, *, filters: int, num_blocks: int, dropout: float) -> Any:
    """Build the ResNet that CycleGAN and DeblurGAN share.

    c7s1-F, c3s2-2F, c3s2-4F, R4F (conv3, dropout after the first), u2F, uF (u: transposed
    c3s2), each with instance norm without scale and shift and ReLU; c7s1-1 and tanh.
    Reflection padding at full resolution and in the residual blocks, kernels N(0, 0.02).

    Args:
        image: symbolic (B, Y, X, 1), Y and X multiples of 4, at least 8.
        filters: F, channels at full resolution.
        num_blocks: residual blocks.
        dropout: in every residual block, 0 to 1.

    Returns:
        Symbolic, like `image`, -1 to 1; mixed precision rounds the input of the tanh.

    Source:
        Zhu et al. 2017, arXiv:1703.10593, after Johnson et al. 2016, arXiv:1603.08155.
    """
    features = _norm_relu(_reflected_conv(image, filters, 7))
    for channels in (2 * filters, 4 * filters):
        features = _norm_relu(layers.Conv2D(channels, 3, strides=2, padding="same",
                                            kernel_initializer=narrow())(features))
    for _ in range(num_blocks):
        change = _norm_relu(_reflected_conv(features, 4 * filters, 3))
        if dropout:
            change = layers.Dropout(dropout)(change)
        change = plain_norm(_reflected_conv(change, 4 * filters, 3))
        features = layers.Add()([change, features])
    for channels in (2 * filters, filters):
        features = _norm_relu(layers.Conv2DTranspose(
            channels, 3, strides=2, padding="same", kernel_initializer=narrow())(features))
    features = _reflected_conv(features, 1, 7)
    return layers.Activation("tanh", dtype=keras.config.floatx())(features)


def patch_discriminator(*, filters: int, name: str) -> keras.Model:
    """Build the 70 x 70 PatchGAN of CycleGAN and DeblurGAN, without sigmoid.

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
    return keras.Model(image, patch_scores(image, filters=filters), name=name)


def patch_scores(images: Any, *, filters: int) -> Any:
    """Build the layers of `patch_discriminator`.

    Args:
        images: symbolic (B, Y, X, C).
        filters: channels of the first convolution, > 0.

    Returns:
        Symbolic scores, as there.
    """
    features = layers.LeakyReLU(_SLOPE)(_padded_conv(images, filters, strides=2))
    for level, strides in ((1, 2), (2, 2), (3, 1)):
        features = plain_norm(_padded_conv(features, filters * 2 ** level, strides=strides))
        features = layers.LeakyReLU(_SLOPE)(features)
    scores = _padded_conv(features, 1, strides=1)
    return layers.Activation("linear", dtype=keras.config.floatx())(scores)


def narrow() -> keras.initializers.Initializer:
    """Return the initializer of all their kernels."""
    return keras.initializers.RandomNormal(0.0, 0.02)


def plain_norm(features: Any) -> Any:
    """Normalise each image and channel, without scale and shift."""
    return InstanceNormalization(_EPSILON, affine=False)(features)


def _norm_relu(features: Any) -> Any:
    return layers.ReLU()(plain_norm(features))


def _reflected_conv(features: Any, filters: int, kernel_size: int) -> Any:
    features = ReflectionPadding2D(kernel_size // 2)(features)
    return layers.Conv2D(filters, kernel_size, kernel_initializer=narrow())(features)


def _padded_conv(features: Any, filters: int, *, strides: int) -> Any:
    features = layers.ZeroPadding2D(1)(features)
    return layers.Conv2D(filters, 4, strides=strides, kernel_initializer=narrow())(features)


def small_unet(image: Any, conv: Callable[[Any, int], Any], *, filters: int, depth: int) -> Any:
    """Build the U-Net that CARE and Noise2Void share, without its last convolution.

    F-F, then at each level down twice as many channels, max pooling down, nearest upsampling
    and a skip connection up; for depth 2 F-F, 2F-2F, 4F-2F, 2F-F, F-F channels.

    Args:
        image: symbolic (B, Y, X, 1), Y and X multiples of 2 ** depth.
        conv: features and channels -> the features after a convolution and what belongs to it.
        filters: F, channels at full resolution.
        depth: halvings, >= 1.

    Returns:
        Symbolic (B, Y, X, F).
    """
    features, skips = image, []
    for level in range(depth):
        for _ in range(2):
            features = conv(features, filters * 2 ** level)
        skips.append(features)
        features = layers.MaxPooling2D()(features)
    features = conv(features, filters * 2 ** depth)
    features = conv(features, filters * 2 ** (depth - 1))
    for level in reversed(range(depth)):
        features = layers.UpSampling2D(2, interpolation="nearest")(features)
        features = layers.Concatenate()([features, skips[level]])
        features = conv(features, filters * 2 ** level)
        features = conv(features, filters * 2 ** max(0, level - 1))
    return features
