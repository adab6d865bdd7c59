"""Fit the forward model of z-stacks to stacks, without any sharp volume.

What a microscope does shows in how the spectra of slices, and what slices have in common, fall
with the distance from focus. Lengths are in pixels of a slice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microgan.estimation.densities import find_light, to_density
from microgan.estimation.slice_model import (
    NUM_OPTICAL, NUM_PARAMETERS, SPECTRUM_PENALTY, Parameters, SliceModel)
from microgan.estimation.slice_covariances import SliceCovariances, slice_covariances
from microgan.simulation.fitted_microscope import (
    AXIAL, LATERAL, SIGMA, MicroscopeFit, blurs)

# Neighbouring coefficients of a windowed spectrum, and of tissue, are not independent.
_INDEPENDENT_SHARE = 0.15
_MOST_STEPS, _MOST_STEPS_AGAIN = 60, 5
_LEAST_GAIN = 1e-3
_DIFFERENCE = 1e-4
_NUM_RESAMPLES = 10
_NORMAL_90 = 1.645
# A quantity is told apart if measuring narrows what was expected to this share, and tiles drawn
# anew agree as well.
_NARROWED, _AGREEING = 0.5, 0.5


def fit_microscope(stacks: Sequence[np.ndarray], *, step_px: float, seed: int = 0
                   ) -> MicroscopeFit:
    """Fit blur, its growth, the sample's extent and spectrum, and the noise.

    Args:
        stacks: (Z, Y, X) each, any real type, intensities of one microscope: of one depth, with
            the focal plane in the same slice; at least 16 pixels a side.
        step_px: distance between slices, in pixels of a slice.
        seed: of the tiles drawn anew.

    Returns:
        The fit. The blur in focus contains the softness of the sample's own edges: only that
        its spectrum is smooth sets the two apart.

    Raises:
        ValueError: stacks differ in depth.

    Source:
        ours: Whittle's likelihood of the slices' covariances, by Fisher scoring, with weak
        expectations of what microscopes do.

    Example:
        >>> from microgan.simulation.z_stacks import simulate_stack
        >>> stacks = [simulate_stack(seed=1, part="train", index=index, size_px=32)[0]
        ...           for index in range(2)]
        >>> found = fit_microscope(stacks, step_px=1.0)
        >>> bool(12 < found.microscope.focal_plane < 16)
        True
    """
    depths = {len(stack) for stack in stacks}
    if len(depths) != 1:
        raise ValueError(f"`stacks` must be of one depth. Received: {sorted(depths)}")
    (num_slices,) = depths
    light = find_light(stacks)
    measured = slice_covariances([to_density(stack, light)[0] for stack in stacks])
    model = SliceModel(num_slices, step_px, measured.frequency)
    covariance = measured.of_tiles.mean(axis=0)
    start = _start(model, covariance)
    found, spread = _maximize(model, measured, covariance, start, _MOST_STEPS)
    rng = np.random.default_rng(seed)
    logs = []
    for _ in range(_NUM_RESAMPLES):
        drawn = rng.integers(len(measured.of_tiles), size=len(measured.of_tiles))
        again, _ = _maximize(model, measured, measured.of_tiles[drawn].mean(axis=0), found,
                             _MOST_STEPS_AGAIN)
        logs.append(np.log(list(blurs(model.microscope(again), num_slices).values())))
    errors = np.expm1(_NORMAL_90 * np.std(logs, axis=0, ddof=1))
    narrowed = _spread_of_blurs(model, found, spread) / _spread_of_blurs(
        model, found, np.diag(np.square(model.expected[1])))
    undetermined = [name for name, narrow, error in zip((SIGMA, LATERAL, AXIAL), narrowed, errors)
                    if narrow > _NARROWED or error > _AGREEING]
    return MicroscopeFit(
        model.microscope(found), (float(found[Parameters.BEGIN]), float(found[Parameters.END])),
        float(np.exp(found[Parameters.LOG_NOISE])), tuple(map(float, found[NUM_OPTICAL:])),
        dict(zip((SIGMA, LATERAL, AXIAL), map(float, errors))), tuple(undetermined),
        light)


def _spread_of_blurs(model: SliceModel, values: np.ndarray, covariance: np.ndarray
                     ) -> np.ndarray:
    """Return standard deviations of the blurs' logarithms, given the optical parameters'."""
    def logs(values: np.ndarray) -> np.ndarray:
        return np.log(list(blurs(model.microscope(values), model.num_slices).values()))

    changes = np.array([(logs(values + step) - logs(values)) / _DIFFERENCE
                        for step in _DIFFERENCE * np.eye(len(values))[:NUM_OPTICAL]])
    return np.asarray(np.sqrt(np.einsum("pb,pq,qb->b", changes, covariance, changes)))


def _start(model: SliceModel, covariance: np.ndarray) -> np.ndarray:
    """Return parameters to start from: expectations, and what the slices' power shows."""
    power = np.einsum("rzz->rz", covariance)
    third = len(power) // 3
    noise = np.percentile(power[-2:].mean(axis=0), 10)
    weight = np.square(np.clip(power[third:2 * third].sum(axis=0) - third * noise, 0, None))
    found = np.concatenate([model.expected[0], np.zeros(NUM_PARAMETERS - NUM_OPTICAL)])
    if weight.sum():
        found[Parameters.FOCAL_PLANE] = weight @ model.slices / weight.sum()
    found[Parameters.LOG_NOISE] = np.log(max(power[-1].min(), 1e-12))
    found[NUM_OPTICAL:] = model.log_power_of(np.clip(power.max(axis=1) - noise, noise / 100, None))
    scale = power[2].max() / np.einsum("rzz->rz", model.covariance(found))[2].max()
    found[NUM_OPTICAL:] += np.log(max(scale, 1e-12))
    return found


def _maximize(model: SliceModel, measured: SliceCovariances, covariance: np.ndarray,
              start: np.ndarray, most_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Maximise the posterior; return it and the covariance of optical parameters."""
    weight = _INDEPENDENT_SHARE * len(measured.of_tiles) * measured.count
    wanted = model.with_model_error(covariance[:, model.chosen[:, np.newaxis], model.chosen])
    mean, deviation = model.expected
    slopes, slope_mean, slope_deviation = SPECTRUM_PENALTY

    def evaluate(values: np.ndarray) -> tuple[float, np.ndarray]:
        expected = model.covariance(values)
        _, logarithm = np.linalg.slogdet(expected)
        inverse = np.linalg.inv(expected)
        likelihood = weight @ (logarithm + np.einsum("rij,rij->r", inverse, wanted))
        return (likelihood + np.square((values[:NUM_OPTICAL] - mean) / deviation).sum()
                + np.square((slopes @ values[NUM_OPTICAL:] - slope_mean) / slope_deviation).sum()
                ) / 2, inverse

    values, damping = start, 1e-2
    cost, inverse = evaluate(values)
    optical = np.arange(NUM_OPTICAL)
    for _ in range(most_steps):
        changes = model.derivatives(values)
        scaled = inverse @ changes
        excess = inverse @ (model.covariance(values) - wanted)
        gradient = np.einsum("r,prij,rji->p", weight, scaled, excess) / 2
        information = np.einsum("r,prij,qrji->pq", weight, scaled, scaled, optimize=True) / 2
        gradient[optical] += (values[optical] - mean) / deviation ** 2
        information[optical, optical] += deviation ** -2
        penalty = slopes.T / slope_deviation ** 2
        gradient[NUM_OPTICAL:] += penalty @ (slopes @ values[NUM_OPTICAL:] - slope_mean)
        information[NUM_OPTICAL:, NUM_OPTICAL:] += penalty @ slopes
        damping = max(damping, 1e-6)
        gain = 0.0
        while gain <= 0 and damping < 1e8:
            damped = information + damping * np.diag(np.diag(information))
            step = -np.linalg.solve(damped, gradient)
            step /= max(1.0, float(np.abs(step / model.longest_step).max()))
            new_cost, new_inverse = evaluate(values + step)
            gain = cost - new_cost if np.isfinite(new_cost) else -1.0
            damping *= 4
        if gain <= 0:
            break
        values, cost, inverse, damping = values + step, new_cost, new_inverse, damping / 24
        if gain < _LEAST_GAIN:
            break
    return values, np.linalg.inv(information)[:NUM_OPTICAL, :NUM_OPTICAL]
