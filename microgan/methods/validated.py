"""The part of the images that validation uses, small enough to cost little time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microgan.datasets.splits import spread_over

MOST_VALIDATED = 64  # images of each kind per task; a few would leave the choice to chance
MIDDLE_PX = 512


def validated_part(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the middle of at most 64 images (Y, X), evenly spaced among all."""
    return [middle(image) for image in spread_over(images, MOST_VALIDATED)]


def middle(image: np.ndarray, side: int = MIDDLE_PX) -> np.ndarray:
    """Return a view of the middle `side` x `side` pixels of an image (..., Y, X), or fewer."""
    top, left = (max(0, length - side) // 2 for length in image.shape[-2:])
    return image[..., top:top + side, left:left + side]
