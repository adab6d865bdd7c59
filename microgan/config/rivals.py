"""Settings that the methods microgan is compared with share."""

from __future__ import annotations

from dataclasses import dataclass

from microgan.config.base import setting
from microgan.config.training import TaskTrainingConfig


@dataclass(frozen=True)
class RivalConfig(TaskTrainingConfig):
    """Settings of a rival: as published, on microgan's data, splits and normalisation."""

    recipe: str = setting("paper", "The rival as published; there is no other.",
                          choices=("paper",))
    normalization: str = setting(
        "percentiles", "Intensities that become -1 and 1, per task, from the training images. "
        "percentiles: 0.1 and 99.9 per cent, as our limited recipe. min_max: the extremes.",
        choices=("min_max", "percentiles"))
    generator_filters: int = setting(64, "Channels of the generator at full resolution; the "
                                     "original's 64.", minimum=1)


@dataclass(frozen=True)
class RivalGANConfig(RivalConfig):
    """Settings of a rival with 70 x 70 PatchGANs, as both of them were published."""

    patch_size: int = setting(128, "Side of the square training crops in pixels, at least the 32 "
                              "that the discriminator needs; the paper's 128.", minimum=32)
    learning_rate_decay: str = setting(
        "linear", "linear: the learning rate falls to zero in a straight line over the second "
        "half of --num_iters, as the original.", choices=("none", "linear"))
    adam_beta_1: float = setting(0.5, "Decay of Adam's mean gradient; the original's 0.5.",
                                 minimum=0, maximum=0.999)
