"""The optimizer of every method."""

from __future__ import annotations

from typing import Any

import keras

from microgan.config import TrainingConfig
from microgan.trainers.fused_adam import FusedAdam


def adam(config: TrainingConfig, learning_rate: Any, *, num_updates: int,
         beta_1: float = 0.9, beta_2: float = 0.999, ema_decay: float = 0.0,
         bounded: bool = False) -> FusedAdam:
    """Build Adam with the config's epsilon and decay of the learning rate.

    Args:
        config: of the run.
        learning_rate: the highest; or a Keras schedule, if the config has no decay.
        num_updates: of this optimizer in the whole run, over which the rate decays.
        beta_1: decay of the gradient's average.
        beta_2: decay of the squared gradient's average.
        ema_decay: decay of the moving average of the weights; 0 for none.
        bounded: whether surprising gradients get smaller steps; see `FusedAdam`.
    """
    rate: Any = learning_rate
    if config.learning_rate_decay == "cosine":
        warmup = max(1, num_updates // 20)
        rate = keras.optimizers.schedules.CosineDecay(
            learning_rate / warmup, max(1, num_updates - warmup),
            warmup_target=learning_rate, warmup_steps=warmup)
    return FusedAdam(rate, beta_1, beta_2, epsilon=config.adam_epsilon, use_ema=ema_decay > 0,
                     ema_momentum=ema_decay, bounded=bounded)
