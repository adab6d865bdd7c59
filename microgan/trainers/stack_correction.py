"""Training of a network that corrects filtered z-stacks whose sharp volumes are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from microgan.losses.pixel import fitted_pixel_loss, fourier_loss, pixel_loss

# Added to errors, in network values, that others are divided by.
_LEAST_ERROR = 0.005


class StackCorrectionTrainer:
    """One update of a network on filtered stacks whose sharp volumes are known.

    Args:
        generator: filtered stack -> sharpened one.
        generator_optimizer: with `use_ema`, it also keeps the weights' moving average.
        weights: factors of "pixel", which counts in all slices, and of "fitted_pixel" and
            "fourier", which count in slices within the sample. Each is a share of what it is
            for the filtered slice: in focus, where the filter leaves little to correct, a
            change for the worse counts as much as elsewhere.
        global_batch_size: stacks per batch over all replicas.
    """

    def __init__(self, generator: keras.Model, generator_optimizer: keras.optimizers.Optimizer, *,
                 weights: Mapping[str, float], global_batch_size: int) -> None:
        self.generator = generator
        self.generator_optimizer = generator_optimizer
        self.weights = weights
        self.global_batch_size = global_batch_size
        generator_optimizer.build(generator.trainable_variables)

    @property
    def state(self) -> dict[str, list[Any]]:
        """Return all variables that a resumed run needs, by owner."""
        return {"generator": self.generator.variables,
                "generator_optimizer": self.generator_optimizer.variables}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Update the network on one batch.

        Args:
            batch: `filtered` and `sharp`, float (B, Z, Y, X, 1), normalised; `inside`, float
                (B, Z), 1 for slices within the sample.

        Returns:
            Scalars whose sums over replicas are the unweighted means over the batch.
        """
        def of_slices(stack: tf.Tensor) -> tf.Tensor:
            return tf.reshape(stack, (-1, *stack.shape[2:]))

        sharp, filtered = of_slices(batch["sharp"]), of_slices(batch["filtered"])
        inside = tf.reshape(batch["inside"], [-1])
        num_slices = self.global_batch_size * batch["sharp"].shape[1]
        with tf.GradientTape() as tape:
            corrected = of_slices(self.generator(batch["filtered"], training=True))
            losses = {}
            for name, loss, counts in (("pixel", pixel_loss, 1.0),
                                       ("fitted_pixel", fitted_pixel_loss, inside),
                                       ("fourier", fourier_loss, inside)):
                errors = loss(sharp, corrected) / (loss(sharp, filtered) + _LEAST_ERROR)
                losses[name] = tf.reduce_sum(counts * errors) / num_slices
            total = sum(weight * losses[name] for name, weight in self.weights.items())
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(total, variables), variables)
        return losses
