"""Noise2Void (Krull et al. 2019) on microgan's data: noisy images alone.

Published settings; data, normalisation, precision and scores are microgan's. One network per
task, trained on the degraded images of all --images_limit pairs; clean images are not read.
Writes the folder N2V_results, as train_cGAN.py does. Its generator is that of the last update,
since no clean image may choose one.

    python -m benchmarks.rivals.n2v --datasets=NAME --images_limit=10
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from benchmarks.rivals.common import OneLossTrainer, RivalConfig
from benchmarks.rivals.networks import small_unet
from microgan.cli.command import run_command
from microgan.config import setting
from microgan.datasets.sampling import PairedBatches, TrainingTask
from microgan.errors import UserError
from microgan.generator_file import GeneratorInfo, build_network
from microgan.methods.degraded_alone import DegradedAlone
from microgan.networks.blocks import crop_exactly, pad_exactly
from microgan.networks.registry import RegisteredNetwork, register_network
from microgan.runs.method import Trainer, describe_generator
from microgan.runs.optimizers import adam
from microgan.runs.run import train


@dataclass(frozen=True)
class N2VConfig(RivalConfig):
    """Settings of Noise2Void. Defaults: as published (arXiv:1811.10980), and its package n2v."""

    num_iters: int = setting(40_000, "Updates; the original's 100 epochs of 400.", minimum=1,
                             maximum=10**9)
    batch_size: int = setting(128, "Images per update; the original's 128.", minimum=1)
    patch_size: int = setting(64, "Side of the square training crops in pixels; the original's "
                              "64.", minimum=16)
    learning_rate: float = setting(4e-4, "Of Adam; the original's 4e-4.", above=0)
    learning_rate_decay: str = setting(
        "cosine", "cosine: the learning rate falls to zero, as in train_cGAN.py "
        "--recipe=limited. The original halves it whenever its loss on held-out noisy images "
        "stagnates.", choices=("none", "cosine"))
    adam_epsilon: float = setting(1e-7, "Of Adam; Keras' default.", above=0)
    generator_filters: int = setting(32, "Channels of the U-Net at full resolution; the "
                                     "original's 32.", minimum=1)
    masked_percent: float = setting(0.198, "Pixels of a crop that are masked, per cent; the "
                                    "original's 0.198: 8 or 9 of 64 x 64.", above=0, maximum=50)
    neighbourhood_px: int = setting(5, "Side of the square that a masked pixel's new value comes "
                                    "from; odd; the original's 5.", minimum=3, maximum=31)


def build_unet_generator(*, filters: int = 32, depth: int = 2) -> keras.Model:
    """Noise2Void's U-Net: as CARE's, with kernels of 3, batch norms and no residual output.

    Convolutions of 32-32, 64-64, 128-64, 64-32, 32-32 channels, batch norm and ReLU after each,
    max pooling down, nearest upsampling and a skip connection up; c1-1. 333,729
    parameters, 334,817 with the batch norms' moving means and variances.

    Args:
        filters: channels at full resolution, > 0; the original's 32.
        depth: halvings, >= 1; the original's 2.

    Returns:
        `keras.Model`, float32 (B, Y, X, 1) -> float32, same shape, unbounded. Any Y and X of
        at least 2 ** depth.

    Source:
        Krull et al. 2019, arXiv:1811.10980, section 4: "a U-Net of depth 2, kernel size 3,
        batch norm, and a linear activation in the last layer". Departs: sizes that are no
        multiple of the stride are padded by reflection and cut back.
    """
    degraded = keras.Input((None, None, 1), name="degraded")

    def conv(features: Any, channels: int) -> Any:
        features = layers.Conv2D(channels, 3, padding="same")(features)
        return layers.ReLU()(layers.BatchNormalization()(features))

    features = small_unet(pad_exactly(degraded, 2 ** depth), conv, filters=filters,
                          depth=depth)
    restored = layers.Conv2D(1, 1, dtype=keras.config.floatx())(features)
    return keras.Model(degraded, crop_exactly(restored, degraded), name="n2v_unet_generator")


register_network("n2v", "unet", RegisteredNetwork(
    build_unet_generator, "benchmarks/rivals/n2v.py",
    # Of the convolution at the lowest level.
    lambda arguments: 4 ** min(arguments.get("depth", 2), 99) * arguments.get("filters", 32) ** 2))


class N2V(DegradedAlone):
    """A U-Net that predicts pixels from their neighbours, and so not their noise."""

    run_folder = "N2V_results"

    @classmethod
    def settle(cls, config: Any) -> Any:
        if config.neighbourhood_px % 2 == 0:
            raise UserError(f"--neighbourhood_px must be odd. Received: {config.neighbourhood_px}")
        return config

    def load(self) -> None:
        super().load()
        if len(self.tasks) > 1:
            raise UserError("Noise2Void has one network per task: choose one with "
                            f"--datasets={' or --datasets='.join(self.tasks)}.")
        self.batches = PairedBatches(
            [TrainingTask(name, noisy, noisy, task.normalization, task.symmetries)
             for name, task in self.tasks.items() for noisy in [task.degraded_part("train")]],
            batch_size=self.config.batch_size, patch_size=self.config.patch_size, seed=self.seed)

    def batch(self, update: int) -> dict[str, np.ndarray]:
        config, noisy = self.config, self.batches(update)["degraded"]
        random = np.random.default_rng([self.seed, update, 1])
        masked = [mask_pixels(random, image[..., 0], percent=config.masked_percent,
                              neighbourhood_px=config.neighbourhood_px) for image in noisy]
        degraded, mask = (np.stack(parts)[..., np.newaxis] for parts in zip(*masked))
        return {"degraded": degraded, "noisy": noisy, "mask": mask.astype(np.float32)}

    def describe(self) -> GeneratorInfo:
        return describe_generator(
            self.config, method="n2v", network="unet",
            network_arguments={"filters": self.config.generator_filters, "depth": 2},
            normalization={name: task.normalization for name, task in self.tasks.items()})

    def build(self, info: GeneratorInfo) -> tuple[Trainer, keras.Model]:
        config = self.config
        self.trainer = N2VTrainer(
            build_network(info), adam(config, config.learning_rate, num_updates=config.num_iters),
            global_batch_size=config.batch_size)
        return self.trainer, build_network(info)


def mask_pixels(random: np.random.Generator, image: np.ndarray, *, percent: float,
                neighbourhood_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Replace some pixels, spread evenly, by one of their neighbours.

    Args:
        random: source of places and neighbours.
        image: (Y, X).
        percent: share of pixels to replace: one in each square of 100 / `percent` pixels.
        neighbourhood_px: side of the square around a pixel that its new value comes from, odd;
            never its own value.

    Returns:
        The image with replaced pixels, and which they are: bool (Y, X).

    Source:
        Krull et al. 2019, arXiv:1811.10980, sections 3.3 and 4: stratified sampling, uniform
        pixel selection. Departs: never the pixel itself, as the package n2v does by its
        manipulator without the centre pixel.
    """
    side = max(1, round(np.sqrt(100 / percent)))
    radius = neighbourhood_px // 2
    masked = np.zeros(image.shape, bool)
    replaced = image.copy()
    for top in range(0, image.shape[0], side):
        for left in range(0, image.shape[1], side):
            place = np.array([top, left]) + random.integers(side, size=2)
            if np.any(place >= image.shape):
                continue
            low = np.maximum(place - radius, 0)
            high = np.minimum(place + radius + 1, image.shape)
            other = place
            while np.array_equal(other, place):
                other = random.integers(low, high)
            masked[tuple(place)] = True
            replaced[tuple(place)] = image[tuple(other)]
    return replaced, masked


class N2VTrainer(OneLossTrainer):
    """One update of the generator per step, by the squared error at masked pixels.

    Source:
        Krull et al. 2019, arXiv:1811.10980, eq. 10.
    """

    loss_name = "masked"

    def loss_per_image(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """Return the loss of each image.

        Args:
            batch: `noisy`, `degraded`, the same with masked pixels replaced, and `mask`, 1 at
                those, float (B, Y, X, 1).
        """
        restored = self.generator(batch["degraded"], training=True)
        errors = batch["mask"] * tf.square(restored - batch["noisy"])
        return (tf.reduce_sum(errors, axis=[1, 2, 3])
                / tf.maximum(tf.reduce_sum(batch["mask"], axis=[1, 2, 3]), 1))


def train_n2v(config: N2VConfig) -> Path:
    """Train Noise2Void and score it; see `microgan.runs.run.train`."""
    return train(N2V, config)


if __name__ == "__main__":
    sys.exit(run_command(N2VConfig, __doc__ or "", train_n2v))
