"""CARE (Weigert et al. 2018) on microgan's data: pairs of degraded and clean images.

Published settings; data, splits, normalisation, precision and scores are microgan's. With
--recipe=limited, CARE's network and loss are trained and applied as microgan's limited recipe
trains and applies its own. Writes the folder CARE_results, as train_cGAN.py does.

    python -m benchmarks.rivals.care --images_limit=10
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from benchmarks.rivals.common import OneLossTrainer, RivalConfig
from benchmarks.rivals.networks import small_unet
from microgan.cli.command import run_command
from microgan.config import RECIPES, RestoringConfig, setting
from microgan.errors import UserError
from microgan.generator_file import GeneratorInfo, build_network
from microgan.losses.pixel import pixel_loss
from microgan.methods.intensity_jitter import choose_intensity_jitter
from microgan.methods.paired_data import paired_batches
from microgan.methods.restoring import RestoringMethod
from microgan.networks.blocks import crop_exactly, pad_exactly
from microgan.networks.registry import RegisteredNetwork, register_network
from microgan.runs.method import Scores, Trainer, describe_generator
from microgan.runs.optimizers import adam
from microgan.runs.run import train
from microgan.runs.workers import this_worker

_PLATEAU_FACTOR = 0.5  # csbdeep's


@dataclass(frozen=True)
class CAREConfig(RivalConfig, RestoringConfig):
    """Settings of CARE. Defaults: csbdeep 0.8.2's."""

    recipe: str = setting(
        "paper", "paper: CARE as published. limited: with the crops, schedule, averaged weights, "
        "bounded updates, changed intensities, calibration and mirror images of train_cGAN.py "
        "--recipe=limited.", choices=RECIPES)
    num_iters: int = setting(40_000, "Updates; the original's 100 epochs of 400.", limited=4000,
                             minimum=1, maximum=10**9)
    batch_size: int = setting(16, "Images per update; the original's 16.", limited=4, minimum=1)
    learning_rate: float = setting(4e-4, "Of Adam, at the start; the original's 4e-4.", above=0)
    learning_rate_decay: str = setting(
        "plateau", "plateau: the learning rate halves whenever --plateau_updates brought no lower "
        "validation loss, as the original. cosine: as train_cGAN.py --recipe=limited.",
        limited="cosine", choices=("none", "plateau", "cosine"))
    plateau_updates: int = setting(4000, "Of --learning_rate_decay=plateau; the original's 10 "
                                   "epochs of 400.", minimum=1)
    adam_epsilon: float = setting(1e-7, "Of Adam; Keras' default.", above=0)
    validate_every: int = setting(400, "Updates between validations; the original's epoch.",
                                  limited=100, minimum=1)
    generator_filters: int = setting(32, "Channels of the U-Net at full resolution; the "
                                     "original's 32.", minimum=1)


def build_unet_generator(*, filters: int = 32, depth: int = 2,
                         kernel_size: int = 5) -> keras.Model:
    """CARE's U-Net, which adds an unbounded correction to its input.

    Convolutions of 32-32, 64-64, 128-64, 64-32, 32-32 channels, max pooling down, nearest
    upsampling and a skip connection up, ReLU after each, no norm; c1-1, plus the input.
    922,977 parameters.

    Args:
        filters: channels at full resolution, > 0; the original's 32.
        depth: halvings, >= 1; the original's 2.
        kernel_size: in pixels, odd; the original's 5.

    Returns:
        `keras.Model`, float32 (B, Y, X, 1) -> float32, same shape, unbounded. Any Y and X of
        at least 2 ** depth.

    Source:
        Weigert et al. 2018, CARE, as csbdeep 0.8.2 builds it by default. Departs: sizes that
        are no multiple of the stride are padded by reflection and cut back.
    """
    degraded = keras.Input((None, None, 1), name="degraded")
    padded = pad_exactly(degraded, 2 ** depth)

    def conv(features: Any, channels: int) -> Any:
        return layers.Conv2D(channels, kernel_size, padding="same", activation="relu")(features)

    features = small_unet(padded, conv, filters=filters, depth=depth)
    change = layers.Conv2D(1, 1, dtype=keras.config.floatx())(features)
    restored = layers.Add(dtype=keras.config.floatx())([change, padded])
    return keras.Model(degraded, crop_exactly(restored, degraded), name="care_unet_generator")


register_network("care", "unet", RegisteredNetwork(
    build_unet_generator, "benchmarks/rivals/care.py",
    # Of the convolution at the lowest level.
    lambda arguments: 9 * 4 ** min(arguments.get("depth", 2), 99)
    * arguments.get("filters", 32) ** 2, can_augment=True, is_local=True))


class CARE(RestoringMethod):
    """A U-Net and the mean absolute difference."""

    run_folder = "CARE_results"

    @classmethod
    def settle(cls, config: Any) -> Any:
        if config.learning_rate_decay == "plateau" and this_worker().count > 1:
            raise UserError("--learning_rate_decay=plateau needs the validation, which one worker "
                            "of several (TF_CONFIG) does: train on one machine, or pass another.")
        return config

    def load(self) -> None:
        super().load()
        self.jitter = choose_intensity_jitter(self.config.intensity_jitter, self.tasks)
        self.batches = paired_batches(self.config, self.tasks,
                                      intensity_jitter=self.jitter.by_task)

    def describe_data(self) -> str:
        return "\n".join([super().describe_data(), *self.jitter.describe()])

    def describe(self) -> GeneratorInfo:
        return describe_generator(
            self.config, method="care", network="unet",
            network_arguments={"filters": self.config.generator_filters, "depth": 2},
            normalization={name: task.normalization for name, task in self.tasks.items()},
            test_time_augmentation=self.config.test_time_augmentation)

    def build(self, info: GeneratorInfo) -> tuple[Trainer, keras.Model]:
        config = self.config
        self.trainer = CARETrainer(
            build_network(info),
            adam(config, config.learning_rate, num_updates=config.num_iters,
                 ema_decay=config.ema_decay, bounded=config.bounded_updates),
            global_batch_size=config.batch_size)
        return self.trainer, build_network(info)

    def validate(self, network: keras.Model) -> Scores:
        scores = super().validate(network)
        losses = []
        for name, task in self.tasks.items():
            constants = task.normalization.clean
            losses.append(np.mean([
                np.abs(constants.normalize(truth) - constants.normalize(image)).mean()
                for truth, image in zip(task.validated_clean(), self.restored[name])]))
        return {"validation_loss": float(np.mean(losses)), **scores}

    def draw(self, folder: Path, update: int, rows: list[Scores]) -> None:
        if self.config.learning_rate_decay == "plateau":
            self.trainer.generator_optimizer.learning_rate = plateau_learning_rate(
                self.config.learning_rate,
                [(int(row["update"]), row["validation_loss"]) for row in rows],
                factor=_PLATEAU_FACTOR, patience_updates=self.config.plateau_updates)
        super().draw(folder, update, rows)

    def load_best(self, folder: Path) -> tuple[keras.Model, GeneratorInfo]:
        return self.load_calibrated(folder) if self.config.calibrate else super().load_best(folder)


class CARETrainer(OneLossTrainer):
    """One update of the generator per step, by the mean absolute difference.

    Source:
        Weigert et al. 2018, CARE, Methods, with csbdeep 0.8.2's default loss.
    """

    loss_name = "pixel"

    def loss_per_image(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """Return the loss of each image; `degraded` and `clean`, float (B, Y, X, 1)."""
        return pixel_loss(batch["clean"], self.generator(batch["degraded"], training=True))


def plateau_learning_rate(initial: float, history: Iterable[tuple[int, float]], *,
                          factor: float, patience_updates: int) -> float:
    """Return the learning rate after some validations, lowered where the loss stagnated.

    Args:
        initial: before the first validation.
        history: update and validation loss of every validation, in order.
        factor: what the rate is multiplied by.
        patience_updates: the rate falls after this many updates without a lower loss.

    Returns:
        A function of the history alone, so that a resumed run continues as an uninterrupted
        one would.

    Source:
        Keras' `ReduceLROnPlateau`, without threshold and cooldown, as csbdeep uses it. With
        a validation every epoch it does the same.
    """
    rate, best, since = initial, float("inf"), 0
    for update, loss in history:
        if loss < best:
            best, since = loss, update
        elif update - since >= patience_updates:
            rate, since = rate * factor, update
    return rate


def train_care(config: CAREConfig) -> Path:
    """Train CARE and score it; see `microgan.runs.run.train`."""
    return train(CARE, config)


if __name__ == "__main__":
    sys.exit(run_command(CAREConfig, __doc__ or "", train_care))
