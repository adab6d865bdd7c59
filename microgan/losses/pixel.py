"""Distances between images, pixel by pixel."""

from __future__ import annotations

from typing import Any

from keras import ops


def pixel_loss(clean: Any, restored: Any) -> Any:
    """Mean absolute difference of each image.

    Args:
        clean: float (B, ...), normalised.
        restored: like `clean`.

    Returns:
        float (B,), >= 0, unweighted.

    Source:
        Isola et al. 2017, arXiv:1611.07004, eq. 3.
    """
    return ops.mean(ops.abs(clean - restored), axis=range(1, len(clean.shape)))
