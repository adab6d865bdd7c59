"""The intensities of many made and real images, task by task."""

from __future__ import annotations

import keras
import tensorflow as tf

from microgan.losses.intensity import NUM_BINS, cumulative_shares, intensity_histograms

# Per batch: about the last 200 count. Fewer would follow the generator more closely, but its
# weights would follow what the crops of the last batches happened to show.
_DECAY = 0.995


class HistogramMemory:
    """Remembers real images' intensities for good, and made ones' for some 200 batches.

    Args:
        num_tasks: > 0.
    """

    def __init__(self, num_tasks: int) -> None:
        self.num_tasks = num_tasks
        # Replicas add up what all of them have seen, so that their copies are equal.
        self.made, self.degraded = (
            keras.Variable(tf.zeros((num_tasks, NUM_BINS)), trainable=False, dtype="float32",
                           aggregation="only_first_replica", name=name)
            for name in ("synthetic_intensities", "degraded_intensities"))

    @property
    def variables(self) -> list[keras.Variable]:
        """All it remembers."""
        return [self.made, self.degraded]

    def add(self, made: tf.Tensor, degraded: tf.Tensor, condition: tf.Tensor) -> None:
        """Add this replica's share of a batch.

        Args:
            made: float (B, Y, X, 1), normalised.
            degraded: like `made`, of the same tasks.
            condition: int32 (B,), the task of each.
        """
        of_made, of_degraded = tf.distribute.get_replica_context().all_reduce(
            tf.distribute.ReduceOp.SUM, [intensity_histograms(images, condition, self.num_tasks)
                                         for images in (made, degraded)])
        self.made.assign(_DECAY * self.made + of_made)
        self.degraded.assign(self.degraded + of_degraded)

    def excess(self) -> tf.Tensor:
        """How many more made than real pixels, as a share, are darker than each intensity.

        Returns:
            float32 (num_tasks, NUM_BINS).
        """
        return cumulative_shares(self.made) - cumulative_shares(self.degraded)
