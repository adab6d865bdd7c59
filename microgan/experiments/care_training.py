"""The part of a CARE run that needs TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from microgan.config.care import CAREConfig
from microgan.datasets.sampling import PairedBatches
from microgan.methods.paired_data import TaskData
from microgan.methods.paired_training import (
    RestoredTasks, print_parts, train_restorer, validation_scores)
from microgan.runs.training import (
    GeneratorTrainer, adam, describe_generator, set_up_devices)
from microgan.generator_file import GeneratorInfo, build_network
from microgan.runtime.precision import keras_settings_kept
from microgan.trainers.care import CARETrainer, plateau_learning_rate

_PLATEAU_FACTOR = 0.5  # csbdeep's


@keras_settings_kept()
def train_and_score(config: CAREConfig, tasks: dict[str, TaskData], split: dict[str, Any],
                    draw: PairedBatches, folder: Path) -> None:
    """As `cgan_training.train_and_score`."""
    strategy, precision = set_up_devices(config)
    info = describe_generator(
        config, method="care", network="unet",
        network_arguments={"filters": config.generator_filters, "depth": 2},
        normalization={name: task.normalization for name, task in tasks.items()})

    def validate(restored: RestoredTasks, trainer: GeneratorTrainer) -> dict[str, float]:
        return {"validation_loss": _validation_loss(restored, tasks),
                **validation_scores(restored, tasks)}

    def lower_rate(trainer: GeneratorTrainer, rows: list[dict[str, float]]) -> None:
        if config.learning_rate_decay == "plateau":
            trainer.generator_optimizer.learning_rate = plateau_learning_rate(
                config.learning_rate,
                [(int(row["update"]), row["validation_loss"]) for row in rows],
                factor=_PLATEAU_FACTOR, patience_updates=config.plateau_updates)

    print_parts(tasks)
    train_restorer(config, tasks, folder, info, split=split, draw=draw, strategy=strategy,
                   precision=precision, build_trainer=lambda: build_trainer(config, info),
                   validate=validate, after_validation=lower_rate)


def build_trainer(config: CAREConfig, info: GeneratorInfo) -> CARETrainer:
    """Build the network and its optimizer; call it under the strategy."""
    return CARETrainer(
        build_network(info),
        generator_optimizer=adam(config, config.learning_rate, num_updates=config.num_iters),
        global_batch_size=config.batch_size)


def _validation_loss(restored: RestoredTasks, tasks: dict[str, TaskData]) -> float:
    """Mean absolute difference on the validation images, normalised, mean over tasks."""
    losses = []
    for name, task in tasks.items():
        constants = task.normalization.clean
        losses.append(np.mean([
            np.abs(constants.normalize(truth) - constants.normalize(image)).mean()
            for truth, image in zip(task.validated_clean(), restored[name])]))
    return float(np.mean(losses))
