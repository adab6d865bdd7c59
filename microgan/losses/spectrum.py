"""Spectrum loss: the distance of two images' power over spatial frequency and direction."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops
from scipy import signal

# Frequencies along Y and along X over whose square power is averaged: one coefficient of a
# single image says next to nothing.
_BIN = 4
# Variance of a pixel, in network values, below which power does not count: an 8-bit step's
# rounding error.
_FLOOR = 5e-6


def spectrum_loss(wanted: Any, found: Any) -> Any:
    """Mean absolute difference of log10 power over spatial frequency and direction.

    The images need not show the same: where things lie does not enter, only how strong each
    frequency is along X and along Y. What an adversarial loss is slow to mend, since weak
    high frequencies hardly change a pixel.

    Args:
        wanted: float (B, Y, X, 1), normalised; Y and X at least 16.
        found: like `wanted`.

    Returns:
        float32 (B,), >= 0, in decades, unweighted.

    Source:
        ours, after the spectral loss of Durall et al. 2020, arXiv:2003.01826, with direction
        kept.
    """
    return ops.mean(ops.abs(_log_power(wanted) - _log_power(found)), axis=(1, 2, 3))


def _log_power(images: Any) -> Any:
    """Log10 of the power in squares of frequencies, float32 (B, Y / 8, X / 8, 1)."""
    images = ops.cast(images, "float32")
    _, height, width, _ = images.shape
    window = np.outer(*(signal.windows.hann(size, sym=False) for size in (height, width)))
    images = images[..., 0] - ops.mean(images[..., 0], axis=(1, 2), keepdims=True)
    spectrum = tf.signal.rfft2d(images * window.astype(np.float32))
    power = tf.math.real(spectrum * tf.math.conj(spectrum)) / np.sum(window ** 2)
    half_y, half_x = height // 2, width // 2
    # A frequency along Y and its negative: the same direction, mirrored. Zero is left out.
    power = (power[:, 1:half_y + 1] + power[:, :-half_y - 1:-1])[..., :half_x] / 2
    binned = tf.nn.avg_pool2d(power[..., tf.newaxis], _BIN, _BIN, "VALID")
    return ops.log10(binned + _FLOOR)
