"""Measure a defect on degraded images and clean ones that show other places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from microgan.datasets.stretching import are_stretched
from microgan.estimation.assembly import check_images, measured_defect, signal_model
from microgan.estimation.blur_spread import fit_with_factors
from microgan.estimation.brightness import are_alike_in_brightness, contrast
from microgan.estimation.intensities import Intensities, find_intensities
from microgan.estimation.kinds import difference_in_kind
from microgan.estimation.measured_defect import MeasuredDefect
from microgan.estimation.noise import NoiseFilter, NoiseLine, at_most, measure_noise
from microgan.estimation.notes import (
    WORST_DIFFERENCE, notes_of_illumination, notes_of_pools)
from microgan.estimation.sampling import find_interpolation
from microgan.estimation.spectra import windowed_mean
from microgan.estimation.spectral_fit import OPTIONAL, FittedSpectrum, SpectralFit
from microgan.simulation import degradations
from microgan.simulation.degradation_model import Degradation

_MOST_CLEAN = 100
_MOST_NOISELESS = 40

_Fit = tuple[FittedSpectrum, Degradation, NoiseLine]


def measure_unpaired(degraded: Sequence[np.ndarray], clean: Sequence[np.ndarray], *,
                     seed: int = 0) -> MeasuredDefect:
    """Measure blur, sampling, haze, noise and intensities without a single pair.

    Sampling is found by the kinks of interpolation; blur and haze by what is left of the mean
    power spectrum; noise by what a filter of the weakest frequencies leaves, against local mean.
    Where both sets are as bright as chance allows, brightness is taken to be kept: means of ten
    images vary by more than most microscopes change them. Not so where each image seems to have
    been stretched on its own: there contrast tells the scale.

    Args:
        degraded: real (Y, X) each, at least 32 pixels a side, of one microscope; a few suffice.
            Whole numbers tell the limits of their type.
        clean: of the same kind of sample, as many as there are.
        seed: of the choice of images and of the bootstrap.

    Raises:
        ValueError: there are no images, or one is too small.

    Source:
        ours; the noise's line follows Foi et al. 2008, "Practical Poissonian-Gaussian noise
        modeling and fitting for single-image raw-data", with a filter made for the spectra.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> images = rng.poisson(rng.gamma(2.0, 5.0, (12, 40, 40))).astype(np.uint8)
        >>> found = measure_unpaired(images[:4], images[4:])
        >>> found.model.draw(rng).limits
        (0.0, 255.0)
    """
    check_images(degraded=degraded, clean=clean)
    rng = np.random.default_rng(seed)
    if len(clean) > _MOST_CLEAN:
        clean = [clean[k] for k in rng.choice(len(clean), _MOST_CLEAN, replace=False)]
    stored, stretched = find_intensities(degraded), are_stretched(degraded, clean)
    degraded = [image.astype(np.float64) for image in degraded]
    clean = [image.astype(np.float64) for image in clean]
    sampling = find_interpolation(degraded)
    measured = degraded if sampling is None else sampling.take(degraded)
    turned = clean if sampling is None or sampling.axis == 1 else [image.T for image in clean]
    step_px = 1.0 if sampling is None else sampling.step_px
    spectra = SpectralFit(measured, turned, step_px, seed)
    # Compared as sampled, since sampling makes dark places brighter and bright ones darker.
    are_alike = not stretched and are_alike_in_brightness(
        measured, [_sample(image, step_px, 0) for image in turned])
    if are_alike:
        spectra.keep_brightness()
    fitted = spectra.fit(optional=("noise",))
    common = _signal_model(fitted, measured, turned, are_alike)
    noiseless = _noiseless(common, turned, step_px, rng)
    if not are_alike:
        spectra.log_scale_guess = (fitted.best.log_scale
                                   + math.log(contrast(measured) / contrast(noiseless)))
    line = _measure_line(spectra, fitted, noiseless, measured, stored, seed, num_draws=0)
    means = np.array([windowed_mean(image, spectra.clean_window) for image in turned])
    variances = np.maximum(line.gain * (common.scale * means + common.offset) + line.floor, 0)
    if variances.mean() > 0:
        shares = np.maximum(variances / variances.mean(), 0.05)
        spectra.noise_shares = shares / np.exp(np.log(shares).mean())
    made_rng = np.random.default_rng(seed)
    # Drawn before any noise: rounding decides how many draws of noise there are.
    order = made_rng.permutation(len(turned))

    def fit(factors: np.ndarray, optional: Sequence[str] = OPTIONAL) -> _Fit:
        spectra.blur_factors = np.resize(factors, len(turned))[order]
        fitted = spectra.fit(optional)
        common = _signal_model(fitted, measured, turned, are_alike)
        noiseless = _noiseless(common, turned, step_px, rng)
        return fitted, common, _measure_line(spectra, fitted, noiseless, measured, stored, seed)

    def measure(found: _Fit) -> tuple[np.ndarray, np.ndarray]:
        fitted, common, line = found
        spectra.blur_factors = np.ones(len(turned))
        made = _with_one_blur(common, line, turned, step_px, stored, made_rng)
        return (spectra.log_factors(fitted.best, measured),
                spectra.log_factors(fitted.best, made))

    (fitted, common, line), factors = fit_with_factors(
        fit, lambda: fit(np.ones(1), ("noise",)), measure, len(measured))
    found = measured_defect(fitted, common, line, factors, sampling, stored, measured)
    made = [found.model.apply(rng, image) for image in clean[:_MOST_NOISELESS]]
    difference = difference_in_kind(degraded, made)
    return replace(found, misfit=max(found.misfit, difference / WORST_DIFFERENCE), notes=(
        *notes_of_pools(fitted, difference, len(degraded), len(clean), are_alike),
        *notes_of_illumination(degraded, clean), *found.notes))


def _with_one_blur(common: Degradation, line: NoiseLine, clean: Sequence[np.ndarray],
                   step_px: float, stored: Intensities, rng: np.random.Generator
                   ) -> list[np.ndarray]:
    """Return measured parts of clean images that differ in what they show and in noise alone."""
    images = []
    for image in clean[:_MOST_NOISELESS]:
        index = rng.integers(len(line.image_gains))
        made = replace(common, noise_gain=float(line.image_gains[index]), limits=stored.limits,
                       noise_floor=float(line.image_floors[index])).apply(rng, image)
        images.append(_sample(made, step_px, rng.uniform(0, step_px) if step_px > 1 else 0))
    return images


def _signal_model(fitted: FittedSpectrum, measured: Sequence[np.ndarray],
                  clean: Sequence[np.ndarray], are_alike: bool) -> Degradation:
    """Return what happens before noise and sampling; if `are_alike`, it keeps the mean."""
    common = signal_model(fitted, measured, clean)
    if not are_alike:
        return common
    mean = float(np.mean([image.mean() for image in clean]))
    return replace(common, offset=(1 - common.scale) * mean)


def _noiseless(common: Degradation, clean: Sequence[np.ndarray], step_px: float,
               rng: np.random.Generator) -> list[np.ndarray]:
    """Return measured parts as they would be without noise."""
    images = []
    for image in clean[:_MOST_NOISELESS]:
        phase = rng.uniform(0, step_px) if step_px > 1 else 0
        images.append(_sample(common.noiseless(image), step_px, phase))
    return images


def _sample(image: np.ndarray, step_px: float, phase_px: float) -> np.ndarray:
    """Return the measured columns of an image."""
    return degradations.subsample_x(image, step_px, phase_px)[0] if step_px > 1 else image


def _measure_line(spectra: SpectralFit, fitted: FittedSpectrum, noiseless: Sequence[np.ndarray],
                  measured: Sequence[np.ndarray], stored: Intensities, seed: int,
                  **bootstrap: int) -> NoiseLine:
    """Measure the noise's line; it is not above what the spectrum allows, give or take."""
    extract = NoiseFilter(fitted.signal, fitted.noise, fitted.y_frequency, fitted.x_frequency,
                          spectra.step_px)
    levels = [extract.levels(image) for image in measured]
    line = measure_noise(levels, [extract.levels(image) for image in noiseless], stored.limits,
                         seed=seed, **bootstrap)
    allowed = fitted.noise_variance() * math.exp(fitted.noise_deviation())
    return at_most(line, allowed, levels, spectra.measured_window)
