"""Building blocks shared by the networks."""

from __future__ import annotations

from typing import Any

from keras import layers

from microgan.layers import InstanceNormalization


def conv_norm_relu(features: Any, filters: int, kernel_size: int, strides: int = 1) -> Any:
    """Convolution ('same', zero padding), instance norm and ReLU.

    Args:
        features: symbolic (B, Y, X, C).
        filters: output channels.
        kernel_size: in pixels.
        strides: in pixels.

    Returns:
        Symbolic (B, Y / strides, X / strides, filters).
    """
    features = layers.Conv2D(filters, kernel_size, strides=strides, padding="same")(features)
    features = InstanceNormalization()(features)
    return layers.ReLU()(features)


def residual_block(features: Any, dropout: float) -> Any:
    """conv3, instance norm, ReLU, dropout, conv3, instance norm, plus the input.

    Args:
        features: symbolic (B, Y, X, C); C is kept.
        dropout: share of features set to zero in training, 0 to 1.

    Source:
        MicroscopyGAN's residual block (He et al. 2016 with instance norm).
    """
    filters = features.shape[-1]
    skip = features
    features = conv_norm_relu(features, filters, 3)
    features = layers.Dropout(dropout)(features)
    features = layers.Conv2D(filters, 3, padding="same")(features)
    features = InstanceNormalization()(features)
    return layers.Add()([features, skip])
