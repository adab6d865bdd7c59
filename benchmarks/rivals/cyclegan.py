"""CycleGAN (Zhu et al. 2017) on microgan's data: images that need not be pairs.

Published settings; data, splits, normalisation, precision and scores are microgan's. Writes
the folder CycleGAN_results, as train_cGAN.py does. Its generator is that of the last update,
since no pair may choose one.

    python -m benchmarks.rivals.cyclegan --images_limit=10
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.rivals.common import RivalGANConfig, rate_of
from benchmarks.rivals.networks import patch_discriminator, reflecting_resnet
from microgan.cli.command import run_command
from microgan.config import setting
from microgan.datasets.paired_arrays import find_datasets
from microgan.datasets.sampling import UnpairedBatches
from microgan.generator_file import GeneratorInfo, build_network
from microgan.losses.adversarial import least_squares_loss
from microgan.losses.pixel import pixel_loss
from microgan.methods.restoring import RestoringMethod
from microgan.methods.unpaired_data import load_unpaired_tasks, without_pairs
from microgan.methods.validated import validated_part
from microgan.networks.blocks import crop_exactly, pad_exactly
from microgan.networks.registry import RegisteredNetwork, register_network
from microgan.runs.method import Scores, Trainer, describe_generator
from microgan.runs.optimizers import adam
from microgan.runs.run import train
from microgan.trainers.image_pool import ImagePool

_NUM_BLOCKS = 6  # published, for 128 x 128 pixels
Losses = dict[str, tf.Tensor]


@dataclass(frozen=True)
class CycleGANConfig(RivalGANConfig):
    """Settings of CycleGAN. Defaults: as published (arXiv:1703.10593)."""

    images_limit: int | None = setting(
        None, "Degraded images per task that training sees; clean images are all that validation "
        "and test leave, as for train_CIN_GAN.py. Unset or -1: all that the test part leaves.")
    validation_fraction: float = setting(
        0.2, "Share of those images that is kept apart, at least one: splits are those of the "
        "other methods.", above=0, maximum=0.9)
    num_iters: int = setting(200_000, "Updates; the original's 200 epochs of a thousand images.",
                             minimum=1, maximum=10**9)
    batch_size: int = setting(1, "Images of either kind per update; the original's 1.", minimum=1)
    learning_rate: float = setting(2e-4, "Of Adam, all networks; the original's 2e-4.", above=0)
    discriminator_filters: int = setting(64, "Channels of the discriminators' first convolution; "
                                         "the original's 64.", minimum=1)
    cycle_weight: float = setting(10.0, "Factor of the difference after both translations; the "
                                  "original's 10.", minimum=0)
    identity_weight: float = setting(5.0, "Factor of the difference of what needs no "
                                     "translation; the original's 5.", minimum=0)
    pool_size: int = setting(50, "Synthetic images of either kind kept for the discriminators; "
                             "the original's 50.", minimum=0)


def build_resnet_generator(*, filters: int = 64, num_blocks: int = 6) -> keras.Model:
    """CycleGAN's translator for 128 x 128 images, in either direction.

    See `networks.reflecting_resnet`. 7,825,153 parameters; published, with colour, 7,837,699.

    Args:
        filters: channels at full resolution, > 0; the original's 64.
        num_blocks: residual blocks, >= 0; the original's 6.

    Returns:
        `keras.Model`, float32 (B, Y, X, 1) -> float32, same shape, -1 to 1. Any Y and X of
        at least 8.

    Source:
        Zhu et al. 2017, arXiv:1703.10593, appendix 7.2. Departs: sizes that are not a multiple
        of 4 are padded by reflection and cut back.
    """
    image = keras.Input((None, None, 1), name="image")
    translated = reflecting_resnet(pad_exactly(image, 4), filters=filters, num_blocks=num_blocks,
                                   dropout=0.0)
    return keras.Model(image, crop_exactly(translated, image), name="cyclegan_resnet_generator")


def build_patch_discriminator(*, filters: int = 64) -> keras.Model:
    """CycleGAN's discriminator, a 70 x 70 PatchGAN, for either direction.

    Args:
        filters: channels of the first convolution, > 0; the original's 64.

    Returns:
        As `networks.patch_discriminator`.

    Source:
        Zhu et al. 2017, arXiv:1703.10593, appendix 7.2.
    """
    return patch_discriminator(filters=filters, name="cyclegan_patch_discriminator")


register_network("cyclegan", "resnet", RegisteredNetwork(
    build_resnet_generator, "benchmarks/rivals/cyclegan.py",
    # Of the residual blocks' convolutions and the one before.
    lambda arguments: 72 * arguments.get("filters", 64) ** 2
    * (1 + 4 * arguments.get("num_blocks", _NUM_BLOCKS))))


class CycleGAN(RestoringMethod):
    """Two translators, from degraded to clean and back, each judged by a discriminator."""

    run_folder = "CycleGAN_results"
    score_label = "updates: the last are kept"

    def load(self) -> None:
        config = self.config
        self.unpaired = load_unpaired_tasks(
            config, config.datasets or find_datasets(config.data_dir))
        self.unpaired_batches = UnpairedBatches(
            [task.training_task() for task in self.unpaired.values()],
            batch_size=config.batch_size, num_sub_batches=1, patch_size=config.patch_size,
            seed=self.seed, with_noise=False)
        # Degraded images to look at during training; they need not match the clean ones.
        self.tasks = {
            name: replace(without_pairs(task, config.data_dir, task.normalization),
                          synthetic_validation=validated_part(task.part("validation")[0]))
            for name, task in self.unpaired.items()}

    def split(self) -> dict[str, Any]:
        return {name: task.split_record() for name, task in self.unpaired.items()}

    def describe_data(self) -> str:
        return "\n".join(task.describe() for task in self.unpaired.values())

    def batch(self, update: int) -> dict[str, np.ndarray]:
        drawn = self.unpaired_batches(update)
        return {name: drawn[name][:, 0] for name in ("clean", "degraded")}

    def describe(self) -> GeneratorInfo:
        return describe_generator(
            self.config, method="cyclegan", network="resnet",
            network_arguments={"filters": self.config.generator_filters,
                               "num_blocks": _NUM_BLOCKS},
            normalization={name: task.normalization for name, task in self.tasks.items()})

    def build(self, info: GeneratorInfo) -> tuple[Trainer, keras.Model]:
        config = self.config
        optimizers = [adam(config, rate_of(config, config.num_iters),
                           num_updates=config.num_iters, beta_1=config.adam_beta_1)
                      for _ in range(2)]
        self.trainer = CycleGANTrainer(
            build_network(info), build_network(info), optimizers[0],
            discriminators=Discriminators(
                *(build_patch_discriminator(filters=config.discriminator_filters)
                  for _ in range(2)), optimizers[1]),
            weights={"restored": 1.0, "synthetic": 1.0, **config.loss_weights()},
            pools=build_pools(config.pool_size, config.patch_size, self.seed),
            global_batch_size=config.batch_size)
        return self.trainer, build_network(info)

    def validate(self, network: keras.Model) -> Scores:
        super().validate(network)  # for the pictures
        return {"score": float(np.asarray(self.trainer.generator_optimizer.iterations))}


@dataclass(frozen=True)
class Discriminators:
    """The discriminators that judge the translators.

    Args:
        clean: image -> scores, 1 for clean images, 0 for restored ones.
        degraded: image -> scores, 1 for degraded images, 0 for synthetic degraded ones.
        optimizer: of both.
    """

    clean: keras.Model
    degraded: keras.Model
    optimizer: keras.optimizers.Optimizer


@dataclass(frozen=True)
class Pools:
    """Earlier images for the discriminators.

    Args:
        images: pools of restored and of synthetic degraded images; empty for none.
        random: state that both draw from.
    """

    images: list[ImagePool]
    random: keras.random.SeedGenerator


def build_pools(size: int, patch_size: int, seed: int) -> Pools:
    """Pools of `size` square crops; none if it is 0."""
    random = keras.random.SeedGenerator(seed)
    return Pools([ImagePool(size, (patch_size, patch_size, 1), seed=random)
                  for _ in range(2)] if size else [], random)


class CycleGANTrainer:
    """One update of both translators and one of both discriminators per step.

    Args:
        generator: degraded (B, Y, X, 1) -> restored, same shape, normalised.
        degrader: clean -> degraded, same shape, normalised.
        generator_optimizer: of both translators.
        discriminators: of clean and of degraded images.
        weights: factor of the "cycle" and "identity" losses.
        pools: earlier restored and synthetic degraded images for the discriminators, two or
            none; and the random state they share.
        global_batch_size: images per batch over all replicas: gradients are summed over
            replicas, so losses divide by it.

    Source:
        Zhu et al. 2017, arXiv:1703.10593, section 3 and its published code.
    """

    def __init__(self, generator: keras.Model, degrader: keras.Model,
                 generator_optimizer: keras.optimizers.Optimizer, *,
                 discriminators: Discriminators, weights: Mapping[str, float], pools: Pools,
                 global_batch_size: int) -> None:
        self.generator = generator
        self.degrader = degrader
        self.clean_discriminator = discriminators.clean
        self.degraded_discriminator = discriminators.degraded
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminators.optimizer
        self.weights = weights
        self.global_batch_size = global_batch_size
        self.pools, self.random = pools.images, pools.random
        # Built now, so that a checkpoint finds the slots to restore.
        generator_optimizer.build(self._translator_variables)
        discriminators.optimizer.build(self._discriminator_variables)

    @property
    def _translator_variables(self) -> list[Any]:
        return self.generator.trainable_variables + self.degrader.trainable_variables

    @property
    def _discriminator_variables(self) -> list[Any]:
        return (self.clean_discriminator.trainable_variables
                + self.degraded_discriminator.trainable_variables)

    @property
    def state(self) -> dict[str, list[Any]]:
        """All variables a resumed run needs, by owner; of the pools only the first replica's."""
        return {"generator": self.generator.variables,
                "degrader": self.degrader.variables,
                "discriminators": (self.clean_discriminator.variables
                                   + self.degraded_discriminator.variables),
                "generator_optimizer": self.generator_optimizer.variables,
                "discriminator_optimizer": self.discriminator_optimizer.variables,
                "pools": [variable for pool in self.pools for variable in pool.state],
                "random": [self.random.state]}

    def train_step(self, batch: dict[str, tf.Tensor]) -> Losses:
        """Update the translators together, then the discriminators together.

        Args:
            batch: `clean` and `degraded`, float (B, Y, X, 1), not of the same sample; this
                replica's share.

        Returns:
            Scalars whose sums over replicas are the unweighted means over the batch.
        """
        clean, degraded = batch["clean"], batch["degraded"]
        # The discriminators get images from before the translators' update.
        losses, restored, synthetic = self._update_translators(clean, degraded)
        if self.pools:
            unnumbered = tf.zeros(clean.shape[0], tf.int32)
            restored, synthetic = (pool.query(images, unnumbered)[0]
                                   for pool, images in zip(self.pools, (restored, synthetic)))
        return {**losses, **self._update_discriminators(clean, degraded, restored, synthetic)}

    def _update_translators(self, clean: tf.Tensor, degraded: tf.Tensor
                            ) -> tuple[Losses, tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            restored = self.generator(degraded, training=True)
            synthetic = self.degrader(clean, training=True)
            losses = {
                "restored": self._judged(self.clean_discriminator, restored, 1),
                "synthetic": self._judged(self.degraded_discriminator, synthetic, 1),
                "cycle": self._mean(
                    pixel_loss(degraded, self.degrader(restored, training=True))
                    + pixel_loss(clean, self.generator(synthetic, training=True))),
                "identity": self._mean(
                    pixel_loss(clean, self.generator(clean, training=True))
                    + pixel_loss(degraded, self.degrader(degraded, training=True)))}
            total = sum(self.weights.get(name, 0.0) * loss for name, loss in losses.items())
        variables = self._translator_variables
        self.generator_optimizer.apply(tape.gradient(total, variables), variables)
        return losses, restored, synthetic

    def _update_discriminators(self, clean: tf.Tensor, degraded: tf.Tensor,
                               restored: tf.Tensor, synthetic: tf.Tensor) -> Losses:
        with tf.GradientTape() as tape:
            losses = {
                "clean_discriminator": (self._judged(self.clean_discriminator, clean, 1)
                                        + self._judged(self.clean_discriminator, restored, 0)) / 2,
                "degraded_discriminator": (
                    self._judged(self.degraded_discriminator, degraded, 1)
                    + self._judged(self.degraded_discriminator, synthetic, 0)) / 2}
            total = losses["clean_discriminator"] + losses["degraded_discriminator"]
        variables = self._discriminator_variables
        self.discriminator_optimizer.apply(tape.gradient(total, variables), variables)
        return losses

    def _judged(self, discriminator: keras.Model, images: tf.Tensor, label: float) -> tf.Tensor:
        return self._mean(least_squares_loss(discriminator(images, training=True), label))

    def _mean(self, loss_per_image: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(loss_per_image) / self.global_batch_size


def train_cyclegan(config: CycleGANConfig) -> Path:
    """Train CycleGAN and score it; see `microgan.runs.run.train`."""
    return train(CycleGAN, config)


if __name__ == "__main__":
    sys.exit(run_command(CycleGANConfig, __doc__ or "", train_cyclegan))
