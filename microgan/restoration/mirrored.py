"""Test-time augmentation: the mean of what a network makes of an image and its mirror images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Of (B, Y, X): none, along Y, along X, along both.
_MIRRORS = ((), (1,), (2,), (1, 2))


def average_over_mirrors(apply: Callable[[np.ndarray], np.ndarray], images: np.ndarray,
                         multiple: int) -> np.ndarray:
    """Apply a network to images and their mirror images; mirror the results back, average.

    Args:
        apply: float (B, Y, X) -> float, same shape.
        images: float32 (B, Y, X).
        multiple: stride of the network. Sizes are padded to multiples before mirroring, by
            reflection, or its steps would fall on other pixels of the mirror images, in a
            tile of an image other ones than in the whole.

    Returns:
        Like `images`.

    Source:
        Timofte, Rothe and Van Gool 2016, arXiv:1511.02228, section 3.6 ("enhanced
        prediction"); without its transposed images, which a defect with a direction
        does not allow.
    """
    rows, columns = images.shape[1:]
    padded = np.pad(images, [(0, 0), (0, -rows % multiple), (0, -columns % multiple)], "reflect")
    results = np.stack([np.flip(apply(np.flip(padded, axes)), axes) for axes in _MIRRORS])
    return results.mean(axis=0)[:, :rows, :columns]
