"""Settings of `benchmarks/train_cyclegan.py`."""

from __future__ import annotations

from dataclasses import dataclass

from microgan.config.base import setting
from microgan.config.rivals import RivalGANConfig


@dataclass(frozen=True)
class CycleGANConfig(RivalGANConfig):
    """Settings of CycleGAN. Defaults: as published (arXiv:1703.10593)."""

    images_limit: int | None = setting(
        None, "Degraded images per task that training sees; clean images are all that validation "
        "and test leave, as for train_CIN_GAN.py. Unset or -1: all that the test part leaves.")
    validation_fraction: float = setting(
        0.2, "Share of those images that is kept apart, at least one: splits are those of the "
        "other methods.", above=0, maximum=0.9)
    num_iters: int = setting(200_000, "Updates; the original's 200 epochs of a thousand images.",
                             minimum=1, maximum=10**9)
    batch_size: int = setting(1, "Images of either kind an update; the original's 1.", minimum=1)
    learning_rate: float = setting(2e-4, "Of Adam, all networks; the original's 2e-4.", above=0)
    discriminator_filters: int = setting(64, "Channels of the discriminators' first convolution; "
                                         "the original's 64.", minimum=1)
    cycle_weight: float = setting(10.0, "Factor of the difference after both translations; the "
                                  "original's 10.", minimum=0)
    identity_weight: float = setting(5.0, "Factor of the difference of what needs no "
                                     "translation; the original's 5.", minimum=0)
    pool_size: int = setting(50, "Made images of either kind kept for the discriminators; the "
                             "original's 50.", minimum=0)
