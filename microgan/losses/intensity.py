"""Intensity loss: pull synthetic intensities towards the distribution of real ones."""

from __future__ import annotations

from typing import Any

from keras import ops

# In network values; intensities beyond count in the outermost bin.
NUM_BINS = 128
_LOWEST, _HIGHEST = -1.25, 1.25


def intensity_histograms(images: Any, condition: Any, num_tasks: int) -> Any:
    """Count each task's intensities.

    Args:
        images: float (B, Y, X, 1), normalised.
        condition: int32 (B,), the task of each image.
        num_tasks: > 0.

    Returns:
        float32 (num_tasks, NUM_BINS); each image adds 1 to the sum of its task's row.
    """
    _, height, width, _ = images.shape
    cells = ops.reshape(condition, (-1, 1, 1, 1)) * NUM_BINS + _bins(images)
    counts = ops.segment_sum(ops.ones_like(ops.reshape(cells, (-1,)), dtype="float32"),
                             ops.reshape(cells, (-1,)), num_segments=num_tasks * NUM_BINS)
    return ops.reshape(counts, (num_tasks, NUM_BINS)) / (height * width)


def cumulative_shares(histograms: Any) -> Any:
    """Return the share of pixels darker than the middle of each bin.

    Args:
        histograms: float32 (num_tasks, NUM_BINS).

    Returns:
        Like `histograms`, 0 to 1; 0 for a task that has no image.
    """
    total = ops.sum(histograms, axis=1, keepdims=True)
    return (ops.cumsum(histograms, axis=1) - histograms / 2) / ops.maximum(total, 1e-6)


def intensity_loss(synthetic: Any, condition: Any, excess: Any) -> Any:
    """Push each pixel towards the intensities that synthetic images lack.

    A pixel gets brighter where more synthetic than real pixels are darker than it, and the
    reverse: a critic of single pixels in closed form. Image content does not matter, and only
    all images together, not each one, must match the real distribution.

    Args:
        synthetic: float32 (B, Y, X, 1), normalised.
        condition: int32 (B,), the task of each image.
        excess: float32 (num_tasks, NUM_BINS), `cumulative_shares` of many synthetic images
            minus those of real ones.

    Returns:
        float32 (B,), >= 0, unweighted: half of Cramér's distance, the squared difference of
        the task's two distributions integrated over intensity, with its gradient.

    Source:
        ours. A single batch has too few crops: each would be drawn towards the mean of all.
    """
    _, height, width, _ = synthetic.shape
    own_excess = ops.cast(ops.take(excess, condition, axis=0), synthetic.dtype)
    distance = ops.sum(ops.square(own_excess), axis=1) * (_HIGHEST - _LOWEST) / NUM_BINS / 2
    bins = ops.reshape(_bins(synthetic), (-1, height * width))
    push = ops.reshape(ops.take_along_axis(own_excess, bins, axis=1), (-1, height, width, 1))
    gradient = -ops.mean(ops.stop_gradient(push) * synthetic, axis=(1, 2, 3))
    return ops.stop_gradient(distance - gradient) + gradient


def _bins(images: Any) -> Any:
    """Return the bin of each pixel, int32, 0 to NUM_BINS - 1, also for NaN."""
    position = (ops.cast(images, "float32") - _LOWEST) * (NUM_BINS / (_HIGHEST - _LOWEST))
    return ops.cast(ops.clip(ops.nan_to_num(position), 0, NUM_BINS - 1), "int32")
