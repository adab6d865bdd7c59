"""Known cells in stacks: where they were put, as the fitted microscope sees them."""

from dataclasses import replace

import numpy as np
import pytest

from microgan.estimation.depth_filter import blur_again
from microgan.estimation.planted_cells import plant_cells
from microgan.metrics.blobs import Blobs
from microgan.simulation.fitted_microscope import Light, MicroscopeFit
from microgan.simulation.microscope import Microscope

DEPTH, SIZE = 15, 48
FIT = MicroscopeFit(
    Microscope(focal_plane=7, sigma_um=0.6, lateral_growth_per_um=0.05,
               axial_growth_per_um=0.02), (-5.0, 20.0), 1e-4, 8 * (0.0,))
NO_CELLS = Blobs(np.empty((0, 3)), np.empty(0))


def test_light_is_kept_and_blurred_more_away_from_focus():
    sharp = np.zeros((DEPTH, SIZE, SIZE))
    sharp[:, 24, 24] = 1

    seen = blur_again(sharp, FIT, 0.6)

    np.testing.assert_allclose(seen.sum(axis=(1, 2)), 1, rtol=1e-3)
    assert seen[7, 24, 24] > 0.8 > 0.4 > seen[2, 24, 24]


def test_the_blur_that_is_left_is_not_applied_twice():
    y = np.arange(SIZE) - 24.0
    line = np.exp(-0.5 * (y / 2) ** 2) * np.ones((DEPTH, SIZE, 1))
    microscope = Microscope(focal_plane=7, sigma_um=2.5, lateral_growth_per_um=0,
                            axial_growth_per_um=0)
    fit = MicroscopeFit(microscope, (-9.0, 24.0), 1e-4, 8 * (0.0,))

    seen = blur_again(line, fit, 2.0)[7, 24]

    # 2 ** 2 + (2.5 ** 2 - 2 ** 2) = 2.5 ** 2
    np.testing.assert_allclose(seen, 2 / 2.5 * np.exp(-0.5 * (y / 2.5) ** 2), atol=0.01)


@pytest.mark.parametrize("light", list(Light))
def test_cells_lie_apart_within_the_tissue_and_have_the_contrast_in_focus(light):
    rng = np.random.default_rng(0)
    cells = rng.uniform(size=(DEPTH, SIZE, SIZE)) < 0.03
    is_bright = light == Light.EMITTED
    stack = np.where(cells, 200, 60) if is_bright else np.where(cells, 60, 200)
    stack = stack.astype(np.uint8)
    seen = Blobs(np.array([[7.0, 10, 10]]), np.ones(1))

    planted, centres = plant_cells(stack, seen, replace(FIT, light=light), tissue=(2, 13),
                                   radius=4, spacing=(1, 1, 1), seed=3)

    assert planted.dtype == np.uint8 and 2 <= len(centres) <= 12
    assert centres.min() >= 4 and (centres[:, 0] <= 8).all() and centres.max() <= SIZE - 5
    apart = np.linalg.norm(centres[:, np.newaxis] - centres, axis=-1)
    assert apart[~np.eye(len(centres), dtype=bool)].min() > 12
    assert np.linalg.norm(centres - [7, 10, 10], axis=1).min() > 8.8
    change = planted[tuple(centres.T)].astype(float) - stack[tuple(centres.T)]
    assert (change > 50).all() if is_bright else (change < -50).all()


def test_without_room_nothing_is_planted():
    stack = np.arange(DEPTH * 256.0).reshape(DEPTH, 16, 16)

    planted, centres = plant_cells(stack, NO_CELLS, FIT, tissue=(2, 13), radius=9,
                                   spacing=(1, 1, 1), seed=0)

    assert len(centres) == 0 and planted is stack
