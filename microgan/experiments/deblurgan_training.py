"""The part of a DeblurGAN run that needs TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from microgan.config.deblurgan import DeblurGANConfig
from microgan.methods.paired_data import TaskData
from microgan.methods.paired_training import print_parts, train_restorer
from microgan.runs.training import adam, describe_generator, set_up_devices
from microgan.generator_file import GeneratorInfo, build_network
from microgan.losses.perceptual import load_feature_extractor
from microgan.networks.deblurgan import build_patch_critic
from microgan.runtime.precision import keras_settings_kept
from microgan.trainers.deblurgan import DeblurGANTrainer

_NUM_BLOCKS = 9  # published


@keras_settings_kept()
def train_and_score(config: DeblurGANConfig, tasks: dict[str, TaskData], split: dict[str, Any],
                    draw: Callable[[int], dict[str, np.ndarray]], folder: Path) -> None:
    """As `cgan_training.train_and_score`; a batch also has the gradient penalty's places."""
    strategy, precision = set_up_devices(config)
    info = describe_generator(
        config, method="deblurgan", network="resnet",
        network_arguments={"filters": config.generator_filters, "num_blocks": _NUM_BLOCKS,
                           "dropout": config.dropout},
        normalization={name: task.normalization for name, task in tasks.items()})
    print_parts(tasks)
    train_restorer(config, tasks, folder, info, split=split, draw=draw, strategy=strategy,
                   precision=precision, build_trainer=lambda: build_trainer(config, info))


def build_trainer(config: DeblurGANConfig, info: GeneratorInfo) -> DeblurGANTrainer:
    """Build networks, losses and optimizers as the config says; call it under the strategy."""
    return DeblurGANTrainer(
        build_network(info), build_patch_critic(filters=config.critic_filters),
        generator_optimizer=adam(config, config.learning_rate, num_updates=config.num_iters,
                                 beta_1=config.adam_beta_1),
        critic_optimizer=adam(config, config.learning_rate, beta_1=config.adam_beta_1,
                              num_updates=config.num_iters * config.critic_steps),
        content_features=load_feature_extractor(config.content_features),
        content_weight=config.content_weight, penalty_weight=config.penalty_weight,
        critic_steps=config.critic_steps, global_batch_size=config.batch_size)
