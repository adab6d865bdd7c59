"""DeblurGAN (Kupyn et al. 2018) on microgan's data: pairs of degraded and clean images.

Published settings; data, splits, normalisation, precision and scores are microgan's. Writes
the folder DeblurGAN_results, as train_cGAN.py does.

    python -m benchmarks.rivals.deblurgan --images_limit=10
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from benchmarks.rivals.common import RivalGANConfig, rate_of
from benchmarks.rivals.networks import patch_discriminator, reflecting_resnet
from microgan.cli.command import run_command
from microgan.config import setting
from microgan.generator_file import GeneratorInfo, build_network
from microgan.losses.adversarial import (
    gradient_penalty, wasserstein_critic_loss, wasserstein_generator_loss)
from microgan.losses.perceptual import content_loss, load_feature_extractor
from microgan.losses.vgg_weights import check_feature_source
from microgan.methods.restoring import RestoringMethod
from microgan.networks.blocks import crop_exactly, pad_exactly
from microgan.networks.registry import RegisteredNetwork, register_network
from microgan.runs.method import Trainer, describe_generator
from microgan.runs.optimizers import adam
from microgan.runs.run import train
from microgan.trainers.cin_gan import Critic

_NUM_BLOCKS = 9  # published
# Features here are of images in 0 to 255, DeblurGAN's of the same images in [-1, 1].
_FEATURE_SCALE = 127.5


@dataclass(frozen=True)
class DeblurGANConfig(RivalGANConfig):
    """Settings of DeblurGAN. Defaults: as published (arXiv:1711.07064)."""

    num_iters: int = setting(
        300_000, "Updates of the generator; the original's 300 epochs of a thousand images.",
        minimum=1, maximum=10**9)
    batch_size: int = setting(1, "Images per update; the original's 1.", minimum=1)
    learning_rate: float = setting(1e-4, "Of Adam, both networks; the original's 1e-4.", above=0)
    critic_filters: int = setting(64, "Channels of the critic's first convolution; the "
                                  "original's 64.", minimum=1)
    critic_steps: int = setting(5, "Updates of the critic per update of the generator; the "
                                "original's 5.", minimum=1)
    penalty_weight: float = setting(10.0, "Factor of the critic's gradient penalty; the "
                                    "original's 10.", above=0)
    content_weight: float = setting(
        100.0, "Factor of the content loss, squared distance of the features over 127.5; the "
        "original's 100.", above=0)
    content_features: str = setting(
        "imagenet", "What the content loss compares. The original's are VGG19's at block3_conv3. "
        "imagenet: VGG16's, which Keras downloads once. embedded: those of a small network that "
        "comes with microgan. Or the path of an .npz or .h5 with VGG's kernels and biases.")
    dropout: float = setting(0.5, "In the generator's residual blocks; the original's 0.5.",
                             minimum=0, maximum=0.9)


def build_resnet_generator(*, filters: int = 64, num_blocks: int = 9,
                           dropout: float = 0.5) -> keras.Model:
    """DeblurGAN's generator: a ResNet whose tanh is added to the image, then clipped.

    See `networks.reflecting_resnet`. 11,365,633 parameters; published, with colour,
    11,378,179.

    Args:
        filters: channels at full resolution, > 0; the original's 64.
        num_blocks: residual blocks, >= 0; the original's 9.
        dropout: in every residual block, 0 to 1; the original's 0.5.

    Returns:
        `keras.Model`, float32 (B, Y, X, 1) -> float32, same shape, -1 to 1. Any Y and X of
        at least 8.

    Source:
        Kupyn et al. 2018, arXiv:1711.07064, figure 3, and its published code. Departs: sizes
        that are not multiples of 4 are padded by reflection and cut back; dropout is off when
        images are restored.
    """
    degraded = keras.Input((None, None, 1), name="degraded")
    padded = pad_exactly(degraded, 4)
    change = reflecting_resnet(padded, filters=filters, num_blocks=num_blocks, dropout=dropout)
    restored = layers.Add(dtype=keras.config.floatx())([change, padded])
    restored = layers.Activation("hard_tanh", dtype=keras.config.floatx())(restored)  # clips
    return keras.Model(degraded, crop_exactly(restored, degraded),
                       name="deblurgan_resnet_generator")


def build_patch_critic(*, filters: int = 64) -> keras.Model:
    """DeblurGAN's critic, a 70 x 70 PatchGAN that sees the image alone.

    Args:
        filters: channels of the first convolution, > 0; the original's 64.

    Returns:
        As `networks.patch_discriminator`.

    Source:
        Kupyn et al. 2018, arXiv:1711.07064, section 3.2.
    """
    return patch_discriminator(filters=filters, name="deblurgan_patch_critic")


register_network("deblurgan", "resnet", RegisteredNetwork(
    build_resnet_generator, "benchmarks/rivals/deblurgan.py",
    # Of the residual blocks' convolutions and the one before.
    lambda arguments: 72 * arguments.get("filters", 64) ** 2
    * (1 + 4 * arguments.get("num_blocks", _NUM_BLOCKS))))


class DeblurGAN(RestoringMethod):
    """A ResNet, judged by features and a Wasserstein critic."""

    run_folder = "DeblurGAN_results"

    def load(self) -> None:
        super().load()
        check_feature_source(self.config.content_features)

    def batch(self, update: int) -> dict[str, np.ndarray]:
        # Another stream, so that the pairs are those that the other methods see.
        random = np.random.default_rng([self.seed, update, 1])
        shape = (self.config.batch_size, self.config.critic_steps)
        return {**super().batch(update), "penalty_position": random.random(shape, np.float32)}

    def describe(self) -> GeneratorInfo:
        return describe_generator(
            self.config, method="deblurgan", network="resnet",
            network_arguments={"filters": self.config.generator_filters,
                               "num_blocks": _NUM_BLOCKS, "dropout": self.config.dropout},
            normalization={name: task.normalization for name, task in self.tasks.items()})

    def build(self, info: GeneratorInfo) -> tuple[Trainer, keras.Model]:
        config = self.config
        num_critic_updates = config.num_iters * config.critic_steps
        trainer = DeblurGANTrainer(
            build_network(info), adam(config, rate_of(config, config.num_iters),
                                      num_updates=config.num_iters, beta_1=config.adam_beta_1),
            critic=Critic(build_patch_critic(filters=config.critic_filters),
                          adam(config, rate_of(config, num_critic_updates),
                               num_updates=num_critic_updates, beta_1=config.adam_beta_1),
                          config.critic_steps),
            weights=config.loss_weights(),
            content_features=load_feature_extractor(config.content_features),
            global_batch_size=config.batch_size)
        return trainer, build_network(info)


class DeblurGANTrainer:
    """Several critic updates and one generator update per step, all on the same images.

    Args:
        generator: degraded (B, Y, X, 1) -> restored, same shape, normalised.
        generator_optimizer: of the generator's weights.
        critic: images -> scores, large for clean images; their mean is an image's score.
        weights: factor of the "content" loss and of the critic's gradient "penalty".
        content_features: frozen network, images -> features.
        global_batch_size: images per batch over all replicas: gradients are summed over
            replicas, so losses divide by it.

    Source:
        Kupyn et al. 2018, arXiv:1711.07064, section 3, and its published code. Departs: the
        penalty is Gulrajani's, of an image's score by the whole image; the code's takes the
        norm over colours, pixel by pixel. The features are VGG's after the ReLU of
        block3_conv3, of images in VGG's own range, divided by 127.5.
    """

    def __init__(self, generator: keras.Model, generator_optimizer: keras.optimizers.Optimizer, *,
                 critic: Critic, weights: Mapping[str, float], content_features: keras.Model,
                 global_batch_size: int) -> None:
        self.generator = generator
        self.generator_optimizer = generator_optimizer
        self.critic, self.critic_optimizer = critic.network, critic.optimizer
        self.critic_steps = critic.steps
        self.weights = weights
        self.content_features = content_features
        self.global_batch_size = global_batch_size
        # Built now, so that a checkpoint finds the slots to restore.
        generator_optimizer.build(generator.trainable_variables)
        critic.optimizer.build(critic.network.trainable_variables)

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
            total = adversarial + self.weights["content"] * content
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(total, variables), variables)
        means = {name: sum(losses[name] for losses in critic_losses) / self.critic_steps
                 for name in critic_losses[0]}
        return {**means, "adversarial": adversarial, "content": content}

    def _update_critic(self, clean: tf.Tensor, restored: tf.Tensor,
                       position: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            # Real and restored images in one batch: one pass through the critic.
            scores = self.critic(tf.concat([clean, restored], 0), training=True)
            loss = self._mean(wasserstein_critic_loss(*tf.split(scores, 2)))
            penalty = self._mean(gradient_penalty(self._score, clean, restored, position))
            total = loss + self.weights["penalty"] * penalty
        variables = self.critic.trainable_variables
        self.critic_optimizer.apply(tape.gradient(total, variables), variables)
        return {"critic": loss, "penalty": penalty}

    def _score(self, images: tf.Tensor) -> tf.Tensor:
        """Return one score per image, (B,), for the penalty."""
        return tf.reduce_mean(self.critic(images, training=True), axis=(1, 2, 3))

    def _mean(self, loss_per_image: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(loss_per_image) / self.global_batch_size


def train_deblurgan(config: DeblurGANConfig) -> Path:
    """Train DeblurGAN and score it; see `microgan.runs.run.train`."""
    return train(DeblurGAN, config)


if __name__ == "__main__":
    sys.exit(run_command(DeblurGANConfig, __doc__ or "", train_deblurgan))
