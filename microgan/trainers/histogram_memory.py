"""Intensity histograms of many synthetic and real images, by task."""

from __future__ import annotations

import keras
import tensorflow as tf

from microgan.losses.intensity import NUM_BINS, cumulative_shares, intensity_histograms

# Per batch: about the last 200 count. Fewer would follow the generator more closely, but also
# the chance content of the last crops.
_DECAY = 0.995


class HistogramMemory:
    """Keep histograms of all real images and of about 200 batches of synthetic ones.

    Args:
        num_tasks: > 0.
    """

    def __init__(self, num_tasks: int) -> None:
        self.num_tasks = num_tasks
        # Replicas add up what all have seen, so their copies are equal.
        self.synthetic, self.degraded = (
            keras.Variable(tf.zeros((num_tasks, NUM_BINS)), trainable=False, dtype="float32",
                           aggregation="only_first_replica", name=name)
            for name in ("synthetic_intensities", "degraded_intensities"))

    @property
    def variables(self) -> list[keras.Variable]:
        """Return both histograms."""
        return [self.synthetic, self.degraded]

    def add(self, synthetic: tf.Tensor, degraded: tf.Tensor, condition: tf.Tensor) -> None:
        """Add this replica's share of a batch.

        Args:
            synthetic: float (B, Y, X, 1), normalised.
            degraded: like `synthetic`, of the same tasks.
            condition: int32 (B,), the task of each.
        """
        of_synthetic, of_degraded = tf.distribute.get_replica_context().all_reduce(
            tf.distribute.ReduceOp.SUM, [intensity_histograms(images, condition, self.num_tasks)
                                         for images in (synthetic, degraded)])
        self.synthetic.assign(_DECAY * self.synthetic + of_synthetic)
        self.degraded.assign(self.degraded + of_degraded)

    def excess(self) -> tf.Tensor:
        """Return by how much the share of darker pixels is larger for synthetic images.

        Returns:
            float32 (num_tasks, NUM_BINS), at the middle of each bin.
        """
        return cumulative_shares(self.synthetic) - cumulative_shares(self.degraded)
