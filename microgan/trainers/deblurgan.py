"""Training DeblurGAN."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from microgan.losses.adversarial import (
    gradient_penalty, wasserstein_critic_loss, wasserstein_generator_loss)
from microgan.losses.perceptual import content_loss

# Features here are of images in 0 to 255, DeblurGAN's of the same images in [-1, 1].
_FEATURE_SCALE = 127.5


class DeblurGANTrainer:
    """Several critic updates and one generator update a step, all on the same images.

    Args:
        generator: degraded (B, Y, X, 1) -> restored, same shape, normalised.
        critic: image -> scores, large for clean images; their mean is an image's score.
        generator_optimizer: of the generator's weights.
        critic_optimizer: of the critic's weights.
        content_features: frozen network, images -> features.
        content_weight: factor of the content loss.
        penalty_weight: factor of the critic's gradient penalty.
        critic_steps: critic updates a step, >= 1.
        global_batch_size: images a batch over all replicas: gradients are summed over
            replicas, so losses divide by it.

    Source:
        Kupyn et al. 2018, arXiv:1711.07064, section 3, and its published code. Departs: the
        penalty is Gulrajani's, of an image's score by the whole image; the code's takes the
        norm over colours, pixel by pixel. The features are VGG's after the ReLU of
        block3_conv3, of images in VGG's own range, divided by 127.5.
    """

    def __init__(self, generator: keras.Model, critic: keras.Model, *,
                 generator_optimizer: keras.optimizers.Optimizer,
                 critic_optimizer: keras.optimizers.Optimizer,
                 content_features: keras.Model, content_weight: float, penalty_weight: float,
                 critic_steps: int, global_batch_size: int) -> None:
        self.generator = generator
        self.critic = critic
        self.generator_optimizer = generator_optimizer
        self.critic_optimizer = critic_optimizer
        self.content_features = content_features
        self.content_weight = content_weight
        self.penalty_weight = penalty_weight
        self.critic_steps = critic_steps
        self.global_batch_size = global_batch_size
        # Built now, so that a checkpoint finds the slots to restore.
        generator_optimizer.build(generator.trainable_variables)
        critic_optimizer.build(critic.trainable_variables)

    @property
    def state(self) -> dict[str, list[Any]]:
        """All variables a resumed run needs, random states included, by owner."""
        return {"generator": self.generator.variables,
                "critic": self.critic.variables,
                "generator_optimizer": self.generator_optimizer.variables,
                "critic_optimizer": self.critic_optimizer.variables}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Update the critic several times, then the generator, on one batch.

        Args:
            batch: this replica's share: `degraded` and `clean`, float (B, Y, X, 1);
                `penalty_position`, float (B, critic_steps), uniform from 0 to 1.

        Returns:
            Scalars whose sums over replicas are the unweighted means over the batch, those
            of the critic also over its updates.
        """
        clean = batch["clean"]
        positions = tf.unstack(batch["penalty_position"], axis=1)
        with tf.GradientTape() as tape:
            restored = self.generator(batch["degraded"], training=True)
            with tape.stop_recording():
                critic_losses = [self._update_critic(clean, restored, position)
                                 for position in positions]
                wanted = self.content_features(clean, training=False)
            adversarial = self._mean(
                wasserstein_generator_loss(self.critic(restored, training=True)))
            found = self.content_features(restored, training=False)
            content = self._mean(content_loss(wanted, found, squared=True)) / _FEATURE_SCALE ** 2
            total = adversarial + self.content_weight * content
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(total, variables), variables)
        means = {name: sum(losses[name] for losses in critic_losses) / self.critic_steps
                 for name in critic_losses[0]}
        return {**means, "adversarial": adversarial, "content": content}

    def _update_critic(self, clean: tf.Tensor, restored: tf.Tensor,
                       position: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            # Real and made images in one batch: one pass through the critic.
            scores = self.critic(tf.concat([clean, restored], 0), training=True)
            loss = self._mean(wasserstein_critic_loss(*tf.split(scores, 2)))
            penalty = self._mean(gradient_penalty(self._score, clean, restored, position))
            total = loss + self.penalty_weight * penalty
        variables = self.critic.trainable_variables
        self.critic_optimizer.apply(tape.gradient(total, variables), variables)
        return {"critic": loss, "penalty": penalty}

    def _score(self, images: tf.Tensor) -> tf.Tensor:
        """One score an image, (B,), of which the penalty is taken."""
        return tf.reduce_mean(self.critic(images, training=True), axis=(1, 2, 3))

    def _mean(self, loss_per_image: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(loss_per_image) / self.global_batch_size
