"""The part of the images that validation uses, small enough to cost little time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microgan.datasets.middle import middle
from microgan.datasets.splits import spread_over

MOST_VALIDATED = 64  # images of each kind per task; a few would leave the choice to chance


def validated_part(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the middle of at most 64 images (Y, X), evenly spaced among all."""
    return [middle(image) for image in spread_over(images, MOST_VALIDATED)]
