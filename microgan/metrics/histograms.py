"""Compare images' intensities and gradients by their histograms."""

from __future__ import annotations

import numpy as np
from skimage.metrics import normalized_mutual_information


def histogram(values: np.ndarray, *, upper: float, num_bins: int) -> np.ndarray:
    """Return the share of values in each bin.

    Args:
        values: any shape and real type; those outside 0 to `upper` count in the outermost
            bins.
        upper: end of the evenly spaced bins from 0.
        num_bins: number of bins.

    Returns:
        float64 (num_bins,), sum 1.
    """
    counts, _ = np.histogram(np.clip(values, 0, upper), num_bins, (0, upper))
    return counts / counts.sum()


def hellinger_distance(shares: np.ndarray, others: np.ndarray) -> float:
    """Distance between two histograms.

    Args:
        shares: float (N,), sum 1, from `histogram`.
        others: like `shares`, of the same bins.

    Returns:
        0 (the same) to 1 (no bin in common).

    Source:
        Hellinger 1909.
    """
    return float(np.linalg.norm(np.sqrt(shares) - np.sqrt(others)) / np.sqrt(2))


def intensity_distance(image: np.ndarray, other: np.ndarray, *, data_range: float,
                       num_bins: int = 64) -> float:
    """Hellinger distance between two images' intensities.

    Args:
        image: any shape and real type.
        other: any shape; need not match.
        data_range: end of the bins from 0, which count what lies beyond.
        num_bins: number of bins; fewer than 256, so that empty bins matter little.
    """
    return hellinger_distance(*(histogram(each, upper=data_range, num_bins=num_bins)
                                for each in (image, other)))


def mutual_information(image: np.ndarray, other: np.ndarray, *, num_bins: int = 64) -> float:
    """Normalised mutual information of two images.

    Args:
        image: any shape and real type.
        other: same shape.
        num_bins: bins for each image.

    Returns:
        1 (none) to 2 (each image determines the other, or both are constant). Inverting
        contrast does not change it.

    Source:
        Studholme et al. 1999, by scikit-image's `normalized_mutual_information`.
    """
    if not (np.ptp(image) and np.ptp(other)):
        return 1.0 if np.ptp(image) or np.ptp(other) else 2.0
    return float(normalized_mutual_information(image, other, bins=num_bins))
