"""Score a restored image against its clean one.

A score depends on the protocol that first makes both images comparable: `align_paper`,
`align_range` or `align_care`, each of which returns what `psnr` and `ssim` take.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from skimage import metrics

# Width of scikit-image's default SSIM window; smaller images have no SSIM.
SSIM_WINDOW = 7
_CARE_PERCENTILES = (0.1, 99.9)


class NotScorableError(ValueError):
    """A protocol does not apply to these images; the message gives the reason."""


class Aligned(NamedTuple):
    """Two comparable images, and the intensity range that their errors are relative to."""

    clean: np.ndarray
    restored: np.ndarray
    data_range: float


def psnr(clean: np.ndarray, restored: np.ndarray, *, data_range: float) -> float:
    """Peak signal-to-noise ratio, in dB.

    Args:
        clean: (Y, X), any real type.
        restored: like `clean`.
        data_range: intensity that counts as the peak, in the images' unit. No default is
            right for all images.

    Returns:
        10 log10(data_range^2 / mean squared error); infinite for identical images.

    Source:
        scikit-image's `peak_signal_noise_ratio`.
    """
    with np.errstate(divide="ignore"):  # identical images: infinite, without a warning
        return float(metrics.peak_signal_noise_ratio(
            _real(clean), _real(restored), data_range=data_range))


def ssim(clean: np.ndarray, restored: np.ndarray, *, data_range: float) -> float:
    """Structural similarity, scikit-image's defaults: uniform 7 x 7 window, K 0.01 and 0.03.

    Args:
        clean: (Y, X), at least 7 x 7, any real type.
        restored: like `clean`.
        data_range: as for `psnr`.

    Returns:
        -1 to 1; 1 for identical images.

    Source:
        Wang et al. 2004, by scikit-image's `structural_similarity`.
    """
    return float(metrics.structural_similarity(
        _real(clean), _real(restored), data_range=data_range))


def nrmse(clean: np.ndarray, restored: np.ndarray) -> float:
    """Root mean squared error as a share of the clean image's own range (max - min).

    Args:
        clean: (Y, X), not constant, any real type.
        restored: like `clean`.

    Returns:
        0 for identical images; lower is better.

    Source:
        scikit-image's `normalized_root_mse(..., normalization="min-max")`.
    """
    return float(metrics.normalized_root_mse(
        _real(clean), _real(restored), normalization="min-max"))


def align_paper(clean: np.ndarray, restored: np.ndarray) -> Aligned:
    """The published protocol: each image stretched to 0-255 by its own minimum and maximum.

    Blind to scale and offset, and sensitive to a single hot pixel; only for comparison with the
    paper's table.

    Args:
        clean: (Y, X), any real type.
        restored: like `clean`.

    Returns:
        float64 images in 0 to 255, data range 255.

    Raises:
        NotScorableError: an image is constant.

    Source:
        MicroscopyGAN's published scripts.
    """
    return Aligned(_stretched(clean, "clean"), _stretched(restored, "scored"), 255.0)


def align_range(clean: np.ndarray, restored: np.ndarray, *, clean_range: tuple[float, float],
                restored_range: tuple[float, float]) -> Aligned:
    """Keep intensities: scale each kind of image by constants known beforehand.

    The strictest protocol, since wrong brightness or contrast counts as error.

    Args:
        clean: (Y, X), any real type.
        restored: like `clean`.
        clean_range: clean intensities that become 0 and 1, from the task's normalisation.
        restored_range: the same for `restored`: the degraded images' range to score the raw
            input, otherwise the clean images'.

    Returns:
        float64 images, unclipped, data range 1.

    Source:
        ours.
    """
    return Aligned(_scaled(clean, *clean_range), _scaled(restored, *restored_range), 1.0)


def align_care(clean: np.ndarray, restored: np.ndarray) -> Aligned:
    """Apply CARE's protocol: fit scale and offset, so that only structure counts.

    Args:
        clean: (Y, X), any real type. Its 0.1 and 99.9 percentiles become 0 and 1.
        restored: like `clean`. Scaled and shifted to fit the scaled clean image by least
            squares; a constant image becomes its mean.

    Returns:
        float64 images, unclipped, data range 1.

    Raises:
        NotScorableError: the clean image's percentiles coincide.

    Source:
        Weigert et al. 2018, CARE, Methods.
    """
    low, high = np.percentile(clean, _CARE_PERCENTILES)
    if low == high:
        raise NotScorableError("the clean image is constant except for a few pixels")
    truth = _scaled(clean, low, high)
    return Aligned(truth, least_squares_fit(restored, truth), 1.0)


def mean_care_psnr(clean: Iterable[np.ndarray], restored: Iterable[np.ndarray]) -> float:
    """Mean PSNR of images under CARE's protocol, dB; see `align_care`.

    Args:
        clean: images (Y, X), at least one.
        restored: one for each clean image, of the same shape.

    Raises:
        NotScorableError: see `align_care`.
    """
    scores = []
    for truth, image in zip(clean, restored, strict=True):
        truth, image, data_range = align_care(truth, image)
        scores.append(psnr(truth, image, data_range=data_range))
    return float(np.mean(scores))


def least_squares_fit(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Scale and shift an image to fit another by least squares.

    Args:
        image: any shape and real type.
        target: same shape.

    Returns:
        float64 a * image + b; the target's mean everywhere if `image` is constant.
    """
    # Subtract the first pixel first, so that rounding leaves a constant image at 0.
    centred = _real(image) - float(image.flat[0])
    centred -= centred.mean()
    target = _real(target)
    power = np.vdot(centred, centred)
    scale = np.vdot(centred, target) / power if power > 0 else 0.0
    return scale * centred + target.mean()


def _stretched(image: np.ndarray, name: str) -> np.ndarray:
    low, high = float(image.min()), float(image.max())
    if low == high:
        raise NotScorableError(f"the {name} image is constant")
    return 255 * _scaled(image, low, high)


def _scaled(image: np.ndarray, low: float, high: float) -> np.ndarray:
    return (_real(image) - low) / (high - low)


def _real(image: np.ndarray) -> np.ndarray:
    """Convert to float64: integer differences would wrap around."""
    return np.asarray(image, dtype=np.float64)
