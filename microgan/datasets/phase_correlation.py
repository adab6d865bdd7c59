"""How well two images of one size match: phase correlation in units of chance."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import fft

from microgan.datasets.middle import middle

# Gaussians that the images are smoothed with, pixels: noise and blur decide which matches best.
_SMOOTHING_PX = (0.7, 1.5, 3.0)
# Of larger images the middle, to save time.
LARGEST_PX = 512
# Of the spectrum by which an image is compared with those of other pairs.
_COARSE_FREQUENCIES = 32
_PERCENTILES = (0.1, 99.9)
_NEAR_PX = 3
# Cycles per pixel; the last band is mostly noise.
_BAND_EDGES = (0.06, 0.12, 0.25, 0.5)
_LOW, _HIGH = 0.1, 0.35
_TINY = 1e-9


@dataclass(frozen=True)
class Spectrum:
    """What is compared of an image.

    Args:
        shape: (Y, X) of the part that was measured.
        coefficients: complex64 (Y, X // 2 + 1), of its Fourier transform.
        phases: likewise, coefficients of amplitude 1.
        profile: float (8,), logarithm of the power in four bands of frequency, along X and
            along Y, relative to its mean.
        structure: logarithm (10) of the power of coarse structure over that of single
            pixels: 0 for white noise.
    """

    shape: tuple[int, ...]
    coefficients: np.ndarray
    phases: np.ndarray
    profile: np.ndarray
    structure: float

    def coarse_phases(self) -> np.ndarray:
        """Return the phases of low frequencies, smoothed and scaled, for `match_all`.

        Returns:
            complex64 (K,). The real part of the product of those of two images is their match
            without a shift.
        """
        count = min(_COARSE_FREQUENCIES, (min(self.shape) - 1) // 2)
        rows = np.r_[0:count + 1, -count:0]
        weights = _weights(self.shape, min(self.shape) / (2 * count))[rows, :count + 1]
        # Coefficients beside column 0 count twice: the other half of the plane mirrors them.
        doubled = np.r_[1.0, np.full(count, 2.0)]
        scale = np.sqrt(doubled * weights / np.sqrt((doubled * weights ** 2).sum()))
        return (self.phases[rows, :count + 1] * scale).astype(np.complex64).ravel()


class Match(NamedTuple):
    """How well two images match.

    Args:
        score: of the best shift, in standard deviations of what chance gives; unrelated
            images reach 4 to 5.5, since all shifts are tried.
        unshifted: the same without a shift.
        near: the same of the best shift of at most 3 pixels.
        shift: (Y, X), pixels, to be added to places in the first image to find them in the
            second.
    """

    score: float
    unshifted: float
    near: float
    shift: tuple[float, float]


def with_even_noise(image: np.ndarray) -> np.ndarray:
    """Return the square root of an image, which makes the noise of photons even.

    Args:
        image: (Y, X), any real type.

    Returns:
        float32 (Y, X), of mean 0, with soft borders.
    """
    values = image.astype(np.float32)
    low, high = np.percentile(values, _PERCENTILES)
    if low < high:  # else a few photons are all there is
        values = np.clip(values, low, high)
    values = np.sqrt(values - values.min())
    window = border_window(values.shape)
    return (values - (values * window).sum() / window.sum()) * window


def measure_spectrum(image: np.ndarray) -> Spectrum:
    """Measure what `match` compares.

    Args:
        image: (Y, X), at least 4 x 4 pixels, any real type.

    Returns:
        The spectrum of the middle 512 x 512 pixels, with even noise.

    Source:
        ours.
    """
    values = with_even_noise(middle(image, LARGEST_PX))
    coefficients = fft.rfft2(values)
    amplitudes = np.abs(coefficients)
    phases = coefficients / (amplitudes + 1e-6 * amplitudes.max() + _TINY)
    phases[0, 0] = 0
    profile, structure = _profile(amplitudes ** 2, values.shape)
    return Spectrum(values.shape, coefficients, phases.astype(np.complex64), profile, structure)


def match(first: Spectrum, second: Spectrum) -> Match:
    """Find the shift between two images of one size, and how sure it is.

    Args:
        first: of one image.
        second: of the other, of the same shape.

    Returns:
        The match at the best of three smoothings.

    Source:
        Kuglin and Hines 1975, phase correlation. Departs: smoothed, and scaled by what random
        phases give, so that the score tells chance from a match.

    Example:
        >>> image = np.random.default_rng(0).random((64, 64))
        >>> found = match(measure_spectrum(image[:-8]), measure_spectrum(image[8:]))
        >>> [round(shift) for shift in found.shift]
        [-8, 0]
    """
    cross = np.conj(first.phases) * second.phases
    return max((_match_smoothed(cross, first.shape, smoothing) for smoothing in _SMOOTHING_PX),
               key=lambda found: found.score)


def match_all(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compare all images with all others, without shifts, at a coarse scale.

    Args:
        first: (N, K), each from `Spectrum.coarse_phases`.
        second: (M, K).

    Returns:
        float32 (N, M), scores as in `Match`; unrelated images have about -3 to 3.
    """
    return (np.conj(first) @ second.T).real


def _match_smoothed(cross: np.ndarray, shape: tuple[int, ...], smoothing_px: float) -> Match:
    weights = _weights(shape, smoothing_px)
    scores = fft.irfft2(cross * weights, shape) * (np.prod(shape) / _chance(shape, smoothing_px))
    place = np.unravel_index(np.argmax(scores), shape)
    score = float(scores[place])
    shift = []
    for axis, position in enumerate(place):
        length = shape[axis]
        before, after = (scores[tuple(
            (at + step) % length if number == axis else at for number, at in enumerate(place))]
            for step in (-1, 1))
        curvature = before + after - 2 * score
        exact = position + (0.5 * (before - after) / curvature if curvature else 0.0)
        shift.append(float(exact - length if exact > length / 2 else exact))
    near = np.arange(-_NEAR_PX, _NEAR_PX + 1)
    return Match(score, float(scores[0, 0]), float(scores[np.ix_(near, near)].max()),
                 (shift[0], shift[1]))


@functools.lru_cache(maxsize=16)
def _weights(shape: tuple[int, ...], smoothing_px: float) -> np.ndarray:
    """Weights of a Gaussian; none for what varies over most of the image, such as lighting."""
    y, x = _frequencies(shape)
    weights = np.exp(-2 * (np.pi * smoothing_px) ** 2 * (y ** 2 + x ** 2))
    weights[np.hypot(y, x) < 1.5 / min(shape)] = 0
    return weights.astype(np.float32)


@functools.lru_cache(maxsize=16)
def _chance(shape: tuple[int, ...], smoothing_px: float) -> float:
    """Return the standard deviation of the sum of all weighted cosines of random phases."""
    squares = _weights(shape, smoothing_px) ** 2
    alone = squares[:, 0].sum() + (squares[:, -1].sum() if shape[1] % 2 == 0 else 0)
    return float(np.sqrt(2 * squares.sum() - alone))


def _frequencies(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    return np.fft.fftfreq(shape[0])[:, np.newaxis], np.fft.rfftfreq(shape[1])[np.newaxis]


@functools.lru_cache(maxsize=4)
def border_window(shape: tuple[int, ...]) -> np.ndarray:
    """Return 1 in the middle, falling to 0 along a cosine over an eighth at each border."""
    edges = (np.minimum(np.arange(length), np.arange(length)[::-1]) / (length - 1)
             for length in shape)
    return np.outer(*(0.5 - 0.5 * np.cos(np.pi * np.minimum(8 * edge, 1))
                      for edge in edges)).astype(np.float32)


@functools.lru_cache(maxsize=4)
def _bands(shape: tuple[int, ...]) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    y, x = (np.abs(each) for each in np.broadcast_arrays(*_frequencies(shape)))
    radius = np.hypot(y, x)
    edges = (1.5 / min(shape), *_BAND_EDGES)
    rings = [(radius >= low) & (radius < high) for low, high in zip(edges, edges[1:])]
    bands = [ring & half for ring in rings for half in (x >= y, x < y)]
    return (bands, (radius >= edges[0]) & (radius < _LOW),
            (radius >= _HIGH) & (radius < _BAND_EDGES[-1]))


def _profile(power: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, float]:
    bands, low, high = _bands(shape)
    means = np.array([power[band].mean() if band.any() else 0.0 for band in bands])
    # The median, since a fine pattern of the camera is no noise.
    structure = np.log10((power[low].mean() + _TINY) / (np.median(power[high]) + _TINY))
    return np.log(means / (means.mean() + _TINY) + _TINY), float(structure)
