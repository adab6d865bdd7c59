"""How much of the images validation looks at, so that it costs little beside the updates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microgan.datasets.splits import spread_over

# Of each kind, a task. What a few images happen to show would decide.
MOST_VALIDATED = 64
MIDDLE_PX = 512


def validated_part(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The middle of at most 64 images (Y, X), evenly spaced among all."""
    return [middle(image) for image in spread_over(images, MOST_VALIDATED)]


def middle(image: np.ndarray, side: int = MIDDLE_PX) -> np.ndarray:
    """At most `side` x `side` pixels in the middle of an image (..., Y, X); a view."""
    top, left = (max(0, length - side) // 2 for length in image.shape[-2:])
    return image[..., top:top + side, left:left + side]
