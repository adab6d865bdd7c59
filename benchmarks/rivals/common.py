"""Settings, the learning rate and the update that the rivals share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from microgan.config import TaskTrainingConfig, setting


@dataclass(frozen=True)
class RivalConfig(TaskTrainingConfig):
    """Settings of a rival: as published, on microgan's data, splits and normalisation."""

    recipe: str = setting("paper", "The rival as published; there is no other.",
                          choices=("paper",))
    normalization: str = setting(
        "percentiles", "Intensities that become -1 and 1, per task, from the training images. "
        "percentiles: 0.1 and 99.9 per cent, as in our limited recipe. min_max: the extremes.",
        choices=("min_max", "percentiles"))
    generator_filters: int = setting(64, "Channels of the generator at full resolution; the "
                                     "original's 64.", minimum=1)


@dataclass(frozen=True)
class RivalGANConfig(RivalConfig):
    """Settings of a rival with 70 x 70 PatchGANs, as both were published."""

    patch_size: int = setting(128, "Side of the square training crops in pixels, at least the 32 "
                              "that the discriminator needs; the paper's 128.", minimum=32)
    learning_rate_decay: str = setting(
        "linear", "linear: the learning rate falls to zero in a straight line over the second "
        "half of --num_iters, as the original.", choices=("none", "linear"))
    adam_beta_1: float = setting(0.5, "Decay of Adam's mean gradient; the original's 0.5.",
                                 minimum=0, maximum=0.999)


class OneLossTrainer:
    """One update of the generator per step, by one loss, which a subclass defines.

    Args:
        generator: degraded (B, Y, X, 1) -> restored, same shape, normalised.
        generator_optimizer: of the generator's weights.
        global_batch_size: images per batch over all replicas: gradients are summed over
            replicas, so losses divide by it.
    """

    loss_name: str

    def __init__(self, generator: keras.Model, generator_optimizer: keras.optimizers.Optimizer, *,
                 global_batch_size: int) -> None:
        self.generator = generator
        self.generator_optimizer = generator_optimizer
        self.global_batch_size = global_batch_size
        # Built now, so that a checkpoint finds the slots to restore.
        generator_optimizer.build(generator.trainable_variables)

    @property
    def state(self) -> dict[str, list[Any]]:
        """All variables a resumed run needs, by owner; the learning rate is the optimizer's."""
        return {"generator": self.generator.variables,
                "generator_optimizer": self.generator_optimizer.variables}

    def loss_per_image(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """Return the loss of each image of a batch, (B,)."""
        raise NotImplementedError

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Update the generator on one batch.

        Args:
            batch: as `loss_per_image` takes it, this replica's share.

        Returns:
            A scalar whose sum over replicas is the mean over the batch.
        """
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(self.loss_per_image(batch)) / self.global_batch_size
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(loss, variables), variables)
        return {self.loss_name: loss}


class LinearDecayInSecondHalf(keras.optimizers.schedules.LearningRateSchedule):
    """Constant for the first half of the updates, then falling to zero in a straight line.

    Args:
        learning_rate: of the first half.
        num_updates: of the whole run, > 0.

    Source:
        CycleGAN (arXiv:1703.10593, section 4) and DeblurGAN (arXiv:1711.07064, section 4),
        which lower it once per epoch.
    """

    def __init__(self, learning_rate: float, num_updates: int) -> None:
        self.learning_rate = learning_rate
        self.num_updates = num_updates

    def __call__(self, step: Any) -> Any:
        left = 2 * (1 - ops.cast(step, "float32") / self.num_updates)
        return self.learning_rate * ops.clip(left, 0, 1)

    def get_config(self) -> dict[str, Any]:
        return {"learning_rate": self.learning_rate, "num_updates": self.num_updates}


def rate_of(config: RivalGANConfig, num_updates: int) -> Any:
    """Return the learning rate over a number of updates, as the config sets it."""
    if config.learning_rate_decay == "linear":
        return LinearDecayInSecondHalf(config.learning_rate, num_updates)
    return config.learning_rate
