"""How alike the intensities and the gradients of images are, wherever they lie."""

from __future__ import annotations

import numpy as np
from skimage.metrics import normalized_mutual_information


def histogram(values: np.ndarray, *, upper: float, num_bins: int) -> np.ndarray:
    """Shares of values by bin.

    Args:
        values: any shape and real type; those below 0 or above `upper` count in the
            outermost bins.
        upper: the bins divide 0 to this evenly.
        num_bins: number of bins.

    Returns:
        float64 (num_bins,), sum 1.
    """
    counts, _ = np.histogram(np.clip(values, 0, upper), num_bins, (0, upper))
    return counts / counts.sum()


def hellinger_distance(shares: np.ndarray, others: np.ndarray) -> float:
    """Distance of two histograms.

    Args:
        shares: float (N,), sum 1, as `histogram` gives them.
        others: like `shares`, of the same bins.

    Returns:
        0 (the same) to 1 (no bin in common).

    Source:
        Hellinger 1909.
    """
    return float(np.linalg.norm(np.sqrt(shares) - np.sqrt(others)) / np.sqrt(2))


def intensity_distance(image: np.ndarray, other: np.ndarray, *, data_range: float,
                       num_bins: int = 64) -> float:
    """Hellinger distance of two images' intensities.

    Args:
        image: any shape and real type.
        other: any shape; need not match.
        data_range: the bins divide 0 to this; what lies beyond is cut off.
        num_bins: number of bins; fewer than 256 so that empty bins say little.
    """
    return hellinger_distance(*(histogram(each, upper=data_range, num_bins=num_bins)
                                for each in (image, other)))


def mutual_information(image: np.ndarray, other: np.ndarray, *, num_bins: int = 64) -> float:
    """What one image tells of the other, normalised by what both hold.

    Args:
        image: any shape and real type.
        other: same shape.
        num_bins: bins along each of both intensities.

    Returns:
        1 (nothing) to 2 (each follows from the other); 2 where both are constant. An
        inversion of contrast goes unseen.

    Source:
        Studholme et al. 1999, by scikit-image's `normalized_mutual_information`.
    """
    if not (np.ptp(image) and np.ptp(other)):
        return 1.0 if np.ptp(image) or np.ptp(other) else 2.0
    return float(normalized_mutual_information(image, other, bins=num_bins))
