"""Train ZSE-GAN, which learns to sharpen z-stacks from their sections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from microgan.losses.adversarial import least_squares_loss
from microgan.losses.z_stack import (
    adversarial_slice_weights, consistency_loss, consistency_slice_weights)
from microgan.trainers.image_pool import ImagePool

Losses = dict[str, tf.Tensor]
# Both translators' adversarial losses have one weight.
_WEIGHT_OF = {"sharp": "adversarial", "blur": "adversarial"}


@dataclass(frozen=True)
class SectionDiscriminators:
    """What the translators are judged by.

    Args:
        sharp: scores horizontal and vertical sections, high for sharp ones.
        blurred: scores horizontal slices, high for those of measured stacks.
        optimizer: updates both.
    """

    sharp: keras.Model
    blurred: keras.Model
    optimizer: keras.optimizers.Optimizer


@dataclass(frozen=True)
class SectionSettings:
    """How the losses look at a stack's sections.

    Args:
        stack_shape: (Z, Y, X) of the training crops.
        pool_size: sharpened and reconstructed volumes kept for the discriminators; 0 for none.
        vertical_share: c, weight of real vertical sections; horizontal ones have 1 - c, and
            vertical sections of sharpened stacks, as published, c / 2.
    """

    stack_shape: tuple[int, int, int]
    pool_size: int
    vertical_share: float


class ZSEGANTrainer:
    """One update of both translators, then one of both discriminators.

    Args:
        generator: blurred stack (B, Z, Y, X, 1) -> [sharpened, reconstructed]; its layers
            "sharpen" and "blur" are the translators.
        generator_optimizer: updates both translators; with `use_ema`, it also keeps their
            weights' moving average.
        discriminators: of sections.
        weights: factors of the losses by name, above 0: "adversarial", "consistency" and
            "identity". A loss without a weight is not computed.
        sections: how they are drawn and weighted.
        global_batch_size: stacks per update over all replicas: gradients are summed over
            replicas, so losses divide by it.
        seed: of the pools.

    Source:
        ZSE-GAN's notebook. Departs: any number of sections per update.
    """

    def __init__(self, generator: keras.Model, generator_optimizer: keras.optimizers.Optimizer, *,
                 discriminators: SectionDiscriminators, weights: Mapping[str, float],
                 sections: SectionSettings, global_batch_size: int, seed: int) -> None:
        self.generator = generator
        self.sharpen, self.blur = (generator.get_layer(name) for name in ("sharpen", "blur"))
        self.sharp_discriminator = discriminators.sharp
        self.blur_discriminator = discriminators.blurred
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminators.optimizer
        self.weights = weights
        self.vertical_share = sections.vertical_share
        self.synthetic_vertical_share = sections.vertical_share / 2
        self.global_batch_size = global_batch_size
        self.random = keras.random.SeedGenerator(seed)
        depth = sections.stack_shape[0]
        # One row for each position of the focal plane.
        self.adversarial_table, self.consistency_table = (
            np.stack([weights(depth, focal_plane) for focal_plane in range(depth)])
            for weights in (adversarial_slice_weights, consistency_slice_weights))
        self.pools = [ImagePool(sections.pool_size, (*sections.stack_shape, 1), seed=self.random)
                      for _ in range(2)] if sections.pool_size else []
        # Built now, so that a checkpoint finds the slots to restore.
        generator_optimizer.build(generator.trainable_variables)
        discriminators.optimizer.build(self._discriminator_variables)

    @property
    def _discriminator_variables(self) -> list[Any]:
        return (self.sharp_discriminator.trainable_variables
                + self.blur_discriminator.trainable_variables)

    @property
    def state(self) -> dict[str, list[Any]]:
        """Return all variables that a resumed run needs; pools are the first replica's."""
        return {"generator": self.generator.variables,
                "discriminators": (self.sharp_discriminator.variables
                                   + self.blur_discriminator.variables),
                "generator_optimizer": self.generator_optimizer.variables,
                "discriminator_optimizer": self.discriminator_optimizer.variables,
                "pools": [variable for pool in self.pools for variable in pool.state],
                "random": [self.random.state]}

    def train_step(self, batch: dict[str, tf.Tensor]) -> Losses:
        """Update the translators together, then the discriminators together.

        1. Sharpen the stack, y = G_S(x), and blur the result again, G_B(y).
        2. D_S judges slices and vertical sections of y, D_B judges slices of G_B(y).
        3. As weighted, compare G_B(y) with x (consistency), G_B(x) with x and G_S(y) with y
           (identity).
        4. Update G_S and G_B together.
        5. Let D_S and D_B tell y and G_B(y), or earlier ones from the pools, from in-focus
           images and measured slices, and update them together.

        Args:
            batch: this replica's share: `blurred`, float (B, Z, Y, X, 1), Y = X;
                `focal_plane`, int32 (B,); `sharp_lateral`, float (B, N, Y, X, 1), and
                `sharp_axial`, float (B, N, Y, Z, 1), in-focus images shaped like horizontal
                and vertical sections; `places`, float (B, 7, N), uniform from 0 to 1, of the
                judged sections, N of each kind.

        Returns:
            Scalars whose sums over replicas are the unweighted means over the batch.
        """
        losses, sharpened, reconstructed = self._update_translators(batch)
        volumes = [(volume, batch["focal_plane"]) for volume in (sharpened, reconstructed)]
        if self.pools:
            volumes = [pool.query(*each) for pool, each in zip(self.pools, volumes)]
        return {**losses, **self._update_discriminators(batch, *volumes)}

    def _update_translators(self, batch: dict[str, tf.Tensor]
                            ) -> tuple[Losses, tf.Tensor, tf.Tensor]:
        blurred, focal_plane = batch["blurred"], batch["focal_plane"]
        places = tf.unstack(batch["places"], axis=1)
        with tf.GradientTape() as tape:
            sharpened, reconstructed = self.generator(blurred, training=True)
            axial = self._draw_axial(sharpened, places[0])
            losses = {
                "sharp": self._mean(
                    (1 - self.vertical_share) * self._judged_lateral(
                        self.sharp_discriminator, sharpened, focal_plane, places[1], 1)
                    + self.synthetic_vertical_share * _judged(self.sharp_discriminator, axial, 1)),
                "blur": self._mean(self._judged_lateral(
                    self.blur_discriminator, reconstructed, focal_plane, places[2], 1))}
            if "consistency" in self.weights:
                losses["consistency"] = self._mean(
                    consistency_loss(blurred, reconstructed,
                                     tf.gather(self.consistency_table, focal_plane)))
            if "identity" in self.weights:
                losses["identity"] = self._mean(
                    consistency_loss(blurred, self.blur(blurred, training=True))
                    + consistency_loss(sharpened, self.sharpen(sharpened, training=True)))
            total = sum(self.weights[_WEIGHT_OF.get(name, name)] * loss
                        for name, loss in losses.items())
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(total, variables), variables)
        return losses, sharpened, reconstructed

    def _update_discriminators(self, batch: dict[str, tf.Tensor],
                               pooled_sharp: tuple[tf.Tensor, tf.Tensor],
                               pooled_blurred: tuple[tf.Tensor, tf.Tensor]) -> Losses:
        """Update both discriminators; synthetic stacks come with their focal planes."""
        measured, sharpened = (batch["blurred"], batch["focal_plane"]), pooled_sharp[0]
        places = tf.unstack(batch["places"], axis=1)
        with tf.GradientTape() as tape:
            real = ((1 - self.vertical_share)
                    * _judged(self.sharp_discriminator, batch["sharp_lateral"], 1)
                    + self.vertical_share * _judged(
                        self.sharp_discriminator, batch["sharp_axial"], 1))
            synthetic = ((1 - self.vertical_share) * self._judged_lateral(
                        self.sharp_discriminator, *pooled_sharp, places[3], 0)
                    + self.synthetic_vertical_share * _judged(
                        self.sharp_discriminator, self._draw_axial(sharpened, places[4]), 0))
            of_blur = [self._judged_lateral(self.blur_discriminator, *stack, drawn, label)
                       for stack, drawn, label in ((measured, places[5], 1),
                                                   (pooled_blurred, places[6], 0))]
            losses = {"sharp_discriminator": self._mean((real + synthetic) / 2),
                      "blur_discriminator": self._mean(sum(of_blur) / 2)}
            total = losses["sharp_discriminator"] + losses["blur_discriminator"]
        variables = self._discriminator_variables
        self.discriminator_optimizer.apply(tape.gradient(total, variables), variables)
        return losses

    def _judged_lateral(self, discriminator: keras.Model, stack: tf.Tensor,
                        focal_plane: tf.Tensor, places: tf.Tensor, label: float) -> tf.Tensor:
        """Return the weighted loss (B,) of the slices at `places`, (B, N) from 0 to 1."""
        places = _indices(places, stack.shape[1])
        slices = tf.gather(stack, places, axis=1, batch_dims=1)
        weights = tf.gather(tf.gather(self.adversarial_table, focal_plane), places,
                            axis=1, batch_dims=1)
        return _judged(discriminator, slices, label, weights)

    def _draw_axial(self, stack: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """Return x-z and y-z sections (B, N, Y, Z, 1) at `places`, (B, N) from 0 to 1."""
        sections = tf.concat([tf.transpose(stack, (0, 2, 3, 1, 4)),
                              tf.transpose(stack, (0, 3, 2, 1, 4))], axis=1)
        return tf.gather(sections, _indices(places, sections.shape[1]), axis=1, batch_dims=1)

    def _mean(self, loss_per_stack: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(loss_per_stack) / self.global_batch_size


def _indices(places: tf.Tensor, length: int) -> tf.Tensor:
    """Convert numbers from 0 to 1, 1 excluded, to indices of a sequence."""
    # A product may be rounded up to the length.
    return tf.minimum(tf.cast(places * length, tf.int32), length - 1)


def _as_images(sections: tf.Tensor) -> tf.Tensor:
    """Reshape (B, N, Y, X, C) to (B * N, Y, X, C)."""
    return tf.reshape(sections, (-1, *sections.shape[2:]))


def _judged(discriminator: keras.Model, sections: tf.Tensor, label: float,
            weights: tf.Tensor | None = None) -> tf.Tensor:
    """Return the mean loss of each stack's sections, (B,)."""
    scores = discriminator(_as_images(sections), training=True)
    losses = tf.reshape(least_squares_loss(scores, label), sections.shape[:2])
    if weights is not None:
        losses *= tf.cast(weights, losses.dtype)
    return tf.reduce_mean(losses, axis=1)
