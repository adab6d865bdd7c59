"""Building blocks shared by the networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from microgan.layers import CropLike, InstanceNormalization, PadToMultiple

# Applies an instance norm to features (B, Y, X, C).
Normalize = Callable[[Any], Any]


def instance_norm(features: Any) -> Any:
    """Apply instance normalisation with one gamma and beta per channel."""
    return InstanceNormalization()(features)


def conv_norm_relu(features: Any, filters: int, kernel_size: int, strides: int = 1, *,
                   normalize: Normalize = instance_norm) -> Any:
    """Apply a convolution ('same', zero padding), instance norm and ReLU.

    Args:
        features: symbolic (B, Y, X, C).
        filters: output channels.
        kernel_size: in pixels.
        strides: in pixels.
        normalize: applies the instance norm.

    Returns:
        Symbolic (B, Y / strides, X / strides, filters).
    """
    features = layers.Conv2D(filters, kernel_size, strides=strides, padding="same")(features)
    return layers.ReLU()(normalize(features))


def conv_leaky_relu(features: Any, filters: int, normalize: Normalize | None = None, *,
                    kernel_size: int = 3, strides: int = 1) -> Any:
    """Apply a 'same' convolution, the norm if there is one, and leaky ReLU 0.1."""
    features = layers.Conv2D(filters, kernel_size, strides=strides, padding="same",
                             kernel_initializer="he_normal")(features)
    return layers.LeakyReLU(0.1)(normalize(features) if normalize else features)


def residual_block(features: Any, dropout: float, *, normalize: Normalize = instance_norm) -> Any:
    """Apply conv3, instance norm, ReLU, dropout, conv3 and instance norm; add the input.

    Args:
        features: symbolic (B, Y, X, C); C is kept.
        dropout: share of features set to zero in training, 0 to 1.
        normalize: applies each instance norm.

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
    """Apply MicroscopyGAN's image-to-image ResNet.

    c7s1-F, c3s2-2F, c3s2-4F, residual blocks of 4F, u2F, uF (u: nearest upsampling x2 and
    c3s1), instance norm and ReLU after each; c7s1-1 and tanh; then the mean of tanh and image.
    Sizes that are not multiples of 4 are padded by reflection and cropped again.

    Args:
        image: symbolic (B, Y, X, 1), Y and X at least 4.
        filters: F, channels at full resolution.
        num_blocks: residual blocks.
        dropout: in every residual block, 0 to 1.
        normalize: applies each instance norm.

    Returns:
        Symbolic, like `image`; mixed precision rounds only the input of the tanh.
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
    """Pad by reflection to a multiple of a stride, without rounding to bfloat16."""
    return PadToMultiple(multiple, dtype=keras.config.floatx())(image)


def crop_exactly(image: Any, like: Any) -> Any:
    """Undo `pad_exactly`."""
    return CropLike(dtype=keras.config.floatx())([image, like])
