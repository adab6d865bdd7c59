"""CARE's network: degraded -> restored."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from microgan.networks.blocks import crop_exactly, pad_exactly


def build_unet_generator(*, filters: int = 32, depth: int = 2,
                         kernel_size: int = 5) -> keras.Model:
    """CARE's U-Net, which adds an unbounded correction to its input.

    Convolutions of 32-32, 64-64, 128-64, 64-32, 32-32 channels, max pooling down, nearest
    upsampling and a skip connection up, ReLU after each, no norm; c1-1, plus the input.
    922,977 parameters.

    Args:
        filters: channels at full resolution, > 0; the original's 32.
        depth: halvings, >= 1; the original's 2.
        kernel_size: in pixels, odd; the original's 5.

    Returns:
        `keras.Model`, float32 (B, Y, X, 1) -> float32, same shape, unbounded. Any Y and X of
        at least 2 ** depth.

    Source:
        Weigert et al. 2018, CARE, as csbdeep 0.8.2 builds it by default. Departs: sizes that
        are no multiple of the stride are padded by reflection and cut back.
    """
    degraded = keras.Input((None, None, 1), name="degraded")
    padded = pad_exactly(degraded, 2 ** depth)
    features = padded
    skips = []

    def conv(features: Any, channels: int) -> Any:
        return layers.Conv2D(channels, kernel_size, padding="same", activation="relu")(features)

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
    change = layers.Conv2D(1, 1, dtype=keras.config.floatx())(features)
    restored = layers.Add(dtype=keras.config.floatx())([change, padded])
    return keras.Model(degraded, crop_exactly(restored, degraded), name="care_unet_generator")


GENERATORS = {"unet": build_unet_generator}
