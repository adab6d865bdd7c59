"""Tell a set whose degraded and clean images are all exchanged, by which of them holds noise."""

from __future__ import annotations

import numpy as np

from microgan.datasets.phase_correlation import Spectrum

NUM_RINGS = 24  # up to half a cycle per pixel
LEAST_SIDE_PX = 64  # smaller images have no frequencies in some rings
_COARSEST = slice(1, 3)  # rings that both images share, if any
_LEAST_PAIRS = 3
# Of the squared correlation of a ring: below it, images share little.
_SHARED = 0.15
_LEAST_RINGS = 3
# Powers of ten. Right sets, real and simulated, have -0.01 and more, exchanged ones -0.14 and
# less, except those of FMD's wide-field microscope, whose noise falls off as structure does.
_FALL, _FALL_DEVIATIONS = -0.1, 2.0
# Powers of ten. Images that were blurred by computation have no noise, but also -0.6 and less.
_LEAST_KEPT = -0.35
_TINY = 1e-12


def ring_powers(first: Spectrum, second: Spectrum) -> np.ndarray:
    """Measure the power of two images, and what they share, by frequency.

    Args:
        first: of one image, at least 64 pixels a side.
        second: of the other, of the same shape.

    Returns:
        float (3, 24): mean power of either in rings of equal width, and real part of their
        mean product, for images of power 1.
    """
    frequencies = np.hypot(np.fft.fftfreq(first.shape[0])[:, np.newaxis],
                           np.fft.rfftfreq(first.shape[1])[np.newaxis])
    rings = np.minimum((2 * NUM_RINGS * frequencies).astype(int), NUM_RINGS)
    rings[frequencies < 1.5 / min(first.shape)] = NUM_RINGS
    counts = np.bincount(rings.ravel(), minlength=NUM_RINGS + 1)
    one, other = (spectrum.coefficients / (np.linalg.norm(spectrum.coefficients) + _TINY)
                  for spectrum in (first, second))
    return np.stack([
        np.bincount(rings.ravel(), power.ravel(), NUM_RINGS + 1)[:NUM_RINGS]
        / np.maximum(counts, 1)[:NUM_RINGS]
        for power in (np.abs(one) ** 2, np.abs(other) ** 2, (one * other.conj()).real)])


def look_exchanged(powers: np.ndarray) -> bool:
    """Whether the clean images of a set hold the noise, and the degraded ones the detail.

    Beyond the finest detail that both share, a degraded image holds noise, whose power hardly
    falls with frequency, but a clean one detail, whose power does: their ratio rises.

    Args:
        powers: (N, 3, 24), of degraded and clean images, from `ring_powers`.

    Returns:
        True where the ratio falls, and the degraded images have as much power of what is
        shared as clean ones would have. False for fewer than 3 pairs, or if both share nearly
        everything or nothing.

    Source:
        ours.
    """
    if len(powers) < _LEAST_PAIRS:
        return False
    degraded, clean, both = powers.sum(axis=0) + _TINY
    shared = np.clip(both / np.sqrt(degraded * clean), 0.01, 1) ** 2
    apart = np.flatnonzero(shared[1:] < _SHARED) + 1
    if not len(apart) or NUM_RINGS - apart[0] < _LEAST_RINGS or shared[_COARSEST].max() < _SHARED:
        return False
    ratios = np.log10((powers[:, 0] + _TINY) / (powers[:, 1] + _TINY))
    start, width = apart[0], NUM_RINGS - apart[0]
    rises = (ratios[:, start + width // 2:].mean(axis=1)
             - ratios[:, start:start + max(1, width // 4)].mean(axis=1))
    rise = np.median(rises)
    error = 1.4826 * np.median(np.abs(rises - rise)) / np.sqrt(len(rises))
    if rise > _FALL or rise > -_FALL_DEVIATIONS * error:
        return False
    # If noise alone sets the clean images apart, theirs is the power that is not shared.
    inner = np.arange(1, max(start, 3))
    last = inner[np.argsort(shared[inner])[:max(2, len(inner) // 3)]]
    kept = np.median(ratios, axis=0) - np.median(ratios[:, _COARSEST])
    noise = np.log10(shared / shared[_COARSEST].mean())
    return bool((kept - noise)[last].mean() > _LEAST_KEPT)
