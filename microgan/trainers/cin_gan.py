"""Training CIN-GAN, which learns defects from unpaired images."""

from __future__ import annotations

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


class CINGANTrainer:
    """Several critic updates and one generator update a step.

    Args:
        generator: (clean, condition) or (clean, condition, noise) -> synthetic degraded
            images, (B, Y, X, 1), normalised.
        critic: (image, condition) -> scores, large for real degraded images.
        generator_optimizer: of the generator's weights; with `use_ema`, it also keeps their
            moving average.
        critic_optimizer: of the critic's weights.
        features: frozen network, images -> `content` and `style` features; None for neither
            loss.
        squared_content: squared instead of absolute difference of the features.
        content_from_degraded: compare content with an unpaired degraded image, as
            published, instead of with the generator's own input.
        adversarial_weight: factor of the generator's adversarial loss.
        content_weight: factor of the content loss.
        style_weight: factor of the style loss, against an unpaired degraded image.
        spectrum_weight: factor of the spectrum loss, against the same degraded image.
        intensity_weight: factor of the intensity loss, against all degraded images so far.
        structure_weight: factor of the structure loss, against the generator's own input.
        num_tasks: defects that the generator knows.
        penalty_weight: factor of the critic's gradient penalty.
        critic_steps: critic updates a step, >= 1.
        global_batch_size: images a critic update over all replicas: gradients are summed
            over replicas, so losses divide by it.

    Source:
        MicroscopyGAN's training loop; Gulrajani et al. 2017, arXiv:1704.00028, algorithm 1.
        Departs: every image has its own task, where the original draws one for all updates
        of a step; content is compared with the generator's input, since that of an unrelated
        image is not what the made one should have.
    """

    def __init__(self, generator: keras.Model, critic: keras.Model, *,
                 generator_optimizer: keras.optimizers.Optimizer,
                 critic_optimizer: keras.optimizers.Optimizer,
                 features: keras.Model | None, squared_content: bool = False,
                 content_from_degraded: bool = False, adversarial_weight: float,
                 content_weight: float, style_weight: float, spectrum_weight: float,
                 intensity_weight: float, structure_weight: float, num_tasks: int,
                 penalty_weight: float, critic_steps: int, global_batch_size: int) -> None:
        self.generator = generator
        self.critic = critic
        self.generator_optimizer = generator_optimizer
        self.critic_optimizer = critic_optimizer
        self.features = features
        self.squared_content = squared_content
        self.content_from_degraded = content_from_degraded
        self.adversarial_weight = adversarial_weight
        self.content_weight = content_weight
        self.style_weight = style_weight
        self.spectrum_weight = spectrum_weight
        self.intensity_weight = intensity_weight
        self.structure_weight = structure_weight
        self.penalty_weight = penalty_weight
        self.critic_steps = critic_steps
        self.global_batch_size = global_batch_size
        self.intensities = HistogramMemory(num_tasks) if intensity_weight else None
        self._made = compiled_once(self._generate)
        self._gradients_for_critic = compiled_once(self._critic_gradients)
        # Built now, so that a checkpoint finds the slots to restore.
        generator_optimizer.build(generator.trainable_variables)
        critic_optimizer.build(critic.trainable_variables)

    @property
    def state(self) -> dict[str, list[Any]]:
        """All variables a resumed run needs, random states included, by owner."""
        return {"generator": self.generator.variables,
                "critic": self.critic.variables,
                "generator_optimizer": self.generator_optimizer.variables,
                "critic_optimizer": self.critic_optimizer.variables,
                "intensities": self.intensities.variables if self.intensities else []}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Update the critic on all sub-batches but the last, the generator on the last.

        Args:
            batch: `clean` and `degraded`, float (B, critic_steps + 1, Y, X, 1), of the same
                task but not of the same sample; `condition`, int32 (B, critic_steps + 1);
                `penalty_position`, float like `condition`, uniform from 0 to 1; `noise`,
                like `clean`, for a generator that takes it; this replica's share.

        Returns:
            Scalars whose sums over replicas are the unweighted means over the batch, those
            of the critic also over its updates.
        """
        critic_losses = [self._update_critic(_sub_batch(batch, step))
                         for step in range(self.critic_steps)]
        means = {name: sum(losses[name] for losses in critic_losses) / self.critic_steps
                 for name in critic_losses[0]}
        return {**means, **self._update_generator(_sub_batch(batch, self.critic_steps))}

    def _update_critic(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        degraded, condition = batch["degraded"], batch["condition"]
        made = self._made(batch)
        if self.intensities:
            self.intensities.add(made, degraded, condition)
        losses, gradients = self._gradients_for_critic(degraded, made, condition,
                                                       batch["penalty_position"])
        self.critic_optimizer.apply(gradients, self.critic.trainable_variables)
        return losses

    def _critic_gradients(self, degraded: tf.Tensor, made: tf.Tensor, condition: tf.Tensor,
                          position: tf.Tensor) -> tuple[dict[str, tf.Tensor], list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            # Real and made images in one batch: one pass through the critic.
            scores = self.critic([tf.concat([degraded, made], 0),
                                  tf.concat([condition, condition], 0)], training=True)
            loss = self._mean(wasserstein_critic_loss(*tf.split(scores, 2)))
            penalty = self._mean(gradient_penalty(
                lambda images: self.critic([images, condition], training=True),
                degraded, made, position))
            total = loss + self.penalty_weight * penalty
        gradients = tape.gradient(total, self.critic.trainable_variables)
        return {"critic": loss, "penalty": penalty}, gradients

    def _update_generator(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        clean, degraded, condition = batch["clean"], batch["degraded"], batch["condition"]
        losses = {}
        with tf.GradientTape() as tape:
            made = self._made(batch)
            scores = self.critic([made, condition], training=True)
            losses["adversarial"] = self._mean(wasserstein_generator_loss(scores))
            total = self.adversarial_weight * losses["adversarial"]
            if self.spectrum_weight:
                losses["spectrum"] = self._mean(spectrum_loss(degraded, made))
                total += self.spectrum_weight * losses["spectrum"]
            if self.intensities:
                excess = self.intensities.excess()
                losses["intensity"] = self._mean(intensity_loss(made, condition, excess))
                total += self.intensity_weight * losses["intensity"]
            if self.structure_weight:
                losses["structure"] = self._mean(structure_loss(clean, made))
                total += self.structure_weight * losses["structure"]
            if self.features is not None:
                with tape.stop_recording():
                    of_clean = self.features(clean, training=False)
                    of_degraded = self.features(degraded, training=False)
                found = self.features(made, training=False)
                wanted = of_degraded if self.content_from_degraded else of_clean
                losses["content"] = self._mean(content_loss(
                    wanted["content"], found["content"], squared=self.squared_content))
                losses["style"] = self._mean(style_loss(of_degraded["style"], found["style"]))
                total += (self.content_weight * losses["content"]
                          + self.style_weight * losses["style"])
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(total, variables), variables)
        return losses

    def _generate(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        names = ("clean", "condition", "noise")[:len(self.generator.inputs)]
        return self.generator([batch[name] for name in names], training=True)

    def _mean(self, loss_per_image: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(loss_per_image) / self.global_batch_size


def _sub_batch(batch: dict[str, tf.Tensor], step: int) -> dict[str, tf.Tensor]:
    return {name: values[:, step] for name, values in batch.items()}
