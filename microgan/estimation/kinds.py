"""Tell whether degraded images show what made ones show, apart from their spectrum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage, stats

_BANDS_PX = ((1.5, 3.0), (3.0, 6.0), (6.0, 12.0))
# Spread that a share must not be taken to undercut, however few images there are.
_LEAST_SPREAD = 0.1


def difference_in_kind(images: Sequence[np.ndarray], made: Sequence[np.ndarray]) -> float:
    """Compare how bright spots, lines and areas are spread in two sets of images.

    Args:
        images: float (Y, X) each.
        made: at least 4, by the model that is to explain `images`.

    Returns:
        Chi-squared per number compared, about 1 for the same kind of sample; the numbers are
        skewness and log kurtosis in bands of sizes, blind to scale and offset.

    Source:
        ours.
    """
    one, other = (np.array([_shapes(image) for image in each]) for each in (images, made))
    spread = np.cov(other, rowvar=False) + _LEAST_SPREAD ** 2 * np.eye(other.shape[1])
    expected = spread * (1 / len(one) + 1 / len(other))
    difference = one.mean(axis=0) - other.mean(axis=0)
    return float(difference @ np.linalg.solve(expected, difference) / len(difference))


def _shapes(image: np.ndarray) -> list[float]:
    numbers = []
    for fine, coarse in _BANDS_PX:
        band = ndimage.gaussian_filter(image, fine) - ndimage.gaussian_filter(image, coarse)
        if band.std() < 1e-9 * (np.abs(image).max() + 1e-9):
            numbers += [0.0, np.log(3.0)]
            continue
        numbers += [float(np.arcsinh(stats.skew(band, axis=None))),
                    float(np.log(stats.kurtosis(band, axis=None, fisher=False)))]
    return numbers
