"""Networks of the conditional GAN that restores: degraded -> restored."""

from __future__ import annotations

import keras
from keras import layers

from microgan.networks.blocks import (
    conv_leaky_relu, crop_exactly, pad_exactly, resnet_translation)


def build_resnet_generator(*, filters: int = 64, num_blocks: int = 9,
                           dropout: float = 0.5) -> keras.Model:
    """Build the published generator: ResNet between two strided and two upsampling steps.

    c7s1-64, c3s2-128, c3s2-256, R256 x 9, u128, u64, c7s1-1 (u: nearest upsampling x2 and
    c3s1), instance norm and ReLU after each but the last, which has a tanh; the output is the
    mean of tanh and input. 11,376,129 parameters.

    Args:
        filters: channels at full resolution, > 0; the original's 64.
        num_blocks: residual blocks, >= 0; the original's 9.
        dropout: in every residual block, 0 to 1; the original's 0.5.

    Returns:
        `keras.Model`, float32 (B, Y, X, 1) in [-1, 1] -> float32, same shape and range.
        Any Y and X of at least 4.

    Source:
        MicroscopyGAN, arXiv:1910.14207, and its published code. Departs: sizes that are not
        multiples of 4 are padded by reflection and cropped again.
    """
    degraded = keras.Input((None, None, 1), name="degraded")
    restored = resnet_translation(degraded, filters=filters, num_blocks=num_blocks,
                                  dropout=dropout)
    return keras.Model(degraded, restored, name="cgan_resnet_generator")


def build_unet_generator(*, filters: int = 32, depth: int = 3) -> keras.Model:
    """Build our generator: a U-Net that adds an unbounded correction to its input.

    Two c3s1-32 at full resolution; `depth` times c3s2 and c3s1 with doubled channels; as often
    c1, nearest upsampling, the skip connection and two c3s1; c3s1-1 with a zero initial kernel,
    plus the input. Leaky ReLU 0.1, no norm: an instance norm would make tiles of one image
    disagree and hide absolute intensity.

    Args:
        filters: channels at full resolution, > 0.
        depth: halvings, >= 1.

    Returns:
        `keras.Model`, float32 (B, Y, X, 1), usually in [-1, 1] -> float32, same shape,
        unbounded. Any Y and X of at least 2 ** depth.

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
        features = conv_leaky_relu(features, channels, strides=1 if level == 0 else 2)
        features = conv_leaky_relu(features, channels)
        skips.append(features)
    for level in reversed(range(depth)):
        channels = filters * 2 ** level
        # Fewer channels before upsampling halve the input of the costly full-size layers.
        features = conv_leaky_relu(features, channels, kernel_size=1)
        features = layers.UpSampling2D(2, interpolation="nearest")(features)
        features = layers.Concatenate()([features, skips[level]])
        features = conv_leaky_relu(features, channels)
        features = conv_leaky_relu(features, channels)
    # Starts as the identity: a few pairs then only have to teach the difference.
    change = layers.Conv2D(1, 3, padding="same", kernel_initializer="zeros",
                           dtype=keras.config.floatx())(features)
    restored = layers.Add(dtype=keras.config.floatx())([change, padded])
    restored = crop_exactly(restored, degraded)
    return keras.Model(degraded, restored, name="cgan_unet_generator")


def build_dense_discriminator(patch_size: int, *, filters: int = 64) -> keras.Model:
    """Build the published discriminator: two strided convolutions and two dense layers.

    c5s2-64 'same', c5s2-128 'valid', flatten, dense 256, dropout 0.5, dense 1, leaky ReLU
    0.2 between. 29,698,305 parameters at 128 x 128.

    Args:
        patch_size: side of the square images, in pixels, >= 10; fixed by the dense layer.
        filters: channels of the first convolution, > 0; the original's 64.

    Returns:
        `keras.Model`, (degraded, image), each float32 (B, patch_size, patch_size, 1) ->
        float32 logits (B, 1), large where the image looks clean. `degraded` is not used.

    Raises:
        ValueError: `patch_size` is below 10.

    Source:
        MicroscopyGAN's published code. Departs: returns logits, so that the loss computes
        the sigmoid's logarithm without overflow.
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
    """Build our discriminator: judge every neighbourhood of an image and its input.

    c4s2-32, c4s2-64, c4s2-128, c3s1-1, leaky ReLU 0.2 between; each output sees 38 pixels.
    Small and local, it cannot memorise a few whole images. It sees the degraded image, too, so
    it judges whether the two belong together.

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
