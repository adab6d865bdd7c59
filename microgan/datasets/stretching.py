"""Recognise images that were each stretched to the limits of their type before they were saved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Shares of images that reach the brightest value of their type. Crops of a stretched image may
# miss its brightest pixel, and clean ones do so more often, since noise makes many pixels bright.
_LEAST_DEGRADED = 0.6
_LEAST_CLEAN = 0.25


def are_stretched(degraded: Sequence[np.ndarray], clean: Sequence[np.ndarray]) -> bool:
    """Return whether the images of a task look stretched one by one.

    Args:
        degraded: images (Y, X), of which most must reach the brightest value of their type: that
            of integers, or 1 of floating-point numbers that never exceed it.
        clean: like `degraded`; some suffice.

    Example:
        >>> dim, bright = np.full((4, 4), 100, np.uint8), np.full((4, 4), 255, np.uint8)
        >>> are_stretched([bright] * 3 + [dim], [bright] + [dim] * 3)
        True
        >>> are_stretched([bright] * 3 + [dim], [dim] * 4)
        False
    """
    return (_share_at_the_top(degraded) >= _LEAST_DEGRADED
            and _share_at_the_top(clean) >= _LEAST_CLEAN)


def _share_at_the_top(images: Sequence[np.ndarray]) -> float:
    if not len(images):
        return 0.0
    brightest = np.array([float(image.max()) for image in images])
    is_whole = all(image.dtype.kind in "iu" for image in images)
    top = max(np.iinfo(image.dtype).max for image in images) if is_whole else 1.0
    return 0.0 if brightest.max() > top else float(np.mean(brightest == top))
