"""Move the images of shifted pairs over each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from microgan.datasets.paired_arrays import PairedImages

Shift = tuple[int, int]


def move_pairs(pairs: PairedImages, shifts: Mapping[int, Shift]) -> PairedImages:
    """Crop both images of shifted pairs to the place that both show.

    Args:
        pairs: of one task.
        shifts: of each pair to be moved, whole pixels (Y, X), to be added to places in the
            degraded image to find them in the clean one.

    Returns:
        The pairs; images may differ in size from pair to pair.

    Source:
        ours.

    Example:
        >>> image = np.arange(16).reshape(4, 4)
        >>> moved = move_pairs(PairedImages("Cells", image[np.newaxis], image[np.newaxis]),
        ...                    {0: (1, -2)})
        >>> moved.degraded[0].tolist(), moved.clean[0].tolist()
        ([[2, 3], [6, 7], [10, 11]], [[4, 5], [8, 9], [12, 13]])
    """
    if not shifts:
        return pairs
    degraded, clean = list(pairs.degraded), list(pairs.clean)
    for index, shift in shifts.items():
        degraded[index] = _cropped(degraded[index], shift)
        clean[index] = _cropped(clean[index], (-shift[0], -shift[1]))
    return replace(pairs, degraded=degraded, clean=clean)


def _cropped(image: np.ndarray, shift: Shift) -> np.ndarray:
    return image[tuple(slice(max(0, -step), length - max(0, step))
                       for step, length in zip(shift, image.shape))]
