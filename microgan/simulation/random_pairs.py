"""Pairs of random specimens and random defects, for pretraining: blind to any user's images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage, special

from microgan.simulation.degradation_model import (
    CURVE_FREQUENCIES, CURVE_POINTS, Degradation)
from microgan.simulation.specimens import add_grain

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
# Of how many, nothing needs to be restored; and grain of them, and of the others.
_PERFECT_SHARE, _GRAINY_PERFECT, _GRAINY_OTHERS = 0.18, 0.65, 0.15
_SHARPENED_SHARE, _MOST_SHARPENED = 0.3, 1.5
# Of how many the specimen is dark in bright light, and of how much of the light it may take.
_DARK_SHARE, _TAKEN = 0.15, (0.3, 1.0)
# Of how many the camera has lines, hot pixels, or too few grey levels for bright places.
_LINES_SHARE, _HOT_SHARE, _SATURATED_SHARE = 0.1, 0.1, 0.08
_BITS = (8, 10, 12, 14, 16)
_KINDS = ("noise", "axial", "blur", "all")
_SHARES = (0.3, 0.25, 0.25, 0.2)


def draw_degradation(rng: np.random.Generator) -> Degradation:
    """Draw a random defect for specimens from 0 to 1.

    Noise with little blur, blur and gaps along one axis, wide-field blur, or all of it: blur of
    0 to 4 px on each axis, with long tails or the rings of a defocused lens, haze, every 2nd to
    10th column or row, 2 to 5,000 photons in bright places, read noise, noise that neighbours,
    rows or columns share, hot pixels, saturated places, images stretched one by one, and whole
    numbers of 8 to 16 bits, of which an image may use a small part.

    Args:
        rng: source of everything random.

    Returns:
        The defect; its `noise_gain` is the grey levels per photon.

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
    defect = Degradation(
        blur_px=(float(blur_px[0]), float(blur_px[1])),
        transfer=_draw_transfer(rng) if kind != "noise" and rng.uniform() < 0.4 else (),
        haze=rng.uniform(0, 0.7) if rng.uniform() < 0.3 else 0.0,
        haze_px=rng.uniform(6, 25),
        scale=photons, offset=photons * rng.choice([0.0, rng.uniform(0, 0.5)]),
        noise_gain=1.0,
        noise_floor=rng.choice([0.0, rng.uniform(0, 2) ** 2,
                                photons * rng.uniform(0, 0.5)]),
        noise_transfer=_draw_noise_transfer(rng) if rng.uniform() < 0.2 else (),
        step_px=float(step_px), step_axis=along)
    return _stored(rng, _with_flaws(rng, defect), rng.uniform() < _SATURATED_SHARE)


def draw_perfect(rng: np.random.Generator) -> Degradation:
    """Draw what a good microscope does to specimens from 0 to 1: next to nothing.

    Args:
        rng: source of everything random.

    Returns:
        Shot noise of 300 to 50,000 photons in bright places and read noise, in a tenth of the
        draws hot pixels; no blur.

    Source:
        ours.
    """
    photons = _log_uniform(rng, 300, 50_000)
    defect = Degradation(scale=photons, offset=photons * rng.choice([0.0, rng.uniform(0, 0.5)]),
                         noise_gain=1.0, noise_floor=rng.choice([0.0, rng.uniform(0, 2) ** 2]))
    return _stored(rng, _with_hot_pixels(rng, defect), False)


def _with_flaws(rng: np.random.Generator, defect: Degradation) -> Degradation:
    """Let rows and columns share noise, or single pixels be hot."""
    if rng.uniform() < _LINES_SHARE:
        noise = np.sqrt(defect.noise_floor + 0.3 * defect.scale) * rng.uniform(0.1, 0.8, 2)
        rows, columns = noise * [(1, 0), (0, 1), (1, 1)][rng.integers(3)]
        defect = replace(defect, line_noise=(float(rows), float(columns)))
    return _with_hot_pixels(rng, defect)


def _with_hot_pixels(rng: np.random.Generator, defect: Degradation) -> Degradation:
    if rng.uniform() >= _HOT_SHARE:
        return defect
    return replace(defect, hot_share=_log_uniform(rng, 1e-4, 3e-3),
                   hot_brightness=defect.scale * rng.uniform(0.3, 4.0))


def _stored(rng: np.random.Generator, defect: Degradation, is_saturated: bool) -> Degradation:
    """Store as photons, or as whole numbers of 8 to 16 bits: stretched, dim or saturated."""
    highest = 2.0 ** rng.choice(_BITS) - 1
    if rng.uniform() < 0.2:
        return replace(defect, is_stretched=True, limits=(0.0, highest), is_whole=True)
    if not is_saturated and rng.uniform() < 0.5:
        return defect
    # Of all grey levels, a dim image has 16 or more.
    used = rng.uniform(1.1, 2.2) if is_saturated else _log_uniform(rng, 16 / highest, 0.8)
    gain = highest * used / (defect.scale + defect.offset)
    return replace(
        defect, scale=defect.scale * gain, offset=defect.offset * gain, noise_gain=gain,
        noise_floor=defect.noise_floor * gain ** 2,
        line_noise=(defect.line_noise[0] * gain, defect.line_noise[1] * gain),
        hot_brightness=defect.hot_brightness * gain, limits=(0.0, highest), is_whole=True)


def _draw_transfer(rng: np.random.Generator) -> tuple[float, ...]:
    """Draw a curve that falls as a lens's does, or with the long tail of unfocused light."""
    kind = rng.uniform()
    if kind < 0.35:
        curve = lens_transfer(rng.uniform(0.12, 0.8))
    elif kind < 0.65:
        curve = lens_transfer(rng.uniform(0.25, 1.0), rng.uniform(1.0, 6.0))
    else:
        curve = np.exp(-CURVE_FREQUENCIES * rng.uniform(0, 12))
    return tuple(float(value) for value in curve)


def lens_transfer(cutoff: float, defocus_px: float = 0.0) -> np.ndarray:
    """Return what a round lens leaves of each of `CURVE_FREQUENCIES`.

    Args:
        cutoff: highest frequency that it lets through, cycles per pixel.
        defocus_px: radius of the disc that a point becomes, pixels; reverses the contrast of
            some frequencies, which shows as rings.

    Returns:
        float64 (33,), 1 at frequency 0.

    Source:
        Stokseth 1969, Properties of a defocused optical system.
    """
    relative = np.minimum(CURVE_FREQUENCIES / cutoff, 1)
    focused = 2 / np.pi * (np.arccos(relative) - relative * np.sqrt(1 - relative ** 2))
    angle = 2 * np.pi * defocus_px * CURVE_FREQUENCIES * (1 - relative)
    return focused * np.divide(2 * special.j1(angle), angle, out=np.ones_like(angle),
                               where=angle > 0)


def _draw_noise_transfer(rng: np.random.Generator) -> tuple[float, ...]:
    """Draw noise that neighbouring pixels share."""
    curve = np.exp(-2 * (np.pi * rng.uniform(0.3, 1.2) * CURVE_FREQUENCIES) ** 2)
    # In a square of frequencies, a third lies beyond the last ring of the curve.
    rings = np.append(np.diff(np.pi * CURVE_FREQUENCIES ** 2), 1 - np.pi / 4)
    power = np.sum(curve ** 2 * rings[-CURVE_POINTS:]) / rings.sum()
    return tuple(float(value) for value in curve / np.sqrt(power))


def draw_pair(rng: np.random.Generator, specimens: Sequence[np.ndarray], size_px: int
              ) -> tuple[np.ndarray, np.ndarray]:
    """Draw a random place of a random specimen, and degrade it; every sixth hardly at all.

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
    is_perfect = rng.uniform() < _PERFECT_SHARE
    if rng.uniform() < (_GRAINY_PERFECT if is_perfect else _GRAINY_OTHERS):
        clean = add_grain(rng, clean)
    if rng.uniform() < _DARK_SHARE:
        clean = 1 - rng.uniform(*_TAKEN) * np.minimum(clean, 1)
    if is_perfect:
        clean, defect = _sharpen_some(rng, clean), draw_perfect(rng)
    else:
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


def _sharpen_some(rng: np.random.Generator, clean: np.ndarray) -> np.ndarray:
    """Sharpen a share of the images to single pixels, as no simulated optics leave them."""
    if rng.uniform() >= _SHARPENED_SHARE:
        return clean
    fine = clean - ndimage.gaussian_filter(clean, 1.0)
    return np.clip(clean + rng.uniform(0, _MOST_SHARPENED) * fine, 0, None)


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
