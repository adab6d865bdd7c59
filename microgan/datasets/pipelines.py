"""Batches as a prefetched data set that a distribution strategy takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


def distributed_batches(draw: Callable[[int], dict[str, np.ndarray]], *,
                        strategy: tf.distribute.Strategy, first_update: int,
                        num_iters: int) -> Any:
    """Turn a function of the update number into a prefetched, distributed data set.

    Args:
        draw: update number -> batch as a dict of arrays whose first axis is the image.
        strategy: each of its replicas gets an equal, consecutive share of every batch.
        first_update: number of the first batch.
        num_iters: number of the last batch plus 1.

    Returns:
        An iterable of what `strategy.run` takes, `num_iters - first_update` long.

    Raises:
        ValueError: the batch cannot be divided by the number of replicas.
    """
    example = draw(first_update)
    names = list(example)
    num_replicas = strategy.num_replicas_in_sync
    batch_size = len(example[names[0]])
    if batch_size % num_replicas:
        raise ValueError(f"A batch of {batch_size} images cannot be shared equally by "
                         f"{num_replicas} replicas.")
    share = batch_size // num_replicas

    def draw_share(position: np.ndarray) -> list[np.ndarray]:
        update, replica = divmod(int(position), num_replicas)
        batch = draw(update)
        return [batch[name][replica * share:(replica + 1) * share] for name in names]

    def to_tensors(position: tf.Tensor) -> dict[str, tf.Tensor]:
        arrays = tf.numpy_function(draw_share, [position],
                                   [tf.as_dtype(example[name].dtype) for name in names])
        return {name: tf.ensure_shape(array, (share, *example[name].shape[1:]))
                for name, array in zip(names, arrays)}

    def build(context: tf.distribute.InputContext) -> tf.data.Dataset:
        # Each worker draws for its own replicas: `share` images each, in turn.
        num_local = num_replicas // context.num_input_pipelines
        first_local = context.input_pipeline_id * num_local
        positions = tf.data.Dataset.range(first_update * num_replicas, num_iters * num_replicas)
        mine = positions.filter(
            lambda position: tf.math.floordiv(position % num_replicas - first_local,
                                              num_local) == 0)
        return mine.map(to_tensors).prefetch(2)

    return strategy.distribute_datasets_from_function(build)
