"""Losses of z-stacks: how much each slice counts, and what must stay in place."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops
from scipy.stats import norm

# The published weights are written for 29 slices in focus at the 15th: 14 steps a side.
_PUBLISHED_STEPS = 14
# Sigma of the blur, in pixels, below which an image is left as it is.
_LEAST_SIGMA = 0.05


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


def defocus_loss(blurred: Any, sharpened: Any, sigma: Any) -> Any:
    """Mean absolute difference of a stack and its sharpened version, defocused.

    A plain model of defocus, a Gaussian that grows with the distance from the focal plane,
    must lead back: what defocus left of a structure fixes where it is and how dark, and at
    the focal plane nothing changes. Detail that defocus took away is left to other losses.

    Args:
        blurred: float (B, Z, Y, X, 1).
        sharpened: like `blurred`.
        sigma: float32 (B, Z), of each slice's Gaussian, pixels, >= 0.

    Returns:
        float (B,), >= 0, unweighted.

    Source:
        ours. A learned blur alone can undo any change, inverted contrast included.
    """
    sigma = ops.maximum(sigma, _LEAST_SIGMA)
    defocused = sharpened[..., 0]
    over_y, over_x = (_gaussian_matrices(length, sigma) for length in defocused.shape[2:])
    defocused = ops.einsum("bzij,bzjx->bzix", over_y, defocused)
    defocused = ops.einsum("bzij,bzyj->bzyi", over_x, defocused)
    return ops.mean(ops.abs(blurred[..., 0] - defocused), axis=(1, 2, 3))


def _gaussian_matrices(length: int, sigma: Any) -> Any:
    """A matrix a slice that blurs vectors, (B, Z, length, length); each row sums to 1."""
    places = ops.arange(length, dtype="float32")
    squares = ops.square(places[:, None] - places)
    kernels = ops.exp(-squares / (2 * ops.square(sigma[..., None, None])))
    return kernels / ops.sum(kernels, axis=-1, keepdims=True)
