"""Adversarial losses of logits or scores, one value per image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from keras import ops

# Added under the root, whose gradient is infinite at 0.
_ROOT_GUARD = 1e-12


def discriminator_loss(real_logits: Any, synthetic_logits: Any) -> Any:
    """Binary cross-entropy with label 1 for real and 0 for synthetic images.

    Args:
        real_logits: float (B, ...), the discriminator's output for clean images.
        synthetic_logits: like `real_logits`, for the generator's images.

    Returns:
        float (B,), >= 0, unweighted: mean over outputs and over real and synthetic image.

    Source:
        Goodfellow et al. 2014, arXiv:1406.2661, eq. 1. The mean of both halves, as the
        original trains on one joined batch without label smoothing.
    """
    return (_per_image(ops.softplus(-real_logits))
            + _per_image(ops.softplus(synthetic_logits))) / 2


def generator_loss(synthetic_logits: Any) -> Any:
    """Non-saturating binary cross-entropy of synthetic images that should pass for real.

    Args:
        synthetic_logits: float (B, ...), the discriminator's output for the generator's images.

    Returns:
        float (B,), >= 0, unweighted.

    Source:
        Goodfellow et al. 2014, arXiv:1406.2661, section 3.
    """
    return _per_image(ops.softplus(-synthetic_logits))


def wasserstein_critic_loss(real_scores: Any, synthetic_scores: Any) -> Any:
    """Mean score of synthetic images less that of real ones.

    Args:
        real_scores: float (B, ...), the critic's unbounded scores of real images.
        synthetic_scores: like `real_scores`, of the generator's images.

    Returns:
        float (B,), unbounded, unweighted.

    Source:
        Arjovsky et al. 2017, arXiv:1701.07875, eq. 3, negated.
    """
    return _per_image(synthetic_scores) - _per_image(real_scores)


def wasserstein_generator_loss(synthetic_scores: Any) -> Any:
    """Negative mean score of synthetic images.

    Args:
        synthetic_scores: float (B, ...), the critic's scores of the generator's images.

    Returns:
        float (B,), unbounded, unweighted.

    Source:
        Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1.
    """
    return -_per_image(synthetic_scores)


def least_squares_loss(scores: Any, label: float) -> Any:
    """Mean squared distance of scores from a label.

    Args:
        scores: float (B, ...), unbounded.
        label: 1 for real, 0 for synthetic; to train the generator, 1 for synthetic.

    Returns:
        float (B,), >= 0, unweighted.

    Source:
        Mao et al. 2017, arXiv:1611.04076, eq. 2 without its factor of 1/2.
    """
    return _per_image(ops.square(scores - label))


def gradient_penalty(critic: Callable[[Any], Any], real: Any, synthetic: Any,
                     position: Any) -> Any:
    """Penalise a critic whose input gradient is not of unit norm.

    Args:
        critic: images (B, ..., C) -> scores (B, ...); no image may change another's score.
        real: float32 (B, ..., C), real images.
        synthetic: like `real`, the generator's images.
        position: float32 (B,), uniform random, where to interpolate: 0 is the synthetic, 1
            the real image.

    Returns:
        float32 (float64 if `real` is) (B,), >= 0, unweighted.

    Source:
        Gulrajani et al. 2017, arXiv:1704.00028, eq. 3. Departs: the norm is taken in
        float32, with 1e-12 under the root so that a gradient of zero has a derivative;
        MicroscopyGAN's code takes the bare root.
    """
    share = ops.reshape(ops.cast(position, real.dtype), (-1, *[1] * (len(real.shape) - 1)))
    between = share * real + (1 - share) * synthetic
    with tf.GradientTape() as tape:
        tape.watch(between)
        scores = critic(between)
    gradient = tape.gradient(scores, between)
    if gradient.dtype != tf.float64:
        gradient = ops.cast(gradient, "float32")
    squares = ops.sum(ops.square(gradient), axis=range(1, len(gradient.shape)))
    return ops.square(ops.sqrt(squares + _ROOT_GUARD) - 1)


def _per_image(values: Any) -> Any:
    return ops.mean(values, axis=range(1, len(values.shape)))
