"""Settings and the learning rate that the rivals share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from microgan.config import TaskTrainingConfig, setting


@dataclass(frozen=True)
class RivalConfig(TaskTrainingConfig):
    """Settings of a rival: as published, on microgan's data, splits and normalisation."""

    recipe: str = setting("paper", "The rival as published; there is no other.",
                          choices=("paper",))
    normalization: str = setting(
        "percentiles", "Intensities that become -1 and 1, per task, from the training images. "
        "percentiles: 0.1 and 99.9 per cent, as in our limited recipe. min_max: the extremes.",
        choices=("min_max", "percentiles"))
    generator_filters: int = setting(64, "Channels of the generator at full resolution; the "
                                     "original's 64.", minimum=1)


@dataclass(frozen=True)
class RivalGANConfig(RivalConfig):
    """Settings of a rival with 70 x 70 PatchGANs, as both were published."""

    patch_size: int = setting(128, "Side of the square training crops in pixels, at least the 32 "
                              "that the discriminator needs; the paper's 128.", minimum=32)
    learning_rate_decay: str = setting(
        "linear", "linear: the learning rate falls to zero in a straight line over the second "
        "half of --num_iters, as the original.", choices=("none", "linear"))
    adam_beta_1: float = setting(0.5, "Decay of Adam's mean gradient; the original's 0.5.",
                                 minimum=0, maximum=0.999)


class LinearDecayInSecondHalf(keras.optimizers.schedules.LearningRateSchedule):
    """Constant for the first half of the updates, then falling to zero in a straight line.

    Args:
        learning_rate: of the first half.
        num_updates: of the whole run, > 0.

    Source:
        CycleGAN (arXiv:1703.10593, section 4) and DeblurGAN (arXiv:1711.07064, section 4),
        which lower it once per epoch.
    """

    def __init__(self, learning_rate: float, num_updates: int) -> None:
        self.learning_rate = learning_rate
        self.num_updates = num_updates

    def __call__(self, step: Any) -> Any:
        left = 2 * (1 - ops.cast(step, "float32") / self.num_updates)
        return self.learning_rate * ops.clip(left, 0, 1)

    def get_config(self) -> dict[str, Any]:
        return {"learning_rate": self.learning_rate, "num_updates": self.num_updates}


def rate_of(config: RivalGANConfig, num_updates: int) -> Any:
    """Return the learning rate over a number of updates, as the config sets it."""
    if config.learning_rate_decay == "linear":
        return LinearDecayInSecondHalf(config.learning_rate, num_updates)
    return config.learning_rate
