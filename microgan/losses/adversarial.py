"""Adversarial losses of logits, one value an image."""

from __future__ import annotations

from typing import Any

from keras import ops


def discriminator_loss(real_logits: Any, made_logits: Any) -> Any:
    """Binary cross-entropy with label 1 for real and 0 for made images.

    Args:
        real_logits: float (B, ...), the discriminator's output for clean images.
        made_logits: like `real_logits`, for the generator's images.

    Returns:
        float (B,), >= 0, the mean over an image's outputs and over its real and made
        version, unweighted.

    Source:
        Goodfellow et al. 2014, arXiv:1406.2661, eq. 1; the original trains on one joined
        batch without label smoothing, hence the mean of both halves.
    """
    return (_per_image(ops.softplus(-real_logits)) + _per_image(ops.softplus(made_logits))) / 2


def generator_loss(made_logits: Any) -> Any:
    """Non-saturating binary cross-entropy: made images should be taken for real.

    Args:
        made_logits: float (B, ...), the discriminator's output for the generator's images.

    Returns:
        float (B,), >= 0, unweighted.

    Source:
        Goodfellow et al. 2014, arXiv:1406.2661, section 3.
    """
    return _per_image(ops.softplus(-made_logits))


def _per_image(values: Any) -> Any:
    return ops.mean(values, axis=range(1, len(values.shape)))
