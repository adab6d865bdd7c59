"""Sentences on what measured numbers leave open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from microgan.estimation.illumination import corner_fall
from microgan.estimation.intensities import Intensities
from microgan.estimation.measured_defect import Estimate
from microgan.estimation.spectral_fit import FittedSpectrum
from microgan.runtime.amounts import percent
from microgan.simulation.degradation_model import Degradation

# Above these the degraded images are not what the model makes of the clean ones.
WORST_MISFIT = 2.5
WORST_DIFFERENCE = 3.5
_WIDE_PX = 0.7
_HALF = 0.5
_MOSTLY = 0.7
_FEW_DEGRADED, _FEW_CLEAN = 5, 20


def notes_of_fit(fitted: FittedSpectrum, common: Degradation, estimates: Mapping[str, Estimate],
                 factors: np.ndarray, stored: Intensities) -> list[str]:
    """Return what holds with pairs and without; `factors` are those on the blur's variances."""
    notes = []
    if np.ptp(factors):
        low, high = np.sqrt([factors.min(), factors.max()])
        along = " and ".join(
            f"{low * estimates[f'blur_{axis}_px'].value:.1f} to "
            f"{high * estimates[f'blur_{axis}_px'].value:.1f} px along {axis.upper()}"
            for axis in "xy")
        notes.append(f"Blur differs from image to image by more than chance: {along}.")
    for axis in "yx":
        blur = estimates[f"blur_{axis}_px"]
        if blur.high - blur.low > max(_WIDE_PX, 0.5 * blur.value):
            notes.append(f"Blur along {axis.upper()} can be anything from {blur.low:.1f} to "
                         f"{blur.high:.1f} px: what would tell is covered by noise or was not "
                         "sampled.")
    along = fitted.signal[:, :2].mean(axis=1) < fitted.noise[:, :2].mean(axis=1)
    if along.any():
        limit = fitted.y_frequency[np.argmax(along)]
        notes.append(f"Details finer than {1 / max(limit, 1e-3):.1f} px lie below the noise: what "
                     "is left of them is not measured but continued.")
    if common.noise_transfer:
        curve = np.array(common.noise_transfer)
        notes.append("The noise is not white: at the finest details it has "
                     f"{100 * curve[-1] / curve[0]:.0f} % of its amplitude at the coarsest, where "
                     "it is taken to be as at those that signal does not cover.")
    gain, variance = estimates["noise_gain"], estimates["noise"].value ** 2
    if gain.low <= 0.3 * gain.value and estimates["noise_floor"].low < _MOSTLY * variance:
        notes.append("How much of the noise grows with the signal (photons) and how much is "
                     "constant cannot be told apart.")
    if stored.is_stretched:
        notes.append("Each image was stretched to its own extremes: brightness cannot be compared "
                     "between images.")
    elif stored.share_saturated > _HALF:
        notes.append("Most images reach the upper limit: each seems scaled by itself, and its "
                     "brightest parts are cut off.")
    return notes


def notes_of_pools(fitted: FittedSpectrum, difference: float, num_degraded: int, num_clean: int,
                   are_alike: bool) -> list[str]:
    """Return what holds without pairs; the worst first.

    Args:
        fitted: the fit.
        difference: from `kinds.difference_in_kind`.
        num_degraded: images.
        num_clean: likewise.
        are_alike: whether chance may be why the two differ in brightness.
    """
    notes = []
    if difference > WORST_DIFFERENCE or fitted.misfit > WORST_MISFIT:
        notes.append("The clean images, degraded by what was measured, do not look like the "
                     "degraded ones. Either they show another kind of sample, or this model lacks "
                     "something; which, and so how far its numbers hold, cannot be known.")
    if num_degraded < _FEW_DEGRADED or num_clean < _FEW_CLEAN:
        notes.append(f"{num_degraded} degraded and {num_clean} clean images are few: what differs "
                     "between samples may count as blur or haze.")
    notes.append(
        "Both sets are as bright as chance allows: brightness and contrast are taken to be kept."
        if are_alike else
        "Scale and blur of coarse structure rest on both sets showing equally bright samples; "
        "light from far out of focus cannot be told from the offset.")
    if not fitted.best.haze:
        notes.append("No light out of focus was found. Without pairs that tells little: 40 % of "
                     "it may pass for low contrast.")
    return notes


def notes_of_illumination(degraded: Sequence[np.ndarray], clean: Sequence[np.ndarray], *,
                          are_pairs: bool = False) -> list[str]:
    """Return what is said where the light is uneven; arguments as for `corner_fall`."""
    lost = corner_fall(degraded, clean, are_pairs=are_pairs)
    return [] if lost is None else [
        f"Towards the corners the degraded images get darker than the clean ones, in the corners "
        f"by {percent(lost.value)} ({percent(lost.low)} to {percent(lost.high)}): uneven light, "
        "which neither the model nor networks know, since they see crops. Divide all images by a "
        "flat field first."]
