"""Scores of a sharpened stack, to choose weights by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from skimage.metrics import structural_similarity

from microgan.metrics.sharpness import focus_measure, mean_absolute_gradient

# Both published thresholds, see `focus_measure`.
_FM_THRESHOLDS = (150, 1000)
_LEAST_MEASURE = 1e-6  # of a blank section, whose logarithm would be infinite


def mean_axial_gradient(stack: np.ndarray) -> float:
    """Mean gradient of the x-z and y-z sections of a stack (Z, Y, X), every fourth one."""
    sections = [stack[:, :, place] for place in range(0, stack.shape[2], 4)]
    sections += [stack[:, place] for place in range(0, stack.shape[1], 4)]
    return float(np.mean([mean_absolute_gradient(section) for section in sections]))


def score_stack(blurred: np.ndarray, sharpened: np.ndarray, reconstructed: np.ndarray,
                focal_plane: int, *, axial_gradient: float) -> dict[str, float]:
    """Score one stack: structure must be kept, and sharpness match, neither less nor more.

    Args:
        blurred: (Z, Y, X), network values.
        sharpened: like `blurred`.
        reconstructed: like `blurred`.
        focal_plane: position of the sharpest slice, from 0.
        axial_gradient: mean gradient that vertical sections should have.

    Returns:
        `score`, at most 1; its terms: `ssim_at_focus` of `sharpened` to `blurred` at the
        focal plane and `ssim_reconstructed`, of `reconstructed` to `blurred`, mean over
        slices; `error_lateral`, root mean square log ratio of gradient and FM of slices to the
        focal plane's, so that a single bad slice counts; and `error_vertical`, absolute log
        ratio of vertical gradients.

    Source:
        ours. Noise or inverted contrast alone would give sharpness.
    """
    focal = blurred[focal_plane]
    at_focus = _ssim(sharpened[focal_plane], focal)
    back = float(np.mean([_ssim(*slices) for slices in zip(reconstructed, blurred)]))
    wanted = _sharpness(focal)
    lateral = float(np.sqrt(np.mean([(_sharpness(lateral_slice) - wanted) ** 2
                                     for lateral_slice in sharpened])))
    vertical = float(abs(np.log(mean_axial_gradient(sharpened) / axial_gradient)))
    return {"score": (at_focus + back) / 2 - (lateral + vertical) / 2, "ssim_at_focus": at_focus,
            "ssim_reconstructed": back, "error_lateral": lateral, "error_vertical": vertical}


def _ssim(image: np.ndarray, other: np.ndarray) -> float:
    return float(structural_similarity(image, other, data_range=2))


def _sharpness(image: np.ndarray) -> np.ndarray:
    """Return the logarithms of the gradient and of FM, which takes intensities from 0."""
    measures = [mean_absolute_gradient(image)]
    measures += [focus_measure(image + 1, threshold=threshold) for threshold in _FM_THRESHOLDS]
    return np.log(np.maximum(measures, _LEAST_MEASURE))


def mean_scores(scores: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean of each entry over stacks."""
    return {name: float(np.mean([each[name] for each in scores])) for name in scores[0]}
