"""Whether tile borders show in a restored image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def seam_score(image: np.ndarray, borders: Sequence[Sequence[int]]) -> float:
    """Ratio of the mean step between neighbouring pixels across tile borders to elsewhere.

    Args:
        image: any number of axes.
        borders: for each axis, the first pixels of all tiles except the first.

    Returns:
        1 where borders do not show; larger for steps at borders.

    Raises:
        ValueError: there is no border.

    Source:
        ours.
    """
    across: list[np.ndarray] = []
    elsewhere: list[np.ndarray] = []
    for axis, starts in enumerate(borders):
        steps = np.moveaxis(np.abs(np.diff(np.asarray(image, np.float64), axis=axis)), axis, 0)
        is_border = np.isin(np.arange(len(steps)), np.asarray(starts) - 1)
        across.append(steps[is_border].ravel())
        elsewhere.append(steps[~is_border].ravel())
    if not sum(map(len, across)):
        raise ValueError(f"`borders` must name at least one border. Received: {borders}")
    return float(np.concatenate(across).mean() / np.concatenate(elsewhere).mean())
