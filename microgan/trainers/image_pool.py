"""Earlier results to train discriminators on."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class ImagePool:
    """A generator's last results, each with a number, some of which replace new ones.

    Until the pool is full, each new volume is kept and returned. Then, at random, half of the
    new volumes are returned, and the others replace a kept one, which is returned instead.
    Each replica has its own pool; a checkpoint holds the first one's.

    Args:
        capacity: volumes kept, > 0.
        volume_shape: (Z, Y, X, C).
        seed: of the random choices; its state belongs in its owner's checkpoint.

    Raises:
        ValueError: `capacity` is not positive.

    Source:
        Shrivastava et al. 2017, arXiv:1612.07828, section 2.3, as in CycleGAN and ZSE-GAN.
    """

    def __init__(self, capacity: int, volume_shape: tuple[int, ...], *,
                 seed: keras.random.SeedGenerator) -> None:
        if capacity < 1:
            raise ValueError(f"`capacity` must be positive. Received: capacity={capacity}")
        self.capacity = capacity
        self.seed = seed
        self._volumes = self._variable((capacity, *volume_shape), "float32")
        self._num_kept = self._variable((), "int32")
        self._numbers = self._variable((capacity,), "int32")

    @staticmethod
    def _variable(shape: tuple[int, ...], dtype: str) -> keras.Variable:
        return keras.Variable(tf.zeros(shape, dtype), trainable=False, dtype=dtype,
                              synchronization="on_read", aggregation="only_first_replica")

    @property
    def state(self) -> list[Any]:
        """Return the variables that a resumed run needs."""
        return [self._volumes, self._num_kept, self._numbers]

    def query(self, volumes: Any, numbers: Any) -> tuple[Any, Any]:
        """Exchange new volumes for as many new or kept ones.

        Args:
            volumes: float32 (B, Z, Y, X, C), B known when traced.
            numbers: int32 (B,), one for each volume, such as its focal plane.

        Returns:
            float32 (B, Z, Y, X, C), and the number of each, int32 (B,).
        """
        given = [self._query_one(*pair) for pair in zip(tf.unstack(volumes), tf.unstack(numbers))]
        return tuple(tf.stack(each) for each in zip(*given))

    def _query_one(self, volume: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        num_kept = tf.convert_to_tensor(self._num_kept.value)
        place = keras.random.randint((), 0, self.capacity, seed=self.seed)
        swaps = keras.random.uniform((), seed=self.seed) < 0.5
        is_full = num_kept >= self.capacity
        place = tf.where(is_full, place, num_kept)
        keeps = tf.logical_or(tf.logical_not(is_full), swaps)
        given = []
        for kept, new in ((self._volumes, volume), (self._numbers, number)):
            before = tf.gather(kept.value, place)
            given.append(tf.where(tf.logical_and(is_full, swaps), before, new))
            kept.assign(tf.tensor_scatter_nd_update(
                kept.value, [[place]], [tf.where(keeps, new, before)]))
        self._num_kept.assign(tf.minimum(num_kept + 1, self.capacity))
        return given[0], given[1]
