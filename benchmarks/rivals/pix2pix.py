"""pix2pix (Isola et al. 2017) on microgan's data: pairs of degraded and clean images.

Published settings; data, splits, normalisation, precision and scores are microgan's. Writes
the folder pix2pix_results, as train_cGAN.py does.

    python -m benchmarks.rivals.pix2pix --images_limit=10
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import layers

from benchmarks.rivals.common import RivalGANConfig, rate_of
from benchmarks.rivals.networks import narrow, patch_scores, plain_norm
from microgan.cli.command import run_command
from microgan.config import setting
from microgan.generator_file import GeneratorInfo, build_network
from microgan.methods.restoring import RestoringMethod
from microgan.networks.blocks import crop_exactly, pad_exactly
from microgan.networks.registry import Arguments, RegisteredNetwork, register_network
from microgan.runs.method import Trainer, describe_generator
from microgan.runs.optimizers import adam
from microgan.runs.run import train
from microgan.trainers.cgan import Adversary, CGANTrainer

_MOST_CHANNELS = 8  # times those of the first convolution
_DROPPED_LEVELS = 3


@dataclass(frozen=True)
class Pix2PixConfig(RivalGANConfig):
    """Settings of pix2pix. Defaults: as published (arXiv:1611.07004)."""

    num_iters: int = setting(80_000, "Updates; the original's 200 epochs of the 400 images of its "
                             "smallest set.", minimum=1, maximum=10**9)
    batch_size: int = setting(1, "Images per update; the original's 1.", minimum=1)
    learning_rate: float = setting(2e-4, "Of Adam, both networks; the original's 2e-4.", above=0)
    discriminator_filters: int = setting(64, "Channels of the discriminator's first convolution; "
                                         "the original's 64.", minimum=1)
    adversarial_weight: float = setting(1.0, "Factor of the adversarial loss; the original's 1.",
                                        above=0)
    pixel_weight: float = setting(100.0, "Factor of the mean absolute difference, of images in "
                                  "[-1, 1]; the original's 100.", minimum=0)
    generator_depth: int = setting(7, "Halvings in the U-Net; the original's 7 for 128 x 128 "
                                   "pixels.", minimum=2, maximum=8)
    dropout: float = setting(0.5, "In the generator's three lowest levels; the original's 0.5.",
                             minimum=0, maximum=0.9)


def build_unet_generator(*, filters: int = 64, depth: int = 7,
                         dropout: float = 0.5) -> keras.Model:
    """pix2pix's U-Net for images of 128 x 128 pixels.

    Down C64-C128-C256-C512-C512-C512-C512, up CD512-CD512-CD512-C256-C128-C64-1, all c4s2, with
    skip connections; leaky ReLU 0.2 down, ReLU up, instance norm without scale and shift except
    after the first and the lowest, tanh. 41,819,521 parameters.

    Args:
        filters: channels of the first convolution, > 0; the original's 64.
        depth: halvings, >= 2; the original's 7 for this size.
        dropout: in the three lowest levels on the way up, 0 to 1; the original's 0.5.

    Returns:
        `keras.Model`, float32 (B, Y, X, 1) -> float32, same shape, -1 to 1. Any Y and X above
        2 ** (depth - 1).

    Source:
        Isola et al. 2017, arXiv:1611.07004, section 6.1, and its published code, `unet_128`.
        Departs: sizes that are no multiple of the stride are padded by reflection and cut back;
        dropout is off when images are restored, as it only blurs the mean of several results.
    """
    degraded = keras.Input((None, None, 1), name="degraded")
    features, skips = pad_exactly(degraded, 2 ** depth), []
    for level in range(depth):
        if level:
            features = layers.LeakyReLU(0.2)(features)
        features = layers.Conv2D(_channels(filters, level), 4, strides=2, padding="same",
                                 kernel_initializer=narrow())(features)
        if 0 < level < depth - 1:
            features = plain_norm(features)
        skips.append(features)
    skips.pop()
    for level in reversed(range(1, depth)):
        features = layers.Conv2DTranspose(
            _channels(filters, level - 1), 4, strides=2, padding="same",
            kernel_initializer=narrow())(layers.ReLU()(features))
        features = plain_norm(features)
        if dropout and level > depth - 1 - _DROPPED_LEVELS:
            features = layers.Dropout(dropout)(features)
        features = layers.Concatenate()([features, skips[level - 1]])
    restored = layers.Conv2DTranspose(1, 4, strides=2, padding="same",
                                      kernel_initializer=narrow())(layers.ReLU()(features))
    restored = layers.Activation("tanh", dtype=keras.config.floatx())(restored)
    return keras.Model(degraded, crop_exactly(restored, degraded), name="pix2pix_unet_generator")


def _channels(filters: int, level: int) -> int:
    return filters * min(2 ** level, _MOST_CHANNELS)


def build_patch_discriminator(*, filters: int = 64) -> keras.Model:
    """pix2pix's discriminator, a 70 x 70 PatchGAN that also sees the degraded image.

    Args:
        filters: channels of the first convolution, > 0; the original's 64.

    Returns:
        `keras.Model`, (degraded, image), each float32 (B, Y, X, 1) -> float32 logits
        (B, Y / 8 - 2, X / 8 - 2, 1), large where the image looks clean.

    Source:
        Isola et al. 2017, arXiv:1611.07004, section 6.1.2.
    """
    degraded = keras.Input((None, None, 1), name="degraded")
    image = keras.Input((None, None, 1), name="image")
    logits = patch_scores(layers.Concatenate()([degraded, image]), filters=filters)
    return keras.Model([degraded, image], logits, name="pix2pix_patch_discriminator")


def _fewest_weights(arguments: Arguments) -> float:
    """Count the weights on the way down."""
    channels = [_channels(arguments.get("filters", 64), min(level, 3))
                for level in range(arguments.get("depth", 7))]
    return 16 * sum(before * after for before, after in zip([1, *channels], channels))


register_network("pix2pix", "unet", RegisteredNetwork(
    build_unet_generator, "benchmarks/rivals/pix2pix.py", _fewest_weights))


class Pix2Pix(RestoringMethod):
    """A deep U-Net, judged by pixels and a discriminator."""

    run_folder = "pix2pix_results"

    def describe(self) -> GeneratorInfo:
        return describe_generator(
            self.config, method="pix2pix", network="unet",
            network_arguments={"filters": self.config.generator_filters,
                               "depth": self.config.generator_depth,
                               "dropout": self.config.dropout},
            normalization={name: task.normalization for name, task in self.tasks.items()})

    def build(self, info: GeneratorInfo) -> tuple[Trainer, keras.Model]:
        config = self.config

        def optimizer() -> Any:
            return adam(config, rate_of(config, config.num_iters), num_updates=config.num_iters,
                        beta_1=config.adam_beta_1)

        adversary = Adversary(build_patch_discriminator(filters=config.discriminator_filters),
                              optimizer())
        trainer = CGANTrainer(build_network(info), optimizer(), weights=self.loss_weights(),
                              adversary=adversary, global_batch_size=config.batch_size)
        return trainer, build_network(info)


def train_pix2pix(config: Pix2PixConfig) -> Path:
    """Train pix2pix and score it; see `microgan.runs.run.train`."""
    return train(Pix2Pix, config)


if __name__ == "__main__":
    sys.exit(run_command(Pix2PixConfig, __doc__ or "", train_pix2pix))
