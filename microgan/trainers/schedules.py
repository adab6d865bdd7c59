"""Learning rates that Keras has no schedule for."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class LinearDecayInSecondHalf(keras.optimizers.schedules.LearningRateSchedule):
    """Constant for the first half of the updates, then falling to zero in a straight line.

    Args:
        learning_rate: of the first half.
        num_updates: of the whole run, > 0.

    Source:
        CycleGAN (arXiv:1703.10593, section 4) and DeblurGAN (arXiv:1711.07064, section 4),
        which lower it once an epoch.
    """

    def __init__(self, learning_rate: float, num_updates: int) -> None:
        self.learning_rate = learning_rate
        self.num_updates = num_updates

    def __call__(self, step: Any) -> Any:
        left = 2 * (1 - ops.cast(step, "float32") / self.num_updates)
        return self.learning_rate * ops.clip(left, 0, 1)

    def get_config(self) -> dict[str, Any]:
        return {"learning_rate": self.learning_rate, "num_updates": self.num_updates}
