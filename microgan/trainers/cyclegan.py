"""Training CycleGAN: restoring and degrading learned together from unpaired images."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from microgan.losses.adversarial import least_squares_loss
from microgan.losses.pixel import pixel_loss
from microgan.trainers.image_pool import ImagePool

Losses = dict[str, tf.Tensor]


class CycleGANTrainer:
    """One update of both translators and one of both discriminators a step.

    Args:
        generator: degraded (B, Y, X, 1) -> restored, same shape, normalised.
        degrader: clean -> degraded, likewise.
        clean_discriminator: image -> scores, 1 for clean images, 0 for restored ones.
        degraded_discriminator: image -> scores, 1 for degraded images, 0 for made ones.
        generator_optimizer: of both translators' weights.
        discriminator_optimizer: of both discriminators' weights.
        cycle_weight: factor of the difference after both translations, either way round.
        identity_weight: factor of the difference of what needs no translation.
        pool_size: made images of either kind kept for the discriminators; 0 for none.
        patch_size: side of the images in pixels, for the pools.
        global_batch_size: images a batch over all replicas: gradients are summed over
            replicas, so losses divide by it.
        seed: of the pools.

    Source:
        Zhu et al. 2017, arXiv:1703.10593, section 3 and its published code.
    """

    def __init__(self, generator: keras.Model, degrader: keras.Model,
                 clean_discriminator: keras.Model, degraded_discriminator: keras.Model, *,
                 generator_optimizer: keras.optimizers.Optimizer,
                 discriminator_optimizer: keras.optimizers.Optimizer,
                 cycle_weight: float, identity_weight: float, pool_size: int, patch_size: int,
                 global_batch_size: int, seed: int) -> None:
        self.generator = generator
        self.degrader = degrader
        self.clean_discriminator = clean_discriminator
        self.degraded_discriminator = degraded_discriminator
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        self.cycle_weight = cycle_weight
        self.identity_weight = identity_weight
        self.global_batch_size = global_batch_size
        self.random = keras.random.SeedGenerator(seed)
        self.pools = [ImagePool(pool_size, (patch_size, patch_size, 1), seed=self.random)
                      for _ in range(2)] if pool_size else []
        # Built now, so that a checkpoint finds the slots to restore.
        generator_optimizer.build(self._translator_variables)
        discriminator_optimizer.build(self._discriminator_variables)

    @property
    def _translator_variables(self) -> list[Any]:
        return self.generator.trainable_variables + self.degrader.trainable_variables

    @property
    def _discriminator_variables(self) -> list[Any]:
        return (self.clean_discriminator.trainable_variables
                + self.degraded_discriminator.trainable_variables)

    @property
    def state(self) -> dict[str, list[Any]]:
        """All variables a resumed run needs, by owner; of pools the first replica's alone."""
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
        # What the discriminators get is made before the translators' update.
        losses, restored, made = self._update_translators(clean, degraded)
        if self.pools:
            unnumbered = tf.zeros(clean.shape[0], tf.int32)
            restored, made = (pool.query(images, unnumbered)[0]
                              for pool, images in zip(self.pools, (restored, made)))
        return {**losses, **self._update_discriminators(clean, degraded, restored, made)}

    def _update_translators(self, clean: tf.Tensor, degraded: tf.Tensor
                            ) -> tuple[Losses, tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            restored = self.generator(degraded, training=True)
            made = self.degrader(clean, training=True)
            losses = {
                "restored": self._judged(self.clean_discriminator, restored, 1),
                "made": self._judged(self.degraded_discriminator, made, 1),
                "cycle": self._mean(
                    pixel_loss(degraded, self.degrader(restored, training=True))
                    + pixel_loss(clean, self.generator(made, training=True))),
                "identity": self._mean(
                    pixel_loss(clean, self.generator(clean, training=True))
                    + pixel_loss(degraded, self.degrader(degraded, training=True)))}
            total = (losses["restored"] + losses["made"] + self.cycle_weight * losses["cycle"]
                     + self.identity_weight * losses["identity"])
        variables = self._translator_variables
        self.generator_optimizer.apply(tape.gradient(total, variables), variables)
        return losses, restored, made

    def _update_discriminators(self, clean: tf.Tensor, degraded: tf.Tensor,
                               restored: tf.Tensor, made: tf.Tensor) -> Losses:
        with tf.GradientTape() as tape:
            losses = {
                "clean_discriminator": (self._judged(self.clean_discriminator, clean, 1)
                                        + self._judged(self.clean_discriminator, restored, 0)) / 2,
                "degraded_discriminator": (
                    self._judged(self.degraded_discriminator, degraded, 1)
                    + self._judged(self.degraded_discriminator, made, 0)) / 2}
            total = losses["clean_discriminator"] + losses["degraded_discriminator"]
        variables = self._discriminator_variables
        self.discriminator_optimizer.apply(tape.gradient(total, variables), variables)
        return losses

    def _judged(self, discriminator: keras.Model, images: tf.Tensor, label: float) -> tf.Tensor:
        return self._mean(least_squares_loss(discriminator(images, training=True), label))

    def _mean(self, loss_per_image: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(loss_per_image) / self.global_batch_size
