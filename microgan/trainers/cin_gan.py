"""Train CIN-GAN, which learns defects from unpaired images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from microgan.runtime.compilation import compiled_once
from microgan.losses.adversarial import (
    gradient_penalty, wasserstein_critic_loss, wasserstein_generator_loss)
from microgan.losses.intensity import intensity_loss
from microgan.losses.perceptual import content_loss
from microgan.losses.spectrum import spectrum_loss
from microgan.losses.structure import structure_loss
from microgan.losses.style import style_loss
from microgan.trainers.histogram_memory import HistogramMemory


@dataclass(frozen=True)
class Critic:
    """A Wasserstein critic.

    Args:
        network: images, and with several tasks their conditions -> scores, large if real.
        optimizer: updates its weights.
        steps: its updates per generator update, >= 1.
    """

    network: keras.Model
    optimizer: keras.optimizers.Optimizer
    steps: int


@dataclass(frozen=True)
class ComparedFeatures:
    """What the content and style losses compare.

    Args:
        network: frozen, images -> `content` and `style` features.
        squared_content: whether to square the difference of content.
        content_from_degraded: whether to compare content with an unpaired degraded image, as
            published, instead of the generator's input.
    """

    network: keras.Model
    squared_content: bool = False
    content_from_degraded: bool = False


class CINGANTrainer:
    """Several critic updates and one generator update per step.

    Args:
        generator: (clean, condition) or (clean, condition, noise) -> synthetic degraded
            images, (B, Y, X, 1), normalised.
        generator_optimizer: with `use_ema`, it also keeps the weights' moving average.
        critic: (image, condition) -> scores.
        weights: factors of the losses by name, above 0. A loss without a weight is not
            computed. Generator: "adversarial"; "spectrum" and "style", against an unpaired
            degraded image; "intensity", against all degraded images so far; "structure",
            against its input; "content", see `ComparedFeatures`. Critic: "penalty", the
            gradient penalty.
        features: needed with a content or style weight; otherwise None.
        num_tasks: defects that the generator knows.
        global_batch_size: images per update over all replicas: gradients are summed over
            replicas, so losses divide by it.

    Source:
        MicroscopyGAN's training loop; Gulrajani et al. 2017, arXiv:1704.00028, algorithm 1.
        Departs: each image has its own task, where the original draws one per step; content
        is compared with the generator's input instead of an unrelated image.
    """

    def __init__(self, generator: keras.Model, generator_optimizer: keras.optimizers.Optimizer, *,
                 critic: Critic, weights: Mapping[str, float],
                 features: ComparedFeatures | None = None, num_tasks: int,
                 global_batch_size: int) -> None:
        self.generator = generator
        self.generator_optimizer = generator_optimizer
        self.critic, self.critic_optimizer = critic.network, critic.optimizer
        self.critic_steps = critic.steps
        self.weights = weights
        self.features = features
        self.global_batch_size = global_batch_size
        self.intensities = HistogramMemory(num_tasks) if "intensity" in weights else None
        self._synthesise = compiled_once(self._generate)
        self._gradients_for_critic = compiled_once(self._critic_gradients)
        # Built now, so that a checkpoint finds the slots to restore.
        generator_optimizer.build(generator.trainable_variables)
        critic.optimizer.build(critic.network.trainable_variables)

    @property
    def state(self) -> dict[str, list[Any]]:
        """Return all variables that a resumed run needs, including random states, by owner."""
        return {"generator": self.generator.variables,
                "critic": self.critic.variables,
                "generator_optimizer": self.generator_optimizer.variables,
                "critic_optimizer": self.critic_optimizer.variables,
                "intensities": self.intensities.variables if self.intensities else []}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Update the critic on all sub-batches but the last, then the generator on the last.

        Args:
            batch: this replica's share: `clean` and `degraded`, float
                (B, critic_steps + 1, Y, X, 1), of the same task but of different samples;
                `condition`, int32 (B, critic_steps + 1); `penalty_position`, float like
                `condition`, uniform from 0 to 1; `noise`, like `clean`, if the generator
                takes it.

        Returns:
            Scalars whose sums over replicas are the unweighted means over the batch, and for
            the critic over its updates.
        """
        critic_losses = [self._update_critic(_sub_batch(batch, step))
                         for step in range(self.critic_steps)]
        means = {name: sum(losses[name] for losses in critic_losses) / self.critic_steps
                 for name in critic_losses[0]}
        return {**means, **self._update_generator(_sub_batch(batch, self.critic_steps))}

    def _update_critic(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        degraded, condition = batch["degraded"], batch["condition"]
        synthetic = self._synthesise(batch)
        if self.intensities:
            self.intensities.add(synthetic, degraded, condition)
        losses, gradients = self._gradients_for_critic(degraded, synthetic, condition,
                                                       batch["penalty_position"])
        self.critic_optimizer.apply(gradients, self.critic.trainable_variables)
        return losses

    def _critic_gradients(self, degraded: tf.Tensor, synthetic: tf.Tensor, condition: tf.Tensor,
                          position: tf.Tensor) -> tuple[dict[str, tf.Tensor], list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            # Real and synthetic images in one batch: one pass through the critic.
            scores = self.critic([tf.concat([degraded, synthetic], 0),
                                  tf.concat([condition, condition], 0)], training=True)
            loss = self._mean(wasserstein_critic_loss(*tf.split(scores, 2)))
            penalty = self._mean(gradient_penalty(
                lambda images: self.critic([images, condition], training=True),
                degraded, synthetic, position))
            total = loss + self.weights["penalty"] * penalty
        gradients = tape.gradient(total, self.critic.trainable_variables)
        return {"critic": loss, "penalty": penalty}, gradients

    def _update_generator(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        clean, degraded, condition = batch["clean"], batch["degraded"], batch["condition"]
        losses: dict[str, tf.Tensor] = {}
        with tf.GradientTape() as tape:
            synthetic = self._synthesise(batch)
            scores = self.critic([synthetic, condition], training=True)
            losses["adversarial"] = self._mean(wasserstein_generator_loss(scores))
            if "spectrum" in self.weights:
                losses["spectrum"] = self._mean(spectrum_loss(degraded, synthetic))
            if self.intensities:
                losses["intensity"] = self._mean(
                    intensity_loss(synthetic, condition, self.intensities.excess()))
            if "structure" in self.weights:
                losses["structure"] = self._mean(structure_loss(clean, synthetic))
            if self.features is not None:
                losses |= self._compare_features(self.features, tape, batch, synthetic)
            total = sum(self.weights[name] * loss for name, loss in losses.items())
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(total, variables), variables)
        return losses

    def _compare_features(self, features: ComparedFeatures, tape: tf.GradientTape,
                          batch: dict[str, tf.Tensor], synthetic: tf.Tensor
                          ) -> dict[str, tf.Tensor]:
        losses = {}
        with tape.stop_recording():
            of_clean = features.network(batch["clean"], training=False)
            of_degraded = features.network(batch["degraded"], training=False)
        found = features.network(synthetic, training=False)
        if "content" in self.weights:
            wanted = of_degraded if features.content_from_degraded else of_clean
            losses["content"] = self._mean(content_loss(
                wanted["content"], found["content"], squared=features.squared_content))
        if "style" in self.weights:
            losses["style"] = self._mean(style_loss(of_degraded["style"], found["style"]))
        return losses

    def _generate(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        names = ("clean", "condition", "noise")[:len(self.generator.inputs)]
        return self.generator([batch[name] for name in names], training=True)

    def _mean(self, loss_per_image: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(loss_per_image) / self.global_batch_size


def _sub_batch(batch: dict[str, tf.Tensor], step: int) -> dict[str, tf.Tensor]:
    return {name: values[:, step] for name, values in batch.items()}
