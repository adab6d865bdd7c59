"""The middle of images, where a part stands for the whole."""

from __future__ import annotations

import numpy as np

MIDDLE_PX = 512


def middle(image: np.ndarray, side: int = MIDDLE_PX) -> np.ndarray:
    """Return a view of the middle `side` x `side` pixels of an image (..., Y, X), or fewer."""
    top, left = (max(0, length - side) // 2 for length in image.shape[-2:])
    return image[..., top:top + side, left:left + side]
