"""The linear filter that errs least, given what the microscope does and what samples look like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import optimize

from microgan.estimation.intensities import ROUNDING_VARIANCE
from microgan.estimation.spectra import power_spectrum, window_length
from microgan.simulation.degradation_model import (
    CURVE_FREQUENCIES, Degradation, DegradationModel, filter_by, gaussian_transfer,
    radial_factors)

# What the model of a transfer function may miss: a share of its logarithm, and of full contrast.
_LOG_ERROR = 0.15
_CONTRAST_ERROR = 0.05
# An image may differ from what is typical: standard deviations of logarithms of power.
_SIGNAL_SPREAD = 1.0
_NOISE_SPREAD = 0.7
_RING_SPREAD = 0.4
_LEAST_POWER = 1e-6


def clean_spectrum(clean: Sequence[np.ndarray]) -> tuple[float, ...]:
    """Return the mean power of clean images at each of `CURVE_FREQUENCIES`.

    Args:
        clean: real (Y, X) each, at least 32 pixels a side.

    Returns:
        Grey levels squared; white noise of variance v has v everywhere.
    """
    side = window_length([length for image in clean for length in image.shape])
    power = np.mean([power_spectrum(image.astype(np.float64), (side, side)) for image in clean],
                    axis=0)
    return tuple(float(each) for each in _ring_means(power))


def _ring_means(power: np.ndarray) -> np.ndarray:
    """Average a spectrum in rings about `CURVE_FREQUENCIES`; frequency 0 does not count."""
    axes = [np.arange(length) / (2 * (length - 1)) for length in power.shape]
    frequency = np.hypot(axes[0][:, np.newaxis], axes[1])
    ring = np.rint(frequency / CURVE_FREQUENCIES[1]).astype(int)
    used = (ring < len(CURVE_FREQUENCIES)) & (frequency > 0)
    count = np.bincount(ring[used], minlength=len(CURVE_FREQUENCIES))
    total = np.bincount(ring[used], power[used], minlength=len(CURVE_FREQUENCIES))
    known = count > 0
    return np.interp(CURVE_FREQUENCIES, CURVE_FREQUENCIES[known], total[known] / count[known])


class LinearFilter:
    """Restores images by the minimum-mean-square-error (Wiener) filter; nothing is trained.

    How strong signal and noise are is fitted to each image's own spectrum. The filter trusts
    the model only so far: where little contrast is left it raises less than the numbers say.
    Interpolated images are filtered as they are: interpolation counts as blur along its axis, and
    what it repeats of other frequencies as noise. Their noise is correlated and stronger in
    measured columns; the filter knows only its mean spectrum.

    Args:
        model: what degrades the images; the mean of its examples counts.
        spectrum: of clean images, from `clean_spectrum`.

    Raises:
        ValueError: the spectrum has another length, or a number that is no power.

    Source:
        Wiener 1949. Departs: terms for the model's own errors, as of Slepian 1967, "Linear
        least-squares filtering of distorted images".

    Example:
        >>> rng = np.random.default_rng(0)
        >>> clean = [rng.gamma(1.0, 50.0, (64, 64)) for _ in range(3)]
        >>> model = DegradationModel((Degradation(noise_floor=400.0),))
        >>> LinearFilter(model, clean_spectrum(clean)).restore(clean[0]).shape
        (64, 64)
    """

    def __init__(self, model: DegradationModel, spectrum: Sequence[float]) -> None:
        self._spectrum = np.asarray(spectrum, dtype=np.float64)
        if self._spectrum.shape != CURVE_FREQUENCIES.shape or not (
                np.isfinite(self._spectrum).all() and (self._spectrum >= 0).all()):
            raise ValueError(f"`spectrum` must be {len(CURVE_FREQUENCIES)} powers of at least 0")
        self._examples = model.examples
        self._scale = float(np.mean([each.scale for each in model.examples]))
        self._offset = float(np.mean([each.offset for each in model.examples]))

    def restore(self, image: np.ndarray) -> np.ndarray:
        """Restore one image.

        Args:
            image: real (Y, X), grey levels of degraded images.

        Returns:
            float64 (Y, X), grey levels of clean images.
        """
        image = image.astype(np.float64) - self._offset
        return filter_by(image, lambda shape: self._gain(image, shape))

    def _gain(self, image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        clean, passed, squared, noise, alias = self._expected(shape, image.mean() + self._offset)
        signal_factor, noise_factor = self._strengths(image)
        clean, alias = clean * signal_factor, alias * signal_factor
        gain = clean * passed / (clean * squared + alias + noise * noise_factor + 1e-30)
        gain[0, 0] = 1 / self._scale
        return gain

    def _expected(self, shape: tuple[int, ...], grey_level: float) -> tuple[np.ndarray, ...]:
        """Return at each coefficient of `np.fft.rfft2`, as means over the examples: clean power,
        amplitude passed, its expected square, power of the noise and of what sampling repeats."""
        y = np.fft.fftfreq(shape[0])[:, np.newaxis]
        x = np.fft.rfftfreq(shape[1])
        clean = self._clean_power(np.hypot(y, x))
        parts = []
        for example in self._examples:
            passed = example.scale * _amplitude(example, y, x)
            noise = np.full(clean.shape, float(example.noise_variance(np.array(grey_level))))
            if example.noise_transfer:
                noise *= radial_factors(shape, example.noise_transfer) ** 2
            if example.is_whole:
                noise += ROUNDING_VARIANCE
            alias = np.zeros_like(clean)
            if example.step_px > 1:
                step = example.step_px
                along = x if example.step_axis == 1 else y
                kept = np.sinc(step * along) ** 2
                for order in range(-int(step), int(step) + 1):
                    moved = along + order / step
                    other_y, other_x = (y, moved) if example.step_axis == 1 else (moved, x)
                    repeated = (example.scale * _amplitude(example, other_y, other_x)) ** 2
                    inside = (np.abs(moved) <= 0.5) & (order != 0)
                    alias += inside * repeated * self._clean_power(np.hypot(other_y, other_x))
                alias, noise, passed = alias * kept ** 2, noise * step * kept ** 2, passed * kept
            parts.append((passed, noise, alias))
        passed, noise, alias = (np.mean(part, axis=0) for part in zip(*parts))
        mean_square = np.mean([part[0] ** 2 for part in parts], axis=0)
        lost = np.log(np.maximum(passed / abs(self._scale), 1e-6))
        squared = (mean_square * (1 + (_LOG_ERROR * lost) ** 2)
                   + (_CONTRAST_ERROR * self._scale) ** 2)
        return clean, passed, squared, noise, alias

    def _clean_power(self, frequency: np.ndarray) -> np.ndarray:
        return np.exp(np.interp(frequency, CURVE_FREQUENCIES,
                                np.log(self._spectrum + _LEAST_POWER)))

    def _strengths(self, image: np.ndarray) -> tuple[float, float]:
        """Fit factors on the power of signal and noise to an image's spectrum."""
        side = window_length(image.shape)
        measured = np.log(_ring_means(power_spectrum(image, (side, side))) + _LEAST_POWER)
        clean, _, squared, noise, alias = (part[:side // 2 + 1] for part in self._expected(
            (side, side), image.mean() + self._offset))
        signal, noise = _ring_means(clean * squared + alias), _ring_means(noise)

        def residuals(logs: np.ndarray) -> np.ndarray:
            expected = np.log(signal * np.exp(logs[0]) + noise * np.exp(logs[1]) + _LEAST_POWER)
            return np.concatenate([(measured - expected)[1:] / _RING_SPREAD,
                                   logs / (_SIGNAL_SPREAD, _NOISE_SPREAD)])

        found = optimize.least_squares(residuals, (0.0, 0.0), loss="soft_l1").x
        return float(np.exp(found[0])), float(np.exp(found[1]))


def _amplitude(example: Degradation, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return what blur and haze leave of each frequency."""
    focused = gaussian_transfer(y, example.blur_px[0]) * gaussian_transfer(x, example.blur_px[1])
    if example.transfer:
        focused = focused * np.interp(np.hypot(y, x), CURVE_FREQUENCIES, example.transfer)
    if not example.haze:
        return focused
    return ((1 - example.haze) * focused
            + example.haze * gaussian_transfer(np.hypot(y, x), example.haze_px))
