"""From fitted numbers to a degradation model with its estimates and what they leave open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from microgan.estimation.intensities import ROUNDING_VARIANCE, Intensities
from microgan.estimation.measured_defect import Estimate, MeasuredDefect, end_of_fall
from microgan.estimation.noise import NoiseLine
from microgan.estimation.notes import WORST_MISFIT, notes_of_fit
from microgan.estimation.sampling import Interpolation
from microgan.estimation.spectral_fit import FittedSpectrum
from microgan.simulation.degradation_model import (
    CURVE_FREQUENCIES, Degradation, DegradationModel)

_LEAST_SIDE_PX = 32
# Standard deviations of an interval of blur: known degradations are missed twice as far as the
# scatter of spectra says, since samples differ in direction, too.
_INTERVAL = 2 * 1.96


def check_images(**kinds: Sequence[np.ndarray]) -> None:
    """Raise `ValueError` unless each kind has images of at least 32 pixels a side."""
    for name, images in kinds.items():
        if not len(images):
            raise ValueError(f"`{name}` must hold at least one image. Received: none")
        for image in images:
            if image.ndim != 2 or min(image.shape) < _LEAST_SIDE_PX:
                raise ValueError(f"`{name}` must be images (Y, X) of at least {_LEAST_SIDE_PX} "
                                 f"pixels a side. Received: shape {image.shape}")
            if not np.isfinite(image).all():
                raise ValueError(f"`{name}` must be finite. Received: NaN or infinite pixels")


def signal_model(fitted: FittedSpectrum, measured: Sequence[np.ndarray],
                 clean: Sequence[np.ndarray]) -> Degradation:
    """Return what happens before noise and sampling; X is the axis that was sampled."""
    best = fitted.best
    scale = math.exp(best.log_scale)
    offset = (np.mean([image.mean() for image in measured])
              - scale * np.mean([image.mean() for image in clean]))
    zero = np.zeros(())
    transfer = (np.exp(np.interp(CURVE_FREQUENCIES, *best.transfer_curve()))
                if best.transfer else ())
    noise = np.sqrt(best.noise_power(CURVE_FREQUENCIES)) if best.noise else zero
    if noise.ndim:
        noise = noise / math.sqrt(mean_power(noise))
    return Degradation(
        blur_px=(math.sqrt(best.blur_px2[0]), math.sqrt(best.blur_px2[1])),
        transfer=tuple(float(each) for each in transfer), haze=best.haze,
        haze_px=math.exp(best.log_haze_px), scale=scale, offset=float(offset),
        noise_transfer=tuple(float(each) for each in noise) if noise.ndim else ())


def mean_power(curve: Sequence[float] | np.ndarray) -> float:
    """Return the mean square of a radial curve over all frequencies of an image."""
    frequency = np.fft.fftfreq(128)
    radius = np.hypot(frequency[:, np.newaxis], frequency)
    return float(np.mean(np.interp(radius, CURVE_FREQUENCIES, curve) ** 2))


def measured_defect(fitted: FittedSpectrum, common: Degradation, line: NoiseLine,
                    factors: np.ndarray, sampling: Interpolation | None, stored: Intensities,
                    measured: Sequence[np.ndarray]) -> MeasuredDefect:
    """Put a model together, an example for each image; X becomes the images' own axis again.

    The blur's variances are the fitted ones times the image's one of `factors`, (images,), give
    or take their uncertainty.
    """
    rounding = ROUNDING_VARIANCE if stored.is_whole else 0.0
    common = replace(common, limits=stored.limits, is_whole=stored.is_whole,
                     is_stretched=stored.is_stretched)
    if sampling is not None:
        common = replace(common, step_px=sampling.step_px, step_axis=sampling.axis)
    is_turned = sampling is not None and sampling.axis == 0
    examples = []
    deviates = stats.norm.ppf((np.arange(len(measured)) + 0.5) / len(measured))
    for gain, floor, factor, deviate in zip(line.image_gains, line.image_floors, factors,
                                            deviates):
        blur_y, blur_x = (
            math.sqrt(max(factor * variance + deviate * fitted.deviation(name), 0.0))
            for variance, name in zip(fitted.best.blur_px2, ("blur_y_px2", "blur_x_px2")))
        examples.append(replace(
            common, noise_gain=float(gain), noise_floor=float(floor) - rounding,
            blur_px=(blur_x, blur_y) if is_turned else (blur_y, blur_x)))
    estimates = _estimates(fitted, common, line, sampling, measured)
    return MeasuredDefect(DegradationModel(tuple(examples)), estimates,
                          float(fitted.misfit / WORST_MISFIT),
                          tuple(notes_of_fit(fitted, common, estimates, factors, stored)))


def _estimates(fitted: FittedSpectrum, common: Degradation, line: NoiseLine,
               sampling: Interpolation | None, measured: Sequence[np.ndarray]
               ) -> dict[str, Estimate]:
    axes = "yx" if sampling is None or sampling.axis == 1 else "xy"
    found = {}
    for axis, variance in zip(axes, fitted.best.blur_px2):
        spread = _INTERVAL * fitted.deviation(f"blur_{'yx'[axes.index(axis)]}_px2")
        found[f"blur_{axis}_px"] = Estimate(
            math.sqrt(variance), math.sqrt(max(variance - spread, 0.0)),
            math.sqrt(variance + spread), "px")
    factor = math.exp(1.96 * fitted.deviation("log_scale"))
    found["scale"] = Estimate(common.scale, common.scale / factor, common.scale * factor)
    if common.haze:
        deviation = fitted.deviation("haze")
        found["haze"] = Estimate(common.haze, max(common.haze - 1.96 * deviation, 0.0),
                                 min(common.haze + 1.96 * deviation, 1.0))
    end = end_of_fall(common.transfer)
    if end is not None:
        left = common.transfer[end]
        factor = math.exp(1.96 * fitted.transfer_deviation(float(CURVE_FREQUENCIES[end])))
        found["contrast_left"] = Estimate(left, left / factor, min(left * factor, 1.0))
    found["noise_gain"] = Estimate(line.gain, *line.gain_bounds, "grey levels")
    found["noise_floor"] = Estimate(line.floor, *line.floor_bounds, "grey levels²")
    found["noise"] = Estimate(line.typical, *line.typical_bounds, "grey levels")
    if line.gain > 0:
        bright = float(np.mean([np.quantile(image, 0.98) for image in measured]))
        counted = (bright + min(line.floor / line.gain, 0.0)) / line.gain
        low, high = (counted * line.gain / max(end, 1e-12) for end in line.gain_bounds[::-1])
        found["photons"] = Estimate(counted, low, high)
    if sampling is not None:
        found["step_px"] = Estimate(sampling.step_px, sampling.low_px, sampling.high_px, "px")
    return {name: Estimate(float(each.value), float(each.low), float(each.high), each.unit)
            for name, each in found.items()}
