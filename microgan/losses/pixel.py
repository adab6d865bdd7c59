"""Distances between images, pixel by pixel."""

from __future__ import annotations

from typing import Any

from keras import ops

# Added to an image's variance: a flat crop, all noise, is not scaled down to nothing.
# In normalised intensities; a deviation of 0.03 is below any structure worth learning.
_FLAT_VARIANCE = 1e-3


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


def fitted_pixel_loss(clean: Any, restored: Any) -> Any:
    """Mean absolute difference once scale and offset of the restored image are fitted.

    Where exposure or stretching differ from image to image, the degraded image does not
    tell the clean one's brightness. A plain difference is then dominated by what can't be
    known, and a network learns the brightness of ten images by heart.

    Args:
        clean: float (B, Y, X, C), normalised.
        restored: like `clean`. Its scale and offset are those of least squares, as in
            CARE's scores, but the scale is at least 0: an image of inverted contrast is as far
            off as a constant one. No gradient flows through the scale.

    Returns:
        float (B,), >= 0, unweighted. Blind to scale and offset: add some `pixel_loss`, which
        alone has a gradient where the scale is 0.

    Source:
        ours; why is in docs/recipe.md.
    """
    return ops.mean(ops.abs(_fitted_difference(clean, restored)), axis=range(1, 4))


def fourier_loss(clean: Any, restored: Any) -> Any:
    """Mean absolute difference of the Fourier coefficients, scale and offset fitted.

    Args:
        clean: float (B, Y, X, 1), normalised.
        restored: like `clean`, fitted as in `fitted_pixel_loss`.

    Returns:
        float32 (B,), >= 0, unweighted. The transform keeps the sum of squares.

    Source:
        Cho et al. 2021, arXiv:2108.05054, eq. 8. Departs: one scale, fitted first.
    """
    difference = ops.cast(_fitted_difference(clean, restored), "float32")[..., 0]
    real, imaginary = ops.fft2((difference, ops.zeros_like(difference)))
    _, height, width = difference.shape
    return ops.mean(ops.abs(real) + ops.abs(imaginary), axis=(1, 2)) / (height * width) ** 0.5


def _fitted_difference(clean: Any, restored: Any) -> Any:
    axes = range(1, len(clean.shape))
    clean = clean - ops.mean(clean, axis=axes, keepdims=True)
    restored = restored - ops.mean(restored, axis=axes, keepdims=True)
    variance = ops.mean(ops.square(restored), axis=axes, keepdims=True)
    covariance = ops.mean(clean * restored, axis=axes, keepdims=True)
    scale = ops.maximum(covariance, 0) / (variance + _FLAT_VARIANCE)
    return clean - ops.stop_gradient(scale) * restored
