"""Skipping updates that are not finite."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from microgan.runs.bad_steps import BAD_STEPS


def guarded(update: Callable[[Any], dict[str, tf.Tensor]], variables: Iterable[Any],
            strategy: tf.distribute.Strategy) -> Callable[[Any], dict[str, tf.Tensor]]:
    """Skip an update, whole, if a loss or a gradient of it is not finite.

    Weights, optimizer slots and counts, moving averages and random states then stay the same,
    bit for bit. A gradient that is not finite shows in the optimizer's slots.

    Args:
        update: distributed batch -> losses, scalars equal on all replicas; called in
            cross-replica context.
        variables: Keras variables, all that `update` changes.
        strategy: under which they were created.

    Returns:
        Like `update`; its result also has `BAD_STEPS`, 1.0 if it was skipped, otherwise 0.0.

    Source:
        ours. The old values are kept and restored, since a zeroed gradient still moves Adam,
        and its `apply` cannot be called inside a condition under a strategy.
    """
    changed = [variable.value for variable in variables]

    def guarded_update(batch: Any) -> dict[str, tf.Tensor]:
        before = strategy.run(lambda: [tf.identity(variable) for variable in changed])
        losses = update(batch)
        is_good = _are_finite([*losses.values(), *_local_values(changed, strategy)])

        def revert() -> None:
            # Copy by copy: `extended.update`, variable by variable, takes seconds to trace.
            for pair in zip(changed, before):
                for copy, old in zip(*map(strategy.experimental_local_results, pair)):
                    copy.assign(old)

        tf.cond(is_good, lambda: None, revert)
        return {**losses, BAD_STEPS: 1 - tf.cast(is_good, tf.float32)}

    return guarded_update


def _local_values(variables: Iterable[Any], strategy: tf.distribute.Strategy) -> list[Any]:
    """Return one replica's copy of each variable: the copies of all replicas are equal."""
    return [strategy.experimental_local_results(variable)[0] for variable in variables]


def _are_finite(values: Iterable[Any]) -> tf.Tensor:
    return tf.reduce_all([tf.reduce_all(tf.math.is_finite(value)) for value in values
                          if value.dtype.is_floating])
