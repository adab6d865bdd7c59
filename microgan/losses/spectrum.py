"""Spectrum loss: distance between two images' power spectra, direction included."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops
from scipy import signal

# Side of the squares of frequencies over which power is averaged: a single coefficient is
# mostly chance.
_BIN = 4
# Variance per pixel, in network values, below which power does not count: 8-bit rounding.
_FLOOR = 5e-6


def spectrum_loss(wanted: Any, found: Any) -> Any:
    """Mean absolute difference of log10 power over spatial frequency and direction.

    The images need not show the same sample: phase does not enter, only the strength of each
    frequency along X and Y. An adversarial loss is slow to fix this, since weak high
    frequencies hardly change a pixel.

    Args:
        wanted: float (B, Y, X, 1), normalised; Y and X at least 16.
        found: like `wanted`.

    Returns:
        float32 (B,), >= 0, in decades, unweighted.

    Source:
        ours, after Durall et al. 2020, arXiv:2003.01826, but keeping direction.
    """
    return ops.mean(ops.abs(_log_power(wanted) - _log_power(found)), axis=(1, 2, 3))


def _log_power(images: Any) -> Any:
    """Return log10 of the binned power, float32 (B, Y / 8, X / 8, 1)."""
    images = ops.cast(images, "float32")
    _, height, width, _ = images.shape
    window = np.outer(*(signal.windows.hann(size, sym=False) for size in (height, width)))
    images = images[..., 0] - ops.mean(images[..., 0], axis=(1, 2), keepdims=True)
    spectrum = tf.signal.rfft2d(images * window.astype(np.float32))
    power = tf.math.real(spectrum * tf.math.conj(spectrum)) / np.sum(window ** 2)
    half_y, half_x = height // 2, width // 2
    # Average positive and negative frequencies along Y; leave out zero.
    power = (power[:, 1:half_y + 1] + power[:, :-half_y - 1:-1])[..., :half_x] / 2
    binned = tf.nn.avg_pool2d(power[..., tf.newaxis], _BIN, _BIN, "VALID")
    return ops.log10(binned + _FLOOR)
