"""Measure a defect on pairs of a degraded image and the clean one of the same place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage, optimize

from microgan.estimation import spectral_fit
from microgan.estimation.assembly import check_images, measured_defect, signal_model
from microgan.estimation.blur_spread import LOG_FACTORS, fit_with_factors, likeliest
from microgan.estimation.intensities import find_intensities
from microgan.estimation.measured_defect import MeasuredDefect
from microgan.estimation.noise import Levels, NoiseLine, measure_noise
from microgan.estimation.notes import notes_of_illumination
from microgan.estimation.sampling import find_interpolation
from microgan.estimation.spectra import Bins, cross_spectrum, power_spectrum, window_length
from microgan.estimation.spectral_fit import FittedSpectrum, Transfer
from microgan.simulation.degradation_model import (
    CURVE_FREQUENCIES, Degradation, gaussian_transfer)

# Share of the transfer function that is never known better.
_MODEL_ERROR = 0.02
_LEAST_MADE = 20  # images, to tell what chance does
_HIGH_PASS_PX = 2.0
# Noise counts as white as long as its spectrum varies by less than this factor.
_LEAST_COLOUR = 1.3

_Fit = tuple[FittedSpectrum, Degradation, NoiseLine]


def measure_paired(degraded: Sequence[np.ndarray], clean: Sequence[np.ndarray], *,
                   seed: int = 0) -> MeasuredDefect:
    """Measure blur, sampling, haze, noise and intensities on pairs.

    The transfer function is the cross-spectrum of each pair over the clean image's power; noise
    is what its prediction leaves. Nothing is registered: a shift counts as blur.

    Args:
        degraded: real (Y, X) each, at least 32 pixels a side; a few suffice. Whole numbers tell
            the limits of their type.
        clean: of each the clean image, of its shape.
        seed: of the bootstrap.

    Raises:
        ValueError: there are no images, one is too small, or a pair differs in shape.

    Source:
        ours.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> clean = rng.gamma(2.0, 50.0, (4, 64, 64))
        >>> degraded = Degradation(blur_px=(1.0, 2.0)).apply(rng, clean[0])
        >>> print(measure_paired([degraded], clean[:1]).estimates["blur_x_px"].unit)
        px
    """
    check_images(degraded=degraded, clean=clean)
    shapes = [(one.shape, other.shape) for one, other in zip(degraded, clean, strict=True)]
    if any(one != other for one, other in shapes):
        raise ValueError("Each degraded image must have its clean image's shape. Received: "
                         f"{next(pair for pair in shapes if pair[0] != pair[1])}")
    stored = find_intensities(degraded)
    degraded = [image.astype(np.float64) for image in degraded]
    clean = [image.astype(np.float64) for image in clean]
    sampling = find_interpolation(degraded)
    step_px, columns = 1.0, [np.arange(image.shape[1]) for image in degraded]
    if sampling is not None:
        step_px, columns = sampling.step_px, list(sampling.measured)
        if sampling.axis == 0:
            degraded, clean = [image.T for image in degraded], [image.T for image in clean]
    measured = [image[:, kept] for image, kept in zip(degraded, columns)]
    spectra = CrossSpectra(degraded, clean, columns, step_px)
    rng = np.random.default_rng(seed)
    repeated = [index for index in range(len(clean)) for _ in range(-(-_LEAST_MADE // len(clean)))]

    def fit(factors: np.ndarray, optional: Sequence[str] = ("haze", "transfer")) -> _Fit:
        fitted = spectra.fit(factors, optional)
        common = signal_model(fitted, measured, clean)
        blur_y, blur_x = common.blur_px
        predicted = [
            replace(common, blur_px=(each * blur_y, each * blur_x)).noiseless(image)[:, kept]
            for image, kept, each in zip(clean, columns, np.sqrt(np.resize(factors, len(clean))))]
        residuals = [image - other for image, other in zip(measured, predicted)]
        if step_px == 1:
            fitted = _with_noise_curve(fitted, residuals)
            common = signal_model(fitted, measured, clean)
        levels = [_levels(one, other, common, step_px)
                  for one, other in zip(predicted, residuals)]
        nothing = [(mean, np.zeros_like(square)) for mean, square in levels]
        return fitted, common, measure_noise(levels, nothing, stored.limits, seed=seed)

    def measure(found: _Fit) -> tuple[np.ndarray, np.ndarray]:
        fitted, common, line = found
        made = [replace(common, noise_gain=float(line.image_gains[index]), limits=stored.limits,
                        noise_floor=float(line.image_floors[index])).apply(rng, clean[index])
                for index in repeated]
        with_one_blur = CrossSpectra(made, [clean[index] for index in repeated],
                                     [columns[index] for index in repeated], step_px)
        return spectra.log_factors(fitted.best), with_one_blur.log_factors(fitted.best)

    (fitted, common, line), factors = fit_with_factors(
        fit, lambda: fit(np.ones(1), ()), measure, len(measured))
    found = measured_defect(fitted, common, line, factors, sampling, stored, measured)
    return replace(found, notes=(*notes_of_illumination(degraded, clean, are_pairs=True),
                                 *found.notes))


class CrossSpectra:
    """What each degraded image shares with its clean one, ready to be fitted.

    Args:
        degraded: images (Y, X).
        clean: of each the clean one.
        columns: of each those that were measured.
        step_px: distance between them.

    Of columns that were not measured nothing is known: they are zero, the others counted as often
    as there are columns for each. What that repeats of other frequencies is not correlated with
    the clean image; it counts as noise.
    """

    def __init__(self, degraded: Sequence[np.ndarray], clean: Sequence[np.ndarray],
                 columns: Sequence[np.ndarray], step_px: float) -> None:
        shape = (window_length([image.shape[0] for image in clean]),
                 window_length([image.shape[1] for image in clean]))
        bins = [Bins.of(length) for length in shape]
        self._y2 = bins[0].squared_frequency()[:, np.newaxis]
        self._x2 = bins[1].squared_frequency()
        sums = []
        for image, truth, kept in zip(degraded, clean, columns):
            comb = np.zeros(image.shape[1])
            comb[kept] = step_px
            image = (image - image[:, kept].mean()) * comb
            sums.append([bins[0].averaging @ part @ bins[1].averaging.T for part in (
                cross_spectrum(image, truth, shape), power_spectrum(truth, shape),
                power_spectrum(image, shape))])
        self._sums = np.array(sums)
        # A mean over so many frequencies; the window makes neighbours agree.
        self._number = 1 / 4 / np.outer(*(np.square(each.averaging).sum(axis=1) for each in bins))
        self._used = np.ones(self._number.shape, bool)
        self._used[0, 0] = False

    def _measured(self, cross: np.ndarray, clean_power: np.ndarray, power: np.ndarray, count: int
                  ) -> tuple[np.ndarray, ...]:
        """Return amplitudes, their deviations, the clean images' power and the noise's."""
        passed = max(float(cross[self._used].sum() / clean_power[self._used].sum()), 1e-9)
        clean_power = np.maximum(clean_power, 1e-12)
        measured = cross / clean_power
        noise = np.maximum(power - measured ** 2 * clean_power, 1e-6 * power + 1e-12)
        deviation = np.sqrt(noise / clean_power / (2 * count * self._number))
        return measured, np.hypot(deviation, _MODEL_ERROR * passed), clean_power, noise

    def fit(self, factors: np.ndarray, optional: Sequence[str]) -> FittedSpectrum:
        """Fit blur and, where it explains clearly more, haze or a curve to the mean of all.

        Args:
            factors: on the blur's variances, (pairs,) or one for all.
            optional: of `spectral_fit.OPTIONAL`, those to try.
        """
        used, y2, x2 = self._used, self._y2, self._x2
        cross, clean_power, power = self._sums.mean(axis=0)
        passed = max(float(cross[used].sum() / clean_power[used].sum()), 1e-9)
        measured, deviation, clean_power, noise = self._measured(cross, clean_power, power,
                                                                 len(self._sums))
        shares = self._sums[:, 1] / np.maximum(self._sums[:, 1].sum(axis=0), 1e-12)

        def amplitudes(numbers: Transfer) -> np.ndarray:
            return math.exp(numbers.log_scale) * np.array([
                numbers.blurred_by(each).amplitude(y2, x2) for each in factors])

        def solve(start: Transfer, pieces: tuple[str, ...]) -> optimize.OptimizeResult:
            def residuals(vector: np.ndarray) -> np.ndarray:
                numbers = spectral_fit.unpack(vector, pieces)
                expected = np.sum(shares * amplitudes(numbers), axis=0)
                known = numbers.log_noise - log_noise  # the cross-spectrum does not tell it
                return np.concatenate([((measured - expected) / deviation)[used],
                                       spectral_fit.priors(numbers), [known]])

            return spectral_fit.solve_within(residuals, start, pieces)

        log_noise = float(np.log(noise[used].mean()))
        start = Transfer(math.log(passed), (1.0, 1.0), log_noise)
        chosen = spectral_fit.choose_pieces(solve, start, optional)
        best = chosen.best
        gain = np.sum(shares * amplitudes(best) ** 2, axis=0)
        return FittedSpectrum(
            best, chosen.covariance, spectral_fit.names(chosen.pieces),
            2 * chosen.cost / (used.sum() - 4), gain * clean_power, noise,
            np.sqrt(y2[:, 0]), np.sqrt(x2), np.zeros(cross.shape))

    def log_factors(self, numbers: Transfer) -> np.ndarray:
        """Return the log of the factor on the blur's variances that suits each pair best.

        How bright it is does not count.

        Args:
            numbers: of all pairs.

        Returns:
            (pairs,), within 3 of 0.
        """
        shapes = np.array([numbers.blurred_by(math.exp(each)).amplitude(self._y2, self._x2)
                           for each in LOG_FACTORS])[:, self._used]
        chi_squared = []
        for each in self._sums:
            cross, clean_power, power = each
            measured, deviation, *_ = self._measured(cross, clean_power, power, 1)
            weights, target = deviation[self._used] ** -2, measured[self._used]
            scales = (shapes * weights) @ target / (shapes ** 2 @ weights)
            chi_squared.append((target - scales[:, np.newaxis] * shapes) ** 2 @ weights)
        return likeliest(np.array(chi_squared))


def _with_noise_curve(fitted: FittedSpectrum, residuals: Sequence[np.ndarray]) -> FittedSpectrum:
    """Add the spectrum of what the prediction leaves, unless it is as good as white."""
    side = window_length([length for image in residuals for length in image.shape])
    power = np.mean([power_spectrum(image, (side, side)) for image in residuals], axis=0)
    axis = np.arange(side // 2 + 1) / side
    frequency = np.hypot(axis[:, np.newaxis], axis)
    # At low frequencies the model's own errors are stronger than noise.
    knots = spectral_fit.NOISE_KNOTS[1:]
    logs = np.array([np.log(power[np.abs(frequency - knot) < 0.03].mean() + 1e-12)
                     for knot in knots])
    if np.ptp(logs) < math.log(_LEAST_COLOUR):
        return fitted
    return replace(fitted, best=replace(fitted.best, log_noise=float(logs[0]),
                                        noise=tuple(float(each) for each in
                                                    (0.0, *(logs - logs[0])))))


def _levels(predicted: np.ndarray, residual: np.ndarray, common: Degradation,
            step_px: float) -> Levels:
    """Return the signal and the squared residual without its slow parts, which are errors."""
    sizes = (_HIGH_PASS_PX, _HIGH_PASS_PX / step_px)
    quick = residual - ndimage.gaussian_filter(residual, sizes, mode="reflect")
    y, x = np.fft.fftfreq(64)[:, np.newaxis], np.fft.fftfreq(64)
    kept = np.square(1 - gaussian_transfer(y, sizes[0]) * gaussian_transfer(x, sizes[1]))
    if common.noise_transfer:
        power = np.interp(np.hypot(y, x), CURVE_FREQUENCIES, common.noise_transfer) ** 2
        kept = kept * power / power.mean()
    return predicted, quick ** 2 / kept.mean()
