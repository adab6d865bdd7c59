"""Structure loss: keeps in a made image what its clean image shows, however degraded."""

from __future__ import annotations

from typing import Any

from keras import ops

# Side in pixels of the squares whose means are compared: noise averages out, and a blur of a
# few pixels hardly matters.
_SQUARE = 4
# Variance, in network values, below which an image shows nothing to keep.
_FLOOR = 1e-3


def structure_loss(clean: Any, made: Any) -> Any:
    """One minus the correlation of two images' means over squares of 4 x 4 pixels.

    Blind to brightness and contrast, to noise of single pixels and to fine detail: those are
    the defect's to change. Without it the distribution of intensities, the spectrum and the
    critic may all be served by an image that shows something else.

    Args:
        clean: float32 (B, Y, X, 1), normalised; Y and X at least 8.
        made: like `clean`, what was made of it.

    Returns:
        float32 (B,), 0 to 2, unweighted; about 1 where the clean image is flat.

    Source:
        ours, in place of a content loss in the features of a network, which asks for the
        detail that a defect takes away.
    """
    first, second = (_centred_means(image) for image in (clean, made))
    covariance, variance, other_variance = (
        ops.mean(one * other, axis=(1, 2, 3))
        for one, other in ((first, second), (first, first), (second, second)))
    return 1 - covariance / ops.sqrt((variance + _FLOOR) * (other_variance + _FLOOR))


def _centred_means(image: Any) -> Any:
    means = ops.average_pool(image, _SQUARE, _SQUARE)
    return means - ops.mean(means, axis=(1, 2, 3), keepdims=True)
