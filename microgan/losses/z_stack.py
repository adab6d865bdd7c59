"""Losses of z-stacks and the weights of their slices."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops
from scipy.stats import norm

# The published weights are for 29 slices in focus at the 15th: 14 steps on each side.
_PUBLISHED_STEPS = 14


def adversarial_slice_weights(depth: int, focal_plane: int) -> np.ndarray:
    """Weight each horizontal slice's adversarial loss, most far from focus.

    Args:
        depth: number of slices, > 1.
        focal_plane: index of the sharpest slice.

    Returns:
        float32 (depth,): 1.67 at the ends, 1.0 at the focal plane.

    Raises:
        ValueError: the focal plane is not in the stack.

    Source:
        ZSE-GAN's notebook, whose list for 29 slices in focus at the 15th this reproduces.
        For other stacks, each side is stretched to the published 14 steps.
    """
    steps = _steps_from_end(depth, focal_plane)
    density = norm.pdf(0.2 * steps, scale=1.6)
    return (np.round(3.4 * density + 0.1, 2) + 0.72).astype(np.float32)


def consistency_slice_weights(depth: int, focal_plane: int) -> np.ndarray:
    """Weight how closely each slice must be reconstructed.

    Args:
        depth: number of slices, > 1.
        focal_plane: index of the sharpest slice.

    Returns:
        float32 (depth,): 3.05 first, 1.03 at the focal plane, 2.97 last.

    Raises:
        ValueError: the focal plane is not in the stack.

    Source:
        ZSE-GAN's notebook, as `adversarial_slice_weights`. Its paper asks for a looser
        match far from focus; these weights do the opposite.
    """
    steps = _steps_from_end(depth, focal_plane)
    near = np.round(3.4 * norm.pdf(0.05 * steps, scale=0.46) + 0.1, 2)
    far = np.round(3.4 * norm.pdf(0.05 * steps, scale=0.45) + 0.1, 2)
    far = np.round(far - 0.01 * (_PUBLISHED_STEPS - steps), 2)
    return np.where(np.arange(depth) <= focal_plane, near, far).astype(np.float32)


def _steps_from_end(depth: int, focal_plane: int) -> np.ndarray:
    """Rise in equal steps from 0 at both ends to 14 at the focal plane."""
    if not 0 <= focal_plane < depth:
        raise ValueError(f"`focal_plane` must be from 0 to {depth - 1}. Received: "
                         f"focal_plane={focal_plane}")
    z = np.arange(depth)
    sides = np.where(z <= focal_plane, z / max(1, focal_plane),
                     (depth - 1 - z) / max(1, depth - 1 - focal_plane))
    return _PUBLISHED_STEPS * np.where(z == focal_plane, 1, sides)


def consistency_loss(stack: Any, reconstructed: Any, slice_weights: Any | None = None) -> Any:
    """Mean absolute difference of a stack and its reconstruction.

    Args:
        stack: float (B, Z, Y, X, C).
        reconstructed: like `stack`.
        slice_weights: float (B, Z): only the slice with the largest weighted mean counts, as
            published. None: all slices count equally.

    Returns:
        float (B,), >= 0, unweighted.

    Source:
        ZSE-GAN's notebook; without weights its paper, equation 8.
    """
    of_slices = ops.mean(ops.abs(stack - reconstructed), axis=(2, 3, 4))
    if slice_weights is None:
        return ops.mean(of_slices, axis=1)
    return ops.max(ops.cast(slice_weights, of_slices.dtype) * of_slices, axis=1)
