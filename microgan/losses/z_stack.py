"""Losses of z-stacks: how much each slice counts, and what must stay in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops
from scipy.stats import norm

# The published weights are written for 29 slices in focus at the 15th: 14 steps a side.
_PUBLISHED_STEPS = 14


def adversarial_slice_weights(depth: int, focal_plane: int) -> np.ndarray:
    """How much the judgement of each horizontal slice counts: most far from focus.

    Args:
        depth: slices of the stack, > 1.
        focal_plane: position of the sharpest slice, from 0.

    Returns:
        float32 (depth,): 1.67 at the ends, 1.0 at the focal plane.

    Raises:
        ValueError: the focal plane is not in the stack.

    Source:
        ZSE-GAN's notebook, whose list for 29 slices in focus at the 15th this reproduces.
        Other depths and focal planes: each side is stretched to the published 14 steps.
    """
    steps = _steps_from_end(depth, focal_plane)
    density = norm.pdf(0.2 * steps, scale=1.6)
    return (np.round(3.4 * density + 0.1, 2) + 0.72).astype(np.float32)


def consistency_slice_weights(depth: int, focal_plane: int) -> np.ndarray:
    """How closely each slice must come back after sharpening and blurring.

    Args:
        depth: slices of the stack, > 1.
        focal_plane: position of the sharpest slice, from 0.

    Returns:
        float32 (depth,): 3.05 first, 1.03 at the focal plane, 2.97 last.

    Raises:
        ValueError: the focal plane is not in the stack.

    Source:
        ZSE-GAN's notebook, as `adversarial_slice_weights`. Its paper wants a looser match
        far from focus; these weights do the opposite.
    """
    steps = _steps_from_end(depth, focal_plane)
    near = np.round(3.4 * norm.pdf(0.05 * steps, scale=0.46) + 0.1, 2)
    far = np.round(3.4 * norm.pdf(0.05 * steps, scale=0.45) + 0.1, 2)
    far = np.round(far - 0.01 * (_PUBLISHED_STEPS - steps), 2)
    return np.where(np.arange(depth) <= focal_plane, near, far).astype(np.float32)


def _steps_from_end(depth: int, focal_plane: int) -> np.ndarray:
    """0 at both ends, 14 at the focal plane, in equal steps on each side."""
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
        slice_weights: float (B, Z): the largest weighted mean of a slice counts alone, as
            published. None: all slices count alike.

    Returns:
        float (B,), >= 0, unweighted.

    Source:
        ZSE-GAN's notebook; without weights its paper, equation 8.
    """
    of_slices = ops.mean(ops.abs(stack - reconstructed), axis=(2, 3, 4))
    if slice_weights is None:
        return ops.mean(of_slices, axis=1)
    return ops.max(slice_weights * of_slices, axis=1)


def defocus_loss(blurred: Any, sharpened: Any, filters: Any) -> Any:
    """Mean absolute difference of a stack and its sharpened version, defocused.

    What the microscope lets through of each spatial frequency, far from focus, must lead back:
    what defocus left of a structure fixes where it is and how dark, and at the focal plane
    nothing changes. Detail that defocus took away is left to other losses.

    Args:
        blurred: float (B, Z, Y, X, 1).
        sharpened: like `blurred`.
        filters: float (B, Z, 2 Y, X + 1), factor of each coefficient of the real Fourier
            transform of a slice that is mirrored at its far edges.

    Returns:
        float (B,), >= 0, unweighted.

    Source:
        ours. A learned blur alone can undo any change, inverted contrast included.
    """
    _, _, height, width, _ = sharpened.shape
    # Mirrored, a slice has no edge where its ends meet.
    mirrored = tf.pad(sharpened[..., 0], ((0, 0), (0, 0), (0, height), (0, width)), "SYMMETRIC")
    spectrum = tf.signal.rfft2d(mirrored)
    defocused = tf.signal.irfft2d(spectrum * tf.cast(filters, spectrum.dtype))
    return ops.mean(ops.abs(blurred[..., 0] - defocused[..., :height, :width]), axis=(1, 2, 3))
