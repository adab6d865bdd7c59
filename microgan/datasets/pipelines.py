"""Batches for a distribution strategy, drawn ahead in a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

_NUM_AHEAD = 2


class DistributedBatches:
    """The batches of all updates, in order, two of them drawn ahead.

    Not a `tf.data.Dataset`: closing a distributed one's iterator can block for up to a minute.

    Args:
        draw: update number -> batch, a dict of arrays with one image per row.
        strategy: each of its replicas gets an equal, consecutive share of every batch.
        first_update: number of the first batch.
        num_iters: number of the last batch plus 1.

    Raises:
        ValueError: the batch cannot be divided by the number of replicas.
    """

    def __init__(self, draw: Callable[[int], dict[str, np.ndarray]], *,
                 strategy: tf.distribute.Strategy, first_update: int, num_iters: int) -> None:
        self._draw = draw
        self._strategy = strategy
        self._numbers = range(first_update, num_iters)
        example = draw(first_update)
        batch_size = len(next(iter(example.values())))
        num_replicas = strategy.num_replicas_in_sync
        if batch_size % num_replicas:
            raise ValueError(f"A batch of {batch_size} images cannot be shared equally by "
                             f"{num_replicas} replicas.")
        self._share = batch_size // num_replicas
        # To trace an update before the first batch is ready.
        self.element_spec = tf.nest.map_structure(tf.type_spec_from_value,
                                                  self._distributed(example))

    def __iter__(self) -> Iterator[Any]:
        """Yield what `strategy.run` takes; raise what `draw` raises."""
        thread = ThreadPoolExecutor(1)
        try:
            ahead = deque(thread.submit(self._draw, number)
                          for number in self._numbers[:_NUM_AHEAD])
            for number in self._numbers:
                batch = ahead.popleft().result()
                if number + _NUM_AHEAD in self._numbers:
                    ahead.append(thread.submit(self._draw, number + _NUM_AHEAD))
                yield self._distributed(batch)
        finally:
            thread.shutdown(cancel_futures=True)

    def _distributed(self, batch: dict[str, np.ndarray]) -> Any:
        def share_of(context: tf.distribute.experimental.ValueContext) -> dict[str, tf.Tensor]:
            first = context.replica_id_in_sync_group * self._share
            return {name: tf.constant(array[first:first + self._share])
                    for name, array in batch.items()}

        return self._strategy.experimental_distribute_values_from_function(share_of)
