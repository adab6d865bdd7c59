"""Networks of DeblurGAN: degraded -> restored, and its critic."""

from __future__ import annotations

import keras
from keras import layers

from microgan.networks.blocks import (
    crop_exactly, pad_exactly, patch_discriminator, reflecting_resnet)


def build_resnet_generator(*, filters: int = 64, num_blocks: int = 9,
                           dropout: float = 0.5) -> keras.Model:
    """DeblurGAN's generator: a ResNet whose tanh is added to the image, then clipped.

    See `blocks.reflecting_resnet`. 11,365,633 parameters; published, with colour,
    11,378,179.

    Args:
        filters: channels at full resolution, > 0; the original's 64.
        num_blocks: residual blocks, >= 0; the original's 9.
        dropout: in every residual block, 0 to 1; the original's 0.5.

    Returns:
        `keras.Model`, float32 (B, Y, X, 1) -> float32, same shape, -1 to 1. Any Y and X of
        at least 8.

    Source:
        Kupyn et al. 2018, arXiv:1711.07064, figure 3, and its published code. Departs: sizes
        that are no multiple of 4 are padded by reflection and cut back; dropout is off when
        images are restored.
    """
    degraded = keras.Input((None, None, 1), name="degraded")
    padded = pad_exactly(degraded, 4)
    change = reflecting_resnet(padded, filters=filters, num_blocks=num_blocks, dropout=dropout)
    restored = layers.Add(dtype=keras.config.floatx())([change, padded])
    restored = layers.Activation("hard_tanh", dtype=keras.config.floatx())(restored)  # clips
    return keras.Model(degraded, crop_exactly(restored, degraded),
                       name="deblurgan_resnet_generator")


def build_patch_critic(*, filters: int = 64) -> keras.Model:
    """DeblurGAN's critic, a 70 x 70 PatchGAN that sees the image alone.

    Args:
        filters: channels of the first convolution, > 0; the original's 64.

    Returns:
        As `blocks.patch_discriminator`.

    Source:
        Kupyn et al. 2018, arXiv:1711.07064, section 3.2.
    """
    return patch_discriminator(filters=filters, name="deblurgan_patch_critic")


GENERATORS = {"resnet": build_resnet_generator}
