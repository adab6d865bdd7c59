"""Pairs of random specimens and random defects, for pretraining: blind to any user's images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from microgan.simulation.degradation_model import (
    CURVE_FREQUENCIES, CURVE_POINTS, Degradation)

MARGIN_PX = 16
_PERCENTILES = (0.1, 99.9)
# Of a specimen's 0 to 1: the range of an empty image, so that noise is not restored to it.
_LEAST_RANGE = 0.1
# Of all intensities: the range of an image with a few photons, or one hot pixel.
_LEAST_SHARE = 0.05
_TINY = 1e-3  # photons; of an image without any
# A clean image may be blurred, too: many microscopes show nothing sharp. Of how many, where the
# defect is noise and where it is blur; and by how much, pixels.
BLURRED_UNDER_NOISE, _BLURRED_UNDER_BLUR = 0.7, 0.1
_CLEAN_BLUR_PX = (0.5, 3.2)
# Of how many, what lies above and below the focal plane shows, too: how many layers, how much
# light each has, and their blur.
_THICK_SHARE, _MOST_LAYERS, _LAYER_LIGHT, _LAYER_BLUR_PX = 0.5, 3, (0.2, 1.2), (3.0, 20.0)
_KINDS = ("noise", "axial", "blur", "all")
_SHARES = (0.3, 0.25, 0.25, 0.2)


def draw_degradation(rng: np.random.Generator) -> Degradation:
    """Draw a random defect for specimens from 0 to 1.

    Noise with little blur, blur and gaps along one axis, wide-field blur, or all of it: blur of
    0 to 4 px on each axis and with long tails, haze, every 2nd to 10th column or row, 2 to 5,000
    photons in bright places, read noise, noise that neighbours share, images stretched one by
    one, 8 bits.

    Args:
        rng: source of everything random.

    Returns:
        The defect; the unit of its images is photons.

    Source:
        ours.
    """
    kind = rng.choice(_KINDS, p=_SHARES)
    blur = rng.uniform(0, 1.0)
    blur_px, step_px, photons = (blur, blur), 1.0, 10 ** rng.uniform(0.3, 2.3)
    if kind == "axial":
        blur_px = (rng.uniform(0, 1.2), rng.uniform(0.8, 4.0))
        step_px = rng.choice([1.0, float(rng.integers(2, 8)), rng.uniform(2, 10.5)],
                             p=[0.2, 0.5, 0.3])
        photons = 10 ** rng.uniform(1.0, 3.7)
    elif kind == "blur":
        blur = rng.uniform(1.0, 4.0)
        blur_px, photons = (blur, blur), 10 ** rng.uniform(1.3, 3.7)
    elif kind == "all":
        blur_px, photons = (rng.uniform(0, 3.0), rng.uniform(0, 3.0)), 10 ** rng.uniform(0.5, 3.0)
    along = int(rng.integers(2))
    if along == 0:
        blur_px = blur_px[::-1]
    is_stretched = bool(rng.uniform() < 0.2)
    return Degradation(
        blur_px=(float(blur_px[0]), float(blur_px[1])),
        transfer=_draw_transfer(rng) if kind != "noise" and rng.uniform() < 0.4 else (),
        haze=rng.uniform(0, 0.7) if rng.uniform() < 0.3 else 0.0,
        haze_px=rng.uniform(6, 25),
        scale=photons, offset=photons * rng.choice([0.0, rng.uniform(0, 0.5)]),
        noise_gain=1.0,
        noise_floor=rng.choice([0.0, rng.uniform(0, 2) ** 2,
                                photons * rng.uniform(0, 0.5)]),
        noise_transfer=_draw_noise_transfer(rng) if rng.uniform() < 0.2 else (),
        step_px=float(step_px), step_axis=along, is_stretched=is_stretched,
        limits=(0.0, 255.0) if is_stretched else None, is_whole=is_stretched)


def _draw_transfer(rng: np.random.Generator) -> tuple[float, ...]:
    """Draw a curve that falls as a lens's does, or with the long tail of unfocused light."""
    if rng.uniform() < 0.5:
        relative = np.minimum(CURVE_FREQUENCIES / rng.uniform(0.12, 0.8), 1)
        curve = 2 / np.pi * (np.arccos(relative) - relative * np.sqrt(1 - relative ** 2))
    else:
        curve = np.exp(-CURVE_FREQUENCIES * rng.uniform(0, 12))
    return tuple(float(value) for value in curve)


def _draw_noise_transfer(rng: np.random.Generator) -> tuple[float, ...]:
    """Draw noise that neighbouring pixels share."""
    curve = np.exp(-2 * (np.pi * rng.uniform(0.3, 1.2) * CURVE_FREQUENCIES) ** 2)
    # In a square of frequencies, a third lies beyond the last ring of the curve.
    rings = np.append(np.diff(np.pi * CURVE_FREQUENCIES ** 2), 1 - np.pi / 4)
    power = np.sum(curve ** 2 * rings[-CURVE_POINTS:]) / rings.sum()
    return tuple(float(value) for value in curve / np.sqrt(power))


def draw_pair(rng: np.random.Generator, specimens: Sequence[np.ndarray], size_px: int
              ) -> tuple[np.ndarray, np.ndarray]:
    """Draw a random place of a random specimen, and degrade it.

    Args:
        rng: source of everything random.
        specimens: from `draw_specimen`, at least `size_px + 2 * MARGIN_PX` a side.
        size_px: side of the pair's images, pixels.

    Returns:
        degraded and clean, float32 (size_px, size_px), as training has them: about -1 to 1
        where this place is among the brightest of its set, otherwise less bright.

    Source:
        ours.
    """
    clean = draw_thick(rng, specimens, size_px + 2 * MARGIN_PX)
    defect = draw_degradation(rng)
    clean = blur_some(rng, clean, _BLURRED_UNDER_BLUR if max(defect.blur_px) > 1.0
                      else BLURRED_UNDER_NOISE)
    degraded = defect.apply(rng, clean)
    # Other images of a set may be brighter: both ranges are the set's.
    brightest = 10 ** rng.uniform(0, 0.5)
    inner = slice(MARGIN_PX, -MARGIN_PX)
    return (_normalized(degraded, brightest, 0.0)[inner, inner],
            _normalized(clean, brightest * 10 ** rng.normal(0, 0.03), _LEAST_RANGE)[inner, inner])


def draw_thick(rng: np.random.Generator, specimens: Sequence[np.ndarray], size_px: int
               ) -> np.ndarray:
    """Draw a random place of a random specimen; through half of them, others shine.

    Args:
        rng: source of everything random.
        specimens: from `draw_specimen`, at least `size_px` a side.
        size_px: side of the image, pixels.

    Returns:
        (size_px, size_px), about 0 to 1.

    Source:
        ours.
    """
    clean = _draw_place(rng, specimens, size_px)
    if rng.uniform() < _THICK_SHARE:
        for _ in range(rng.integers(1, _MOST_LAYERS + 1)):
            layer = ndimage.gaussian_filter(_draw_place(rng, specimens, size_px),
                                            _log_uniform(rng, *_LAYER_BLUR_PX))
            clean = clean + rng.uniform(*_LAYER_LIGHT) * layer
        clean = clean / max(1.0, float(np.percentile(clean, _PERCENTILES[1])))
    return clean


def blur_some(rng: np.random.Generator, clean: np.ndarray, share: float) -> np.ndarray:
    """Blur a share of the images as wide-field microscopes do, by 0.5 to 3.2 pixels."""
    if rng.uniform() >= share:
        return clean
    return np.clip(ndimage.gaussian_filter(clean, _log_uniform(rng, *_CLEAN_BLUR_PX)), 0, None)


def _draw_place(rng: np.random.Generator, specimens: Sequence[np.ndarray], size_px: int
                ) -> np.ndarray:
    """Cut a random place of a random specimen, in a random one of eight orientations."""
    specimen = specimens[int(rng.integers(len(specimens)))]
    top, left = (rng.integers(length - size_px + 1) for length in specimen.shape)
    place = np.rot90(specimen[top:top + size_px, left:left + size_px], int(rng.integers(4)))
    return place[:, ::-1] if rng.integers(2) else place


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _normalized(image: np.ndarray, brightest: float, least_range: float) -> np.ndarray:
    low, high = np.percentile(image, _PERCENTILES)
    span = max(brightest * (high - low), least_range, _LEAST_SHARE * np.ptp(image), _TINY)
    return (2 * (image - low) / span - 1).astype(np.float32)
