"""The part of a CycleGAN run that needs TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from microgan.config.cyclegan import CycleGANConfig
from microgan.methods.paired_training import RestoredTasks, train_restorer
from microgan.runs.training import (
    GeneratorTrainer, adam, describe_generator, set_up_devices)
from microgan.methods.unpaired_data import UnpairedTaskData, print_parts, without_pairs
from microgan.methods.validated import validated_part
from microgan.generator_file import GeneratorInfo, build_network
from microgan.networks.cyclegan import build_patch_discriminator
from microgan.runtime.precision import keras_settings_kept
from microgan.trainers.cyclegan import CycleGANTrainer

_NUM_BLOCKS = 6  # published, for 128 x 128 pixels


@keras_settings_kept()
def train_and_score(config: CycleGANConfig, tasks: dict[str, UnpairedTaskData],
                    split: dict[str, Any], draw: Callable[[int], dict[str, np.ndarray]],
                    folder: Path) -> None:
    """As `cgan_training.train_and_score`."""
    strategy, precision = set_up_devices(config)
    info = describe_generator(
        config, method="cyclegan", network="resnet",
        network_arguments={"filters": config.generator_filters, "num_blocks": _NUM_BLOCKS},
        normalization={name: task.normalization for name, task in tasks.items()})
    # Degraded images to look at while it trains; they need not show what the clean ones do.
    tested = {name: replace(without_pairs(task, config.data_dir, task.normalization),
                            made_validation=validated_part(task.part("validation")[0]))
              for name, task in tasks.items()}

    def keep_last(restored: RestoredTasks, trainer: GeneratorTrainer) -> dict[str, float]:
        return {"score": float(np.asarray(trainer.generator_optimizer.iterations))}

    print_parts(tasks)
    train_restorer(config, tested, folder, info, split=split, draw=draw, strategy=strategy,
                   precision=precision, build_trainer=lambda: build_trainer(config, info),
                   validate=keep_last, score_label="updates: the last are kept")


def build_trainer(config: CycleGANConfig, info: GeneratorInfo) -> CycleGANTrainer:
    """Build networks and optimizers as the config says; call it under the strategy."""
    assert config.seed is not None
    optimizers = (adam(config, config.learning_rate, num_updates=config.num_iters,
                       beta_1=config.adam_beta_1) for _ in range(2))
    return CycleGANTrainer(
        build_network(info), build_network(info),
        *(build_patch_discriminator(filters=config.discriminator_filters) for _ in range(2)),
        generator_optimizer=next(optimizers), discriminator_optimizer=next(optimizers),
        cycle_weight=config.cycle_weight, identity_weight=config.identity_weight,
        pool_size=config.pool_size, patch_size=config.patch_size,
        global_batch_size=config.batch_size, seed=config.seed)
