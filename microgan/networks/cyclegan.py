"""Networks of CycleGAN: one translator and one discriminator for each direction."""

from __future__ import annotations

import keras

from microgan.networks.blocks import (
    crop_exactly, pad_exactly, patch_discriminator, reflecting_resnet)


def build_resnet_generator(*, filters: int = 64, num_blocks: int = 6) -> keras.Model:
    """CycleGAN's translator for 128 x 128 images, of either direction.

    See `blocks.reflecting_resnet`. 7,825,153 parameters; published, with colour, 7,837,699.

    Args:
        filters: channels at full resolution, > 0; the original's 64.
        num_blocks: residual blocks, >= 0; the original's 6.

    Returns:
        `keras.Model`, float32 (B, Y, X, 1) -> float32, same shape, -1 to 1. Any Y and X of
        at least 8.

    Source:
        Zhu et al. 2017, arXiv:1703.10593, appendix 7.2. Departs: sizes that are no multiple
        of 4 are padded by reflection and cut back.
    """
    image = keras.Input((None, None, 1), name="image")
    made = reflecting_resnet(pad_exactly(image, 4), filters=filters, num_blocks=num_blocks,
                             dropout=0.0)
    return keras.Model(image, crop_exactly(made, image), name="cyclegan_resnet_generator")


def build_patch_discriminator(*, filters: int = 64) -> keras.Model:
    """CycleGAN's discriminator, a 70 x 70 PatchGAN, of either direction.

    Args:
        filters: channels of the first convolution, > 0; the original's 64.

    Returns:
        As `blocks.patch_discriminator`.

    Source:
        Zhu et al. 2017, arXiv:1703.10593, appendix 7.2.
    """
    return patch_discriminator(filters=filters, name="cyclegan_patch_discriminator")


GENERATORS = {"resnet": build_resnet_generator}
