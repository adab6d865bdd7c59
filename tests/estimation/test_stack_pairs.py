"""Stacks that a measured microscope would take are like those that it took."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from microgan.estimation.densities import to_density
from microgan.estimation.stack_filters import fit_middles
from microgan.estimation.stack_pairs import MeasuredMicroscope
from microgan.metrics.sharpness import mean_absolute_gradient
from microgan.simulation.fitted_microscope import Light
from microgan.simulation.z_stacks import TISSUE, simulate_stack

LEFT_PX = 0.7
INSIDE = slice(TISSUE[0] + 3, TISSUE[1] - 3)  # of every sample


@cache
def _measured():
    stacks = [simulate_stack(seed=5, part="train", index=index, size_px=96)[0]
              for index in range(3)]
    fit = fit_middles(stacks, step_px=1)
    return stacks, fit, MeasuredMicroscope(stacks, fit, LEFT_PX)


@cache
def _recorded():
    _, _, microscope = _measured()
    rng = np.random.default_rng(2)
    return [microscope.record_own(rng, 64) for _ in range(3)]


def _sharpness(stacks):
    """Gradient of each slice, the mean over stacks, to the sharpest slice's."""
    found = np.mean([[mean_absolute_gradient(image) for image in stack] for stack in stacks], 0)
    return found / found.max()


def test_own_samples_lose_as_much_sharpness_with_distance_from_focus_as_the_stacks():
    stacks, _, _ = _measured()

    again = _sharpness([each.measured for each in _recorded()])

    np.testing.assert_allclose(again[INSIDE], _sharpness(stacks)[INSIDE], atol=0.15)
    assert again[slice(*TISSUE)].min() < 0.7


def test_sharp_volumes_are_about_as_sharp_at_every_depth():
    sharpness = _sharpness([each.sharp for each in _recorded()])

    assert sharpness[INSIDE].min() > 0.8
    assert all(each.is_inside[INSIDE].all() for each in _recorded())


def test_samples_differ_in_thickness():
    stacks, fit, _ = _measured()
    microscope = MeasuredMicroscope(stacks[:1], replace(fit, tissue=(4.0, 24.0)), LEFT_PX)
    rng = np.random.default_rng(2)

    drawn = [np.flatnonzero(microscope.record_own(rng, 16).is_inside) for _ in range(6)]

    limits = {(int(each[0]), int(each[-1])) for each in drawn}
    assert len(limits) > 3
    assert all(2 <= first <= 7 and 20 <= last <= 26 for first, last in limits)


def test_random_samples_have_the_measured_noise():
    _, fit, microscope = _measured()
    empty = np.zeros((64, 64, 64), np.float32)

    recorded = microscope.record(np.random.default_rng(3), empty, 32)

    # Where nothing absorbs, there is more light than on average, so less noise.
    stacks, _, _ = _measured()
    shares = np.mean([np.exp(to_density(stack, Light.ABSORBED)[0]).mean() for stack in stacks])
    assert recorded.measured.mean() == pytest.approx(1, abs=0.01)
    assert recorded.measured.var() == pytest.approx(fit.noise_variance / shares, rel=0.05)
    np.testing.assert_array_equal(recorded.sharp, 1)


def test_fluorescent_stacks_keep_their_ground():
    rng = np.random.default_rng(4)
    stacks = [rng.poisson(100 + 900 * (1 - simulate_stack(
        seed=6, part="train", index=index, size_px=64)[0] / 255.0)) for index in range(2)]
    microscope = MeasuredMicroscope(stacks, fit_middles(stacks, step_px=1), LEFT_PX)

    recorded = microscope.record(rng, np.zeros((64, 64, 64), np.float32), 32)

    dark = np.mean([np.percentile(stack, 0.1) for stack in stacks])
    assert recorded.sharp.mean() == pytest.approx(dark)
    assert microscope.record_own(rng, 32).measured.mean() == pytest.approx(
        np.mean(stacks), rel=0.25)


def test_shaded_light_is_never_below_none_and_has_the_measured_noise():
    stacks, fit, _ = _measured()
    shaded = replace(fit, light=Light.SHADED, shown=0.5, noise_variance=1e-4)
    microscope = MeasuredMicroscope(stacks, shaded, LEFT_PX)
    rng = np.random.default_rng(3)

    empty = microscope.record(rng, np.zeros((64, 64, 64), np.float32), 32)
    own = microscope.record_own(rng, 32)

    brightness = 1 - np.mean([to_density(stack, Light.SHADED)[0].mean() for stack in stacks])
    assert empty.measured.var() == pytest.approx(1e-4 / brightness, rel=0.05)
    np.testing.assert_array_equal(empty.sharp, 1)
    assert 0 <= own.sharp.min() < own.sharp.max() <= 1
