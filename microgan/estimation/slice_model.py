"""What slices of a stack should share, given a microscope and the spectrum of its samples."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from scipy.special import expit

from microgan.simulation.fitted_microscope import POWER_FREQUENCIES
from microgan.simulation.microscope import Microscope

# Frequencies along depth over which power is integrated, and their weights.
_AXIAL = np.concatenate([[0], np.geomspace(0.003, 0.75, 72)])
_AXIAL_WEIGHTS = np.gradient(_AXIAL)
_PIXEL_SIGMA_PX = 12 ** -0.5  # a pixel averages over its own width
_MARGIN_SLICES = 3  # beyond each end of the stack there may be tissue
_LONGEST_STEP_PX = 1.2  # of depths, finer than which nothing is passed on
_EDGE_SLICES = 0.3  # over which the tissue begins and ends
# Slices far from focus share almost everything: without an error of the model in each, tiny
# deviations would count for more than all the rest.
_MODEL_ERROR = 0.05
_MOST_SLICES = 32  # so many tell as much as more
_DIFFERENCE = 1e-4


class Parameters(IntEnum):
    """Positions of the optical parameters; the sample's logarithmic powers follow."""

    FOCAL_PLANE = 0
    LOG_SIGMA = 1
    LOG_LATERAL = 2
    LOG_AXIAL = 3
    LOG_CONE = 4
    LOG_RATIO = 5
    BEGIN = 6
    END = 7
    LOG_NOISE = 8


NUM_OPTICAL = len(Parameters)
NUM_PARAMETERS = NUM_OPTICAL + len(POWER_FREQUENCIES)


def expectations(num_slices: int, step_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what microscopes are expected to do: means and standard deviations.

    Args:
        num_slices: of the stacks.
        step_px: distance between slices.

    Returns:
        float (9,) each, in the order of `Parameters`.
    """
    farthest_px = num_slices / 2 * step_px
    mean = [(num_slices - 1) / 2, np.log(0.65), np.log(2.5 / farthest_px ** 2),
            np.log(3 / farthest_px ** 2), np.log(0.15), np.log(1.4), 1, num_slices - 2, -9]
    deviation = [0.2 * num_slices, 0.4, 1.2, 1.2, 1.0, 0.5, 0.12 * num_slices,
                 0.12 * num_slices, 10]
    return np.array(mean), np.array(deviation)


def _spectrum_penalty() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what is expected of log powers: slopes that change little, the last one -4.

    Power of slope -4 is that of sharp edges (Porod's law).
    """
    slopes = np.diff(np.eye(len(POWER_FREQUENCIES)), axis=0) / np.diff(
        np.log(POWER_FREQUENCIES))[:, np.newaxis]
    rows = np.vstack([np.diff(slopes, axis=0), slopes[-1]])
    return rows, np.append(np.zeros(len(rows) - 1), -4), np.append(np.ones(len(rows) - 1), 1.5)


SPECTRUM_PENALTY = _spectrum_penalty()


class SliceModel:
    """Covariances of slices as a function of the parameters.

    Args:
        num_slices: of the stacks.
        step_px: distance between slices.
        frequency: float (R,), lateral, cycles per pixel.
    """

    def __init__(self, num_slices: int, step_px: float, frequency: np.ndarray) -> None:
        self.num_slices, self.step_px, self.frequency = num_slices, step_px, frequency
        self.slices = np.arange(num_slices)
        self.chosen = np.unique(np.linspace(
            0, num_slices - 1, min(num_slices, _MOST_SLICES)).astype(int))
        self.expected = expectations(num_slices, step_px)
        self.longest_step = np.append(np.maximum(0.7 * self.expected[1], 0.3),
                                      np.full(len(POWER_FREQUENCIES), 1.5))
        fineness = max(1, round(step_px / _LONGEST_STEP_PX))
        # Whole numbers are among the depths.
        self.depths = np.arange(-_MARGIN_SLICES * fineness,
                                (num_slices - 1 + _MARGIN_SLICES) * fineness + 1) / fineness
        lag = np.arange(len(self.depths)) * step_px / fineness
        self._waves = np.cos(2 * np.pi * _AXIAL[:, np.newaxis] * lag) * _AXIAL_WEIGHTS[
            :, np.newaxis]
        self._lags = np.abs(np.subtract.outer(range(len(lag)), range(len(lag))))
        self._basis = _interpolation(np.hypot(frequency[:, np.newaxis], _AXIAL))

    def microscope(self, values: np.ndarray) -> Microscope:
        """Return the optics that parameters describe."""
        sigma, lateral, axial, cone, ratio = np.exp(
            values[Parameters.LOG_SIGMA:Parameters.LOG_RATIO + 1])
        return Microscope(
            focal_plane=float(values[Parameters.FOCAL_PLANE]),
            sigma_um=float(np.hypot(sigma, _PIXEL_SIGMA_PX)),
            lateral_growth_per_um=float(lateral), axial_growth_per_um=float(axial),
            cone=float(cone), axial_ratio=float(ratio), z_step_um=self.step_px)

    def presence(self, begin: float, end: float) -> np.ndarray:
        """Return how much of the sample is at each depth, 0 to 1."""
        return np.asarray(expit((self.depths - begin) / _EDGE_SLICES)
                          * expit((end - self.depths) / _EDGE_SLICES))

    def transfer(self, microscope: Microscope, tissue: tuple[float, float]) -> np.ndarray:
        """Return what each slice keeps of each depth: float (R, num_slices, T)."""
        return microscope.transfer(self.depths, self.num_slices, self.frequency,
                                   self.presence(*tissue))

    def sample_covariance(self, log_power: np.ndarray) -> np.ndarray:
        """Return what depths of the sample share at each frequency: float (R, T, T)."""
        power = np.exp(self._basis @ log_power)
        return np.asarray((power @ self._waves)[:, self._lags])

    def log_power_of(self, power: np.ndarray) -> np.ndarray:
        """Return roughly the powers of samples whose slices have these, by ring."""
        return np.asarray(np.interp(np.log(POWER_FREQUENCIES), np.log(self.frequency),
                                    np.log(np.maximum(power, 1e-30))) - np.log(POWER_FREQUENCIES))

    def covariance(self, values: np.ndarray) -> np.ndarray:
        """Return what the chosen slices should share: float (R, Z, Z)."""
        passed = self._passed(values)
        return self._seen(passed, self.sample_covariance(values[NUM_OPTICAL:]), values)

    def derivatives(self, values: np.ndarray) -> np.ndarray:
        """Return the covariance's derivatives by all parameters: float (P, R, Z, Z)."""
        passed, sample = self._passed(values), self.sample_covariance(values[NUM_OPTICAL:])
        here = self._seen(passed, sample, values)
        found = []
        for position in range(NUM_PARAMETERS):
            moved = values.copy()
            moved[position] += _DIFFERENCE
            there = self._seen(
                self._passed(moved) if position < Parameters.LOG_NOISE else passed,
                sample if position < NUM_OPTICAL else self.sample_covariance(moved[NUM_OPTICAL:]),
                moved)
            found.append((there - here) / _DIFFERENCE)
        return np.array(found)

    def with_model_error(self, covariance: np.ndarray) -> np.ndarray:
        """Add the model's error to each slice, in what is expected and in what is measured."""
        diagonal = np.arange(covariance.shape[-1])
        changed = covariance.copy()
        changed[:, diagonal, diagonal] *= 1 + _MODEL_ERROR
        return changed

    def _passed(self, values: np.ndarray) -> np.ndarray:
        tissue = values[Parameters.BEGIN], values[Parameters.END]
        return self.transfer(self.microscope(values), tissue)[:, self.chosen]

    def _seen(self, passed: np.ndarray, sample: np.ndarray, values: np.ndarray) -> np.ndarray:
        seen = passed @ sample @ passed.transpose(0, 2, 1)
        diagonal = np.arange(seen.shape[-1])
        seen[:, diagonal, diagonal] += np.exp(values[Parameters.LOG_NOISE])
        return self.with_model_error(seen)


def _interpolation(frequency: np.ndarray) -> np.ndarray:
    """Return weights (..., K) that interpolate log power at frequencies.

    Lower ones are as the first, higher ones on the last slope.
    """
    known = np.log(POWER_FREQUENCIES)
    wanted = np.maximum(np.log(np.maximum(frequency, 1e-9)), known[0])
    left = np.clip(np.searchsorted(known, wanted) - 1, 0, len(known) - 2)
    share = (wanted - known[left]) / (known[left + 1] - known[left])
    units = np.eye(len(known))
    return np.asarray(units[left] * (1 - share)[..., np.newaxis]
                      + units[left + 1] * share[..., np.newaxis])
