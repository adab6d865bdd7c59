"""Pixelwise distances between images."""

from __future__ import annotations

from typing import Any

from keras import ops

# Added to an image's variance, so that a flat, noisy crop is not scaled to nothing. Normalised
# intensities; a deviation of 0.03 is below any structure worth learning.
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
    """Mean absolute difference after fitting the restored image's scale and offset.

    Where exposure varies from image to image, the degraded image does not reveal the clean
    one's brightness. A plain difference is then dominated by what cannot be known, and a
    network memorises the brightness of its few images.

    Args:
        clean: float (B, Y, X, C), normalised.
        restored: like `clean`. Scale and offset are fitted by least squares, as in CARE's
            scores, with a scale of at least 0: inverted contrast is as bad as a constant
            image. No gradient flows through the scale.

    Returns:
        float (B,), >= 0, unweighted. Blind to scale and offset: combine it with `pixel_loss`,
        the only one with a gradient where the scale is 0.

    Source:
        ours; see docs/recipe.md.
    """
    return ops.mean(ops.abs(_fitted_difference(clean, restored)), axis=range(1, 4))


def fourier_loss(clean: Any, restored: Any) -> Any:
    """Mean absolute difference of Fourier coefficients after fitting scale and offset.

    Args:
        clean: float (B, Y, X, 1), normalised.
        restored: like `clean`, fitted as in `fitted_pixel_loss`.

    Returns:
        float32 (B,), >= 0, unweighted, of an orthonormal transform.

    Source:
        Cho et al. 2021, arXiv:2108.05054, eq. 8. Departs: one scale, and the fit.
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
