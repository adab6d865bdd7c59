"""Check that degraded and clean images are pairs at all."""

from __future__ import annotations

import itertools

import numpy as np
from skimage.transform import downscale_local_mean

from microgan.datasets.paired_arrays import PairedImages

# Pairs to compare, in blocks that average out noise.
_MOST_PAIRS = 20
_BLOCK_PX = 8
# In thirty tests with ten pairs each of six sets, simulated and real, pairs gave 0.55 and more;
# randomly drawn clean images, a few of which match by chance, gave 0.36 and less, mean 0.
_LEAST = 0.3


def look_unmatched(pairs: PairedImages) -> bool:
    """Whether clean images resemble their degraded ones no more than other images do.

    Args:
        pairs: of one task, at least two.

    Returns:
        True where the mean correlation of 8 x 8 block means, over at most 20 pairs, is less
        than 0.3 above that with the next pair's clean image. Images with constant blocks are
        ignored.

    Source:
        ours.
    """
    degraded, clean = ([_blocks(image) for image in itertools.islice(images, _MOST_PAIRS)]
                       for images in (pairs.degraded, pairs.clean))
    gains = [_correlation(image, own) - _correlation(image, other)
             for image, own, other in zip(degraded, clean, clean[1:] + clean[:1])]
    known = [gain for gain in gains if np.isfinite(gain)]
    return bool(known) and float(np.mean(known)) < _LEAST


def _blocks(image: np.ndarray) -> np.ndarray:
    side = max(1, min(_BLOCK_PX, min(image.shape) // _BLOCK_PX))
    return downscale_local_mean(image.astype(np.float64), (side, side))


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Correlate the part that both cover; NaN where one is constant."""
    common = tuple(slice(0, min(lengths)) for lengths in zip(first.shape, second.shape))
    first, second = (image[common] - image[common].mean() for image in (first, second))
    norm = np.sqrt(np.sum(first ** 2) * np.sum(second ** 2))
    return float(np.sum(first * second) / norm) if norm else float("nan")
