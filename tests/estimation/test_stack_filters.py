"""Filters that sharpen z-stacks without training."""

import functools

import numpy as np
import pytest
from scipy import ndimage

from microgan.estimation import stack_filters
from microgan.estimation.stack_filters import (
    EXTENDED, LINEAR_3D, NONNEGATIVE_3D, RICHARDSON_LUCY, RICHARDSON_LUCY_3D, WIENER,
    extended_focus, fit_stack_filters, richardson_lucy, wiener)
from microgan.simulation.fitted_microscope import Light, MicroscopeFit
from microgan.simulation.microscope import Microscope

DEPTH, SIZE, FOCAL_PLANE = 7, 48, 3
# Centres of the rings of spatial frequency, cycles per pixel.
FREQUENCIES = (np.arange(32) + 0.5) / 64
SIGMAS = 0.5 * np.abs(np.arange(DEPTH) - FOCAL_PLANE)
TRANSFER = np.exp(-2 * (np.pi * FREQUENCIES * SIGMAS[:, np.newaxis]) ** 2)


def density(seed=0):
    """Round cells on an empty ground."""
    random = np.random.default_rng(seed)
    points = (random.random((DEPTH, SIZE, SIZE)) < 0.01).astype(float)
    return np.clip(20 * ndimage.gaussian_filter(points, (0, 1.5, 1.5)), 0, 2)


def out_of_focus(sharp):
    return np.stack([ndimage.gaussian_filter(image, sigma, truncate=6)
                     for image, sigma in zip(sharp, SIGMAS)])


def error(volume, sharp):
    return np.sqrt(np.mean((volume - sharp) ** 2))


def test_wiener_undoes_a_known_blur_and_keeps_the_mean():
    sharp = density()
    stack = out_of_focus(sharp)

    found = wiener(stack, TRANSFER, 0.001)

    assert error(found, sharp) < 0.5 * error(stack, sharp)
    assert found.mean() == pytest.approx(stack.mean())
    np.testing.assert_allclose(found[FOCAL_PLANE], stack[FOCAL_PLANE], atol=1e-9)


@pytest.mark.parametrize("light", [Light.EMITTED, Light.ABSORBED])
def test_richardson_lucy_works_on_what_light_tells_of_the_sample(light):
    sharp = density()
    stack = out_of_focus(sharp)
    if light == Light.ABSORBED:
        sharp, stack = 200 * np.exp(-sharp), 200 * np.exp(-stack)

    found = richardson_lucy(stack, TRANSFER, 30, light)

    assert error(found, sharp) < 0.5 * error(stack, sharp)
    # Nothing shines less than nothing, nothing lets more light pass than an empty place.
    ground = 0.1 * np.ptp(stack)
    if light == Light.ABSORBED:
        assert found.max() < 200 + ground
    else:
        assert found.min() > -ground


def test_empty_places_do_not_explode_though_the_transfer_rings():
    stack = 200 * np.exp(-out_of_focus(density()))
    ringing = np.where(FREQUENCIES < 0.2, 1, 0.1) * np.ones((DEPTH, 1))

    found = richardson_lucy(stack, ringing, 30, Light.ABSORBED)

    assert error(found, stack) < 0.5 * np.std(stack)


def test_extended_focus_takes_each_place_from_its_sharpest_slice():
    texture = np.random.default_rng(0).normal(100, 10, (64, 64))
    soft = ndimage.gaussian_filter(texture, 2)
    left = np.arange(64) < 32
    stack = np.stack([np.where(left, texture, soft), np.where(left, soft, texture)])

    found = extended_focus(stack, 2)

    np.testing.assert_array_equal(found[0], found[1])
    away = np.abs(np.arange(64) - 32) > 8
    np.testing.assert_array_equal(found[0][:, away], texture[:, away])


@functools.cache
def fitted(noise):
    random = np.random.default_rng(1)
    stacks = [200 * np.exp(-out_of_focus(density(seed))) for seed in range(3)]
    noisy = [stack + noise * random.normal(size=stack.shape) for stack in stacks]
    return fit_stack_filters(noisy, 3 * [FOCAL_PLANE], (0, DEPTH),
                             stack_filters.fit_middles(noisy, step_px=1))


def test_filters_fitted_to_some_stacks_sharpen_another():
    sharp = density(9)
    stack, wanted = 200 * np.exp(-out_of_focus(sharp)), 200 * np.exp(-sharp)

    found = {each.name: each for each in fitted(0.5)}

    assert list(found) == [WIENER, RICHARDSON_LUCY, EXTENDED, LINEAR_3D, NONNEGATIVE_3D,
                           RICHARDSON_LUCY_3D]
    for name in (WIENER, RICHARDSON_LUCY):
        sharpened = found[name].sharpen(stack, FOCAL_PLANE)
        assert error(sharpened, wanted) < 0.97 * error(stack, wanted)


def test_the_setting_chosen_has_the_sharpness_of_the_focal_plane(monkeypatch):
    wanted = "noise to signal 0.1"
    errors = iter([5, 4, 3, 2, 2.5, 1, 2, 3] + 30 * [1])
    monkeypatch.setattr(stack_filters, "fit_microscope", lambda *_, **__: MicroscopeFit(
        Microscope(), (0.0, 6.0), 1.0, 8 * (0.0,)))
    monkeypatch.setattr(stack_filters, "_sharpness_error", lambda *_: next(errors))

    assert fitted(0.4)[0].setting == wanted


def test_other_depths_and_focal_planes_take_the_nearest_known_slices():
    found = fitted(0.5)[0]
    deeper = np.pad(200 * np.exp(-out_of_focus(density(9))), ((4, 4), (0, 0), (0, 0)), "edge")

    sharpened = found.sharpen(deeper, FOCAL_PLANE + 4)

    assert sharpened.shape == deeper.shape
    np.testing.assert_allclose(sharpened[4:-4], found.sharpen(deeper[4:-4], FOCAL_PLANE))
