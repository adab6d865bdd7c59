"""Structure loss: keep the content of the clean image in its synthetic degraded version."""

from __future__ import annotations

from typing import Any

from keras import ops

# Side of the squares whose means are compared, in pixels: noise averages out, and a blur of a
# few pixels hardly matters.
_SQUARE = 4
# Variance, in network values, below which an image has no structure.
_FLOOR = 1e-3


def structure_loss(clean: Any, synthetic: Any) -> Any:
    """One minus the correlation of two images' means over squares of 4 x 4 pixels.

    Blind to brightness, contrast, pixel noise and fine detail, which a defect may change.
    Without it, an image of something else could satisfy the critic and the intensity and
    spectrum losses.

    Args:
        clean: float32 (B, Y, X, 1), normalised; Y and X at least 8.
        synthetic: like `clean`, its synthetic degraded version.

    Returns:
        float32 (B,), 0 to 2, unweighted; about 1 where the clean image is flat.

    Source:
        ours, instead of a content loss in a network's features, which demands the detail that
        a defect removes.
    """
    first, second = (_centred_means(image) for image in (clean, synthetic))
    covariance, variance, other_variance = (
        ops.mean(one * other, axis=(1, 2, 3))
        for one, other in ((first, second), (first, first), (second, second)))
    return 1 - covariance / ops.sqrt((variance + _FLOOR) * (other_variance + _FLOOR))


def _centred_means(image: Any) -> Any:
    means = ops.average_pool(image, _SQUARE, _SQUARE)
    return means - ops.mean(means, axis=(1, 2, 3), keepdims=True)
