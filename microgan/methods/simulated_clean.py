"""Simulated clean images on the intensities of degraded ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from microgan.simulation.random_pairs import BLURRED_UNDER_NOISE, blur_some, draw_thick
from microgan.simulation.specimens import draw_specimen

SPECIMEN_PX = 192
NUM_SPECIMENS = 100
# Images of each specimen, with others above and below it and other blur.
_IMAGES_OF_EACH = 3
_SMOOTH_PX = 1.5
_PERCENTILES = (1.0, 99.5)


def simulate_clean(rng: np.random.Generator, degraded: Sequence[np.ndarray], *,
                   number: int = NUM_SPECIMENS,
                   report: Callable[[float], None] = lambda share: None) -> list[np.ndarray]:
    """Draw random specimens, thick or thin, sharp or blurred, on the intensities of others.

    Args:
        rng: source of everything random.
        degraded: real (Y, X) each.
        number: of specimens to draw.
        report: called with the share that is done.

    Returns:
        float32 (192, 192) each, three for each specimen, in the intensities of the degraded
        images.

    Source:
        ours. Specimens that are as sharp as the degraded images' spectra say were tried: the
        network then smoothed fine structures away (docs/pretraining.md).
    """
    ranges = [np.percentile(ndimage.gaussian_filter(image.astype(np.float64), _SMOOTH_PX),
                            _PERCENTILES) for image in degraded]
    specimens = []
    for done in range(number):
        report(done / number)
        specimens.append(draw_specimen(rng, SPECIMEN_PX))
    clean = []
    for _ in range(_IMAGES_OF_EACH * number):
        low, high = ranges[int(rng.integers(len(ranges)))]
        image = blur_some(rng, draw_thick(rng, specimens, SPECIMEN_PX), BLURRED_UNDER_NOISE)
        clean.append((low + (high - low) * image).astype(np.float32))
    return clean
