"""Measure a defect on pairs of a degraded image and the clean one of the same place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage, optimize

from microgan.estimation import spectral_fit
from microgan.estimation.assembly import check_images, measured_defect, signal_model
from microgan.estimation.intensities import find_intensities
from microgan.estimation.measured_defect import MeasuredDefect
from microgan.estimation.noise import Levels, measure_noise
from microgan.estimation.sampling import find_interpolation
from microgan.estimation.spectra import Bins, cross_spectrum, power_spectrum, window_length
from microgan.estimation.spectral_fit import FittedSpectrum, Transfer
from microgan.simulation.degradation_model import (
    CURVE_FREQUENCIES, Degradation, gaussian_transfer)

# Share of the transfer function that is never known better.
_MODEL_ERROR = 0.02
_HIGH_PASS_PX = 2.0
# Noise counts as white as long as its spectrum varies by less than this factor.
_LEAST_COLOUR = 1.3


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
    fitted = _fit(degraded, clean, columns, step_px)
    common = signal_model(fitted, measured, clean)
    predicted = [common.noiseless(image)[:, kept] for image, kept in zip(clean, columns)]
    residuals = [image - other for image, other in zip(measured, predicted)]
    if step_px == 1:
        fitted = _with_noise_curve(fitted, residuals)
        common = signal_model(fitted, measured, clean)
    levels = [_levels(one, other, common, step_px) for one, other in zip(predicted, residuals)]
    nothing = [(mean, np.zeros_like(square)) for mean, square in levels]
    line = measure_noise(levels, nothing, stored.limits, seed=seed)
    return measured_defect(fitted, common, line, sampling, stored, measured)


def _fit(degraded: Sequence[np.ndarray], clean: Sequence[np.ndarray],
         columns: Sequence[np.ndarray], step_px: float) -> FittedSpectrum:
    """Fit blur, haze and a curve to the cross-spectra.

    Of columns that were not measured nothing is known: they are zero, the others counted as often
    as there are columns for each. What that repeats of other frequencies is not correlated with
    the clean image; it counts as noise.
    """
    shape = (window_length([image.shape[0] for image in clean]),
             window_length([image.shape[1] for image in clean]))
    bins = [Bins.of(length) for length in shape]
    y2, x2 = bins[0].squared_frequency()[:, np.newaxis], bins[1].squared_frequency()
    sums = []
    for image, truth, kept in zip(degraded, clean, columns):
        comb = np.zeros(image.shape[1])
        comb[kept] = step_px
        image = (image - image[:, kept].mean()) * comb
        sums.append([bins[0].averaging @ part @ bins[1].averaging.T
                     for part in (cross_spectrum(image, truth, shape),
                                  power_spectrum(truth, shape), power_spectrum(image, shape))])
    cross, clean_power, power = np.mean(sums, axis=0)
    used = np.ones(cross.shape, bool)
    used[0, 0] = False
    clean_power = np.maximum(clean_power, 1e-12)
    measured = cross / clean_power
    noise = np.maximum(power - measured ** 2 * clean_power, 1e-6 * power + 1e-12)
    # A mean over so many frequencies; the window makes neighbours agree.
    number = len(clean) / 4 / np.outer(*(np.square(each.averaging).sum(axis=1) for each in bins))
    deviation = np.sqrt(noise / clean_power / (2 * number))
    passed = max(float(cross[used].sum() / clean_power[used].sum()), 1e-9)
    deviation = np.hypot(deviation, _MODEL_ERROR * passed)

    def solve(start: Transfer, pieces: tuple[str, ...]) -> optimize.OptimizeResult:
        def residuals(vector: np.ndarray) -> np.ndarray:
            numbers = spectral_fit.unpack(vector, pieces)
            expected = math.exp(numbers.log_scale) * numbers.amplitude(y2, x2)
            known = numbers.log_noise - log_noise  # the cross-spectrum does not tell it
            return np.concatenate([((measured - expected) / deviation)[used],
                                   spectral_fit.priors(numbers), [known]])

        return spectral_fit.solve_within(residuals, start, pieces)

    log_noise = float(np.log(noise[used].mean()))
    start = Transfer(math.log(passed), (1.0, 1.0), log_noise)
    chosen = spectral_fit.choose_pieces(solve, start, ("haze", "transfer"))
    best = chosen.best
    gain = math.exp(2 * best.log_scale) * best.amplitude(y2, x2) ** 2
    return FittedSpectrum(
        best, chosen.covariance, spectral_fit.names(chosen.pieces),
        2 * chosen.cost / (used.sum() - 4), gain * clean_power, noise,
        np.sqrt(y2[:, 0]), np.sqrt(x2), np.zeros(cross.shape))


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
