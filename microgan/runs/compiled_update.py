"""One update of a trainer, compiled for all replicas."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from microgan.runs.guard import guarded
from microgan.runs.method import Trainer


def compile_update(trainer: Trainer, strategy: tf.distribute.Strategy) -> Any:
    """Compile one update of a trainer for all replicas.

    Args:
        trainer: its `train_step` runs on each replica's share of a batch.
        strategy: under which the trainer's variables were created.

    Returns:
        A `tf.function`, distributed batch -> losses summed over replicas and
        `bad_steps.BAD_STEPS`, scalar tensors; see `guard.guarded`.
    """
    def update(batch: Any) -> dict[str, tf.Tensor]:
        losses = strategy.run(trainer.train_step, args=(batch,))
        return {name: strategy.reduce(tf.distribute.ReduceOp.SUM, loss, axis=None)
                for name, loss in losses.items()}

    variables = [variable for owned in trainer.state.values() for variable in owned]
    return tf.function(guarded(update, variables, strategy), autograph=False)
