"""Train the conditional GAN that restores images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

import keras
import tensorflow as tf

from microgan.losses.adversarial import discriminator_loss, generator_loss
from microgan.losses.perceptual import content_loss
from microgan.losses.pixel import fitted_pixel_loss, fourier_loss, pixel_loss

# By name: (clean, restored) -> loss of each image.
IMAGE_LOSSES = {"pixel": pixel_loss, "fitted_pixel": fitted_pixel_loss, "fourier": fourier_loss}


@dataclass(frozen=True)
class Adversary:
    """What a generator is judged by.

    Args:
        discriminator: (degraded, image) -> logits, large for clean images.
        optimizer: updates the discriminator's weights.
    """

    discriminator: keras.Model
    optimizer: keras.optimizers.Optimizer


@dataclass(eq=False)
class CGANTrainer:
    """One discriminator and one generator update per step.

    Args:
        generator: degraded (B, Y, X, 1) -> restored, same shape, normalised.
        generator_optimizer: with `use_ema`, it also keeps the weights' moving average.
        weights: factors of the losses by name, above 0: "adversarial", "content", "recorrupted"
            and those of `IMAGE_LOSSES`. A loss without a weight is not computed.
        adversary: needed with an adversarial weight; otherwise None.
        content_features: frozen network, images -> features; needed with a content weight.
        squared_content: whether to square the difference of features.
        global_batch_size: images per batch over all replicas: gradients are summed over
            replicas, so losses divide by it.

    Source:
        MicroscopyGAN's training loop. Departs: discriminator and generator learn from the same
        forward pass with dropout on, where the original turns it off for the discriminator.
    """

    generator: keras.Model
    generator_optimizer: keras.optimizers.Optimizer
    _: KW_ONLY
    weights: Mapping[str, float]
    adversary: Adversary | None = None
    content_features: keras.Model | None = None
    squared_content: bool = False
    global_batch_size: int

    def __post_init__(self) -> None:
        # Built now, so that a checkpoint finds the slots to restore.
        self.generator_optimizer.build(self.generator.trainable_variables)
        if self.adversary is not None:
            self.adversary.optimizer.build(self.adversary.discriminator.trainable_variables)

    @property
    def state(self) -> dict[str, list[Any]]:
        """Return all variables that a resumed run needs, including random states, by owner."""
        state = {"generator": self.generator.variables,
                 "generator_optimizer": self.generator_optimizer.variables}
        if self.adversary is not None:
            state |= {"discriminator": self.adversary.discriminator.variables,
                      "discriminator_optimizer": self.adversary.optimizer.variables}
        return state

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Update the discriminator, if any, then the generator on one batch.

        Args:
            batch: `degraded` and `clean`, float (B, Y, X, 1), this replica's share. With a
                weight for "recorrupted" also `own`, float (B,): 1 where `clean` is as noisy, with
                noise of its own. There the squared difference alone counts, since only its
                minimum is the clean image; it does not count elsewhere.

        Returns:
            Scalars whose sums over replicas are the unweighted means over the batch.
        """
        degraded, clean = batch["degraded"], batch["clean"]
        losses: dict[str, tf.Tensor] = {}
        adversary = self.adversary
        has_clean = 1 - batch["own"] if "recorrupted" in self.weights else 1.0
        with tf.GradientTape() as tape:
            restored = self.generator(degraded, training=True)
            if adversary is not None:
                with tape.stop_recording():
                    losses["discriminator"] = self._update_discriminator(
                        adversary, degraded, clean, restored)
                logits = adversary.discriminator([degraded, restored], training=True)
                losses["adversarial"] = self._mean(generator_loss(logits))
            if self.content_features is not None:
                with tape.stop_recording():
                    wanted = self.content_features(clean, training=False)
                found = self.content_features(restored, training=False)
                losses["content"] = self._mean(
                    has_clean * content_loss(wanted, found, squared=self.squared_content))
            for name, loss in IMAGE_LOSSES.items():
                if name in self.weights:
                    losses[name] = self._mean(has_clean * loss(clean, restored))
            if "recorrupted" in self.weights:
                losses["recorrupted"] = self._mean(
                    batch["own"] * tf.reduce_mean(tf.square(clean - restored), [1, 2, 3]))
            total = sum(weight * losses[name] for name, weight in self.weights.items())
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(total, variables), variables)
        return losses

    def _update_discriminator(self, adversary: Adversary, degraded: tf.Tensor,
                              clean: tf.Tensor, restored: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            # One joined batch, as published.
            logits = adversary.discriminator([tf.concat([degraded, degraded], 0),
                                              tf.concat([clean, restored], 0)], training=True)
            loss = self._mean(discriminator_loss(*tf.split(logits, 2)))
        variables = adversary.discriminator.trainable_variables
        adversary.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    def _mean(self, loss_per_image: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(loss_per_image) / self.global_batch_size
