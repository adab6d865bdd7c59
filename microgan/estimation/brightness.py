"""Tell how bright sets of images are, and whether chance may be why two differ."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
from scipy import ndimage, stats

_DARK = 0.02
_COARSE_PX = 4.0
_LEAST_CONTRAST = 0.01  # of an image, of its set's
_CHANCE = 0.01


def are_alike_in_brightness(images: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> bool:
    """Return whether chance may be why two sets differ in contrast and in mean brightness."""
    values = []
    for each in (images, others):
        least = _LEAST_CONTRAST * contrast(each)
        values.append([(math.log(max(contrast([image]), least)), image.mean())
                       for image in each])
    with warnings.catch_warnings():  # of sets that are too small or alike to tell anything
        warnings.simplefilter("ignore")
        chances = stats.ttest_ind(*values).pvalue
    return not bool((chances < _CHANCE).any())


def contrast(images: Sequence[np.ndarray]) -> float:
    """Return how far the mean is above what is dark."""
    coarse = [ndimage.gaussian_filter(image, _COARSE_PX) for image in images]
    dark = np.quantile(np.concatenate([image.ravel() for image in coarse]), _DARK)
    return max(float(np.mean([image.mean() for image in coarse]) - dark), 1e-12)
