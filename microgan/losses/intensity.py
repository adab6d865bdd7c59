"""Intensity loss: pushes made images' intensities towards the distribution of real ones."""

from __future__ import annotations

from typing import Any

from keras import ops

# Of the intensities from -1.25 to 1.25, in network values; what lies beyond counts as the end.
NUM_BINS = 128
_LOWEST, _HIGHEST = -1.25, 1.25


def intensity_histograms(images: Any, condition: Any, num_tasks: int) -> Any:
    """How often each intensity occurs in the images of each task.

    Args:
        images: float (B, Y, X, 1), normalised.
        condition: int32 (B,), the task of each.
        num_tasks: > 0.

    Returns:
        float32 (num_tasks, NUM_BINS); every image of a task adds 1 to its row's sum.
    """
    _, height, width, _ = images.shape
    cells = ops.reshape(condition, (-1, 1, 1, 1)) * NUM_BINS + _bins(images)
    counts = ops.segment_sum(ops.ones_like(ops.reshape(cells, (-1,)), dtype="float32"),
                             ops.reshape(cells, (-1,)), num_segments=num_tasks * NUM_BINS)
    return ops.reshape(counts, (num_tasks, NUM_BINS)) / (height * width)


def cumulative_shares(histograms: Any) -> Any:
    """Share of all pixels that are darker than the middle of each bin.

    Args:
        histograms: float32 (num_tasks, NUM_BINS).

    Returns:
        Like `histograms`, 0 to 1; 0 for a task that has no image.
    """
    total = ops.sum(histograms, axis=1, keepdims=True)
    return (ops.cumsum(histograms, axis=1) - histograms / 2) / ops.maximum(total, 1e-6)


def intensity_loss(made: Any, condition: Any, excess: Any) -> Any:
    """Push each pixel towards the intensities that made images have too rarely.

    A pixel becomes brighter where more made pixels than real ones are darker than it, and
    the reverse: a critic of single pixels that is known in closed form. What the images show
    need not be alike, and no image is asked to have the mean distribution, only all together.

    Args:
        made: float32 (B, Y, X, 1), normalised.
        condition: int32 (B,), the task of each.
        excess: float32 (num_tasks, NUM_BINS), `cumulative_shares` of many made images less
            those of real ones.

    Returns:
        float32 (B,), >= 0, unweighted: half the squared difference of the task's two
        distributions, integrated over intensity (Cramér's distance), whose gradient it has.

    Source:
        ours. The distribution of one batch would do instead, were the crops of a batch not
        so few that each of them would be drawn towards the mean of all images.
    """
    _, height, width, _ = made.shape
    own_excess = ops.cast(ops.take(excess, condition, axis=0), made.dtype)
    distance = ops.sum(ops.square(own_excess), axis=1) * (_HIGHEST - _LOWEST) / NUM_BINS / 2
    bins = ops.reshape(_bins(made), (-1, height * width))
    push = ops.reshape(ops.take_along_axis(own_excess, bins, axis=1), (-1, height, width, 1))
    gradient = -ops.mean(ops.stop_gradient(push) * made, axis=(1, 2, 3))
    return ops.stop_gradient(distance - gradient) + gradient


def _bins(images: Any) -> Any:
    """The bin of each pixel, int32, 0 to NUM_BINS - 1; one of those for NaN, too."""
    position = (ops.cast(images, "float32") - _LOWEST) * (NUM_BINS / (_HIGHEST - _LOWEST))
    return ops.cast(ops.clip(ops.nan_to_num(position), 0, NUM_BINS - 1), "int32")
