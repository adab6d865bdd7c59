"""Networks of the conditional GAN that restores: degraded -> restored."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from microgan.networks.blocks import crop_exactly, pad_exactly, resnet_translation


def build_resnet_generator(*, filters: int = 64, num_blocks: int = 9,
                           dropout: float = 0.5) -> keras.Model:
    """The published generator: ResNet between two strided and two upsampling steps.

    c7s1-64, c3s2-128, c3s2-256, R256 x 9, u128, u64, c7s1-1 (u: nearest upsampling x2 and
    c3s1), instance norm and ReLU after each but the last, which ends in tanh; the output is
    the mean of the tanh and the input. 11,376,129 parameters.

    Args:
        filters: channels at full resolution, > 0; the original's 64.
        num_blocks: residual blocks, >= 0; the original's 9.
        dropout: in every residual block, 0 to 1; the original's 0.5.

    Returns:
        `keras.Model`, float32 (B, Y, X, 1) in [-1, 1] -> float32, same shape and range.
        Any Y and X of at least 4.

    Source:
        MicroscopyGAN, arXiv:1910.14207, and its published code. Departs: sizes that are no
        multiple of 4 are padded by reflection and cut back.
    """
    degraded = keras.Input((None, None, 1), name="degraded")
    restored = resnet_translation(degraded, filters=filters, num_blocks=num_blocks,
                                  dropout=dropout)
    return keras.Model(degraded, restored, name="cgan_resnet_generator")


def build_unet_generator(*, filters: int = 32, depth: int = 3) -> keras.Model:
    """Our generator: a U-Net that adds an unbounded correction to its input.

    Two c3s1-32 at full resolution, channels doubled and size halved `depth` times
    by c3s2, two c3s1 a level on the way up after nearest upsampling and a skip connection,
    c3s1-1 with zero kernel at the start, plus the input. Leaky ReLU 0.1, no norm: an
    instance norm would make tiles of one image disagree and hide absolute intensity.

    Args:
        filters: channels at full resolution, > 0.
        depth: halvings, >= 1.

    Returns:
        `keras.Model`, float32 (B, Y, X, 1), -1 to 1 for the task's usual intensities ->
        float32, same shape, unbounded. Any Y and X of at least 2 ** depth.

    Source:
        ours, after Ronneberger et al. 2015, arXiv:1505.04597, with CARE's residual output
        (Weigert et al. 2018).
    """
    degraded = keras.Input((None, None, 1), name="degraded")
    padded = pad_exactly(degraded, 2 ** depth)
    features = padded
    skips = []
    for level in range(depth + 1):
        channels = filters * 2 ** level
        features = _conv_leaky(features, channels, strides=1 if level == 0 else 2)
        features = _conv_leaky(features, channels)
        skips.append(features)
    for level in reversed(range(depth)):
        channels = filters * 2 ** level
        # Fewer channels before the upsampling: the costly full-size layers get half the input.
        features = _conv_leaky(features, channels, kernel_size=1)
        features = layers.UpSampling2D(2, interpolation="nearest")(features)
        features = layers.Concatenate()([features, skips[level]])
        features = _conv_leaky(features, channels)
        features = _conv_leaky(features, channels)
    # Starts as the identity: ten pairs then only have to teach what differs.
    change = layers.Conv2D(1, 3, padding="same", kernel_initializer="zeros",
                           dtype=keras.config.floatx())(features)
    restored = layers.Add(dtype=keras.config.floatx())([change, padded])
    restored = crop_exactly(restored, degraded)
    return keras.Model(degraded, restored, name="cgan_unet_generator")


def _conv_leaky(features: Any, filters: int, *, kernel_size: int = 3, strides: int = 1) -> Any:
    features = layers.Conv2D(filters, kernel_size, strides=strides, padding="same",
                             kernel_initializer="he_normal")(features)
    return layers.LeakyReLU(0.1)(features)


def build_dense_discriminator(patch_size: int, *, filters: int = 64) -> keras.Model:
    """The published discriminator: two strided convolutions and two dense layers.

    c5s2-64 'same', c5s2-128 'valid', flatten, dense 256, dropout 0.5, dense 1, leaky ReLU
    0.2 between. 29,698,305 parameters at 128 x 128. It sees the image alone.

    Args:
        patch_size: side of the square images it takes, in pixels, >= 10: the dense layer
            fixes it.
        filters: channels of the first convolution, > 0; the original's 64.

    Returns:
        `keras.Model`, (degraded, image), each float32 (B, patch_size, patch_size, 1) ->
        float32 logits (B, 1), large where the image looks clean. `degraded` is not used.

    Raises:
        ValueError: `patch_size` is below 10.

    Source:
        MicroscopyGAN's published code. Departs: gives logits, so that the loss takes
        sigmoid and logarithm together without overflow; the same function.
    """
    if patch_size < 10:
        raise ValueError(f"`patch_size` must be at least 10. Received: patch_size={patch_size}")
    degraded = keras.Input((patch_size, patch_size, 1), name="degraded")
    image = keras.Input((patch_size, patch_size, 1), name="image")
    features = layers.Conv2D(filters, 5, strides=2, padding="same")(image)
    features = layers.LeakyReLU(0.2)(features)
    features = layers.Conv2D(2 * filters, 5, strides=2)(features)
    features = layers.LeakyReLU(0.2)(features)
    features = layers.Flatten()(features)
    features = layers.Dense(4 * filters)(features)
    features = layers.LeakyReLU(0.2)(features)
    features = layers.Dropout(0.5)(features)
    logits = layers.Dense(1, dtype=keras.config.floatx())(features)
    return keras.Model([degraded, image], logits, name="cgan_dense_discriminator")


def build_patch_discriminator(*, filters: int = 32) -> keras.Model:
    """Our discriminator: judges every neighbourhood of an image beside its input.

    c4s2-32, c4s2-64, c4s2-128, c3s1-1, leaky ReLU 0.2 between; each output sees 38 pixels.
    Small and local, it cannot learn ten whole images by heart, and seeing the degraded
    image it judges whether the two belong together.

    Args:
        filters: channels of the first convolution, > 0.

    Returns:
        `keras.Model`, (degraded, image), each float32 (B, Y, X, 1) -> float32 logits
        (B, Y / 8, X / 8, 1), large where the image looks clean.

    Source:
        ours, after Isola et al. 2017, arXiv:1611.07004 (70 x 70 PatchGAN), smaller and
        without norm.
    """
    degraded = keras.Input((None, None, 1), name="degraded")
    image = keras.Input((None, None, 1), name="image")
    features = layers.Concatenate()([degraded, image])
    for level in range(3):
        features = layers.Conv2D(filters * 2 ** level, 4, strides=2, padding="same")(features)
        features = layers.LeakyReLU(0.2)(features)
    logits = layers.Conv2D(1, 3, padding="same", dtype=keras.config.floatx())(features)
    return keras.Model([degraded, image], logits, name="cgan_patch_discriminator")
