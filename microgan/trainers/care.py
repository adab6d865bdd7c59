"""Training CARE: a regression, nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

from microgan.losses.pixel import pixel_loss


class CARETrainer:
    """One update of the generator a step, by the mean absolute difference.

    Args:
        generator: degraded (B, Y, X, 1) -> restored, same shape, normalised.
        generator_optimizer: of the generator's weights.
        global_batch_size: images a batch over all replicas: gradients are summed over
            replicas, so losses divide by it.

    Source:
        Weigert et al. 2018, CARE, Methods, with csbdeep 0.8.2's default loss.
    """

    def __init__(self, generator: keras.Model, *,
                 generator_optimizer: keras.optimizers.Optimizer,
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

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Update the generator on one batch.

        Args:
            batch: `degraded` and `clean`, float (B, Y, X, 1), this replica's share.

        Returns:
            A scalar whose sum over replicas is the mean over the batch.
        """
        with tf.GradientTape() as tape:
            restored = self.generator(batch["degraded"], training=True)
            loss = (tf.reduce_sum(pixel_loss(batch["clean"], restored))
                    / self.global_batch_size)
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(loss, variables), variables)
        return {"pixel": loss}


def plateau_learning_rate(initial: float, history: Iterable[tuple[int, float]], *,
                          factor: float, patience_updates: int) -> float:
    """The learning rate after some validations, lowered wherever the loss stood still.

    Args:
        initial: before the first validation.
        history: update and validation loss of every validation, in their order.
        factor: what the rate is multiplied by.
        patience_updates: the rate falls when so many updates brought no lower loss.

    Returns:
        A function of the history alone, so that a resumed run goes on as an uninterrupted
        one would.

    Source:
        Keras' `ReduceLROnPlateau`, without threshold and cooldown, as csbdeep uses it. With
        a validation every epoch it does the same.
    """
    rate, best, since = initial, float("inf"), 0
    for update, loss in history:
        if loss < best:
            best, since = loss, update
        elif update - since >= patience_updates:
            rate, since = rate * factor, update
    return rate
