"""Test-time augmentation: a network's mean result for an image and its mirror images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Of (B, Y, X): none, along Y, along X, along both.
_MIRRORS = ((), (1,), (2,), (1, 2))


def average_over_mirrors(apply: Callable[[np.ndarray], np.ndarray], images: np.ndarray,
                         multiple: int) -> np.ndarray:
    """Average a network's results for images and their mirror images, mirrored back.

    Args:
        apply: float (B, Y, X) -> float, same shape.
        images: float32 (B, Y, X).
        multiple: stride of the network. Sizes are first padded to multiples of it by
            reflection, so that its steps fall on the same pixels of all mirror images.

    Returns:
        Like `images`.

    Source:
        Timofte, Rothe and Van Gool 2016, arXiv:1511.02228, section 3.6 ("enhanced
        prediction"), but without transposed images: defects may have a direction.
    """
    rows, columns = images.shape[1:]
    padded = np.pad(images, [(0, 0), (0, -rows % multiple), (0, -columns % multiple)], "reflect")
    results = np.stack([np.flip(apply(np.flip(padded, axes)), axes) for axes in _MIRRORS])
    return results.mean(axis=0)[:, :rows, :columns]
