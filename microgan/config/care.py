"""Settings of `benchmarks/train_care.py`."""

from __future__ import annotations

from dataclasses import dataclass

from microgan.config.base import setting
from microgan.config.rivals import RivalConfig


@dataclass(frozen=True)
class CAREConfig(RivalConfig):
    """Settings of CARE. Defaults: csbdeep 0.8.2's."""

    num_iters: int = setting(40_000, "Updates; the original's 100 epochs of 400.", minimum=1,
                             maximum=10**9)
    batch_size: int = setting(16, "Images an update; the original's 16.", minimum=1)
    learning_rate: float = setting(4e-4, "Of Adam, at the start; the original's 4e-4.", above=0)
    learning_rate_decay: str = setting(
        "plateau", "plateau: the learning rate halves whenever --plateau_updates brought no lower "
        "validation loss, as the original. cosine: as train_cGAN.py --recipe=limited.",
        choices=("none", "plateau", "cosine"))
    plateau_updates: int = setting(4000, "Of --learning_rate_decay=plateau; the original's 10 "
                                   "epochs of 400.", minimum=1)
    adam_epsilon: float = setting(1e-7, "Of Adam; Keras' default.", above=0)
    validate_every: int = setting(400, "Updates between validations; the original's epoch.",
                                  minimum=1)
    generator_filters: int = setting(32, "Channels of the U-Net at full resolution; the "
                                     "original's 32.", minimum=1)
