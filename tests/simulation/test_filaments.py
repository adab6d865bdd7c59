"""Filaments are thin, gently curved, bright where they cross and 0 elsewhere."""

import numpy as np
import pytest

from microgan.simulation import filaments

STRAIGHT = np.stack([np.full(400, 20.0), np.arange(400) * 0.25 - 20], axis=1)  # along X


def test_straight_filament_has_the_hand_worked_cross_section():
    image = filaments.render_filament(STRAIGHT, 41, width_px=3.0)

    # cos^2(pi d / 6) at d = 0, 1, 2, 3 pixels
    assert image[20:24, 20] == pytest.approx([1.0, 0.75, 0.25, 0.0], abs=0.01)
    assert image[23:, 20].max() == 0.0


def test_crossing_filaments_add():
    along_y = STRAIGHT[:, ::-1]

    both = (filaments.render_filament(STRAIGHT, 41, 3.0)
            + filaments.render_filament(along_y, 41, 3.0))

    assert both[20, 20] == pytest.approx(2.0)
    assert both[20, 30] == pytest.approx(1.0)


def test_centre_line_is_evenly_spaced_and_gently_curved():
    line = filaments.draw_filament(np.random.default_rng(0), 128, mean_length_px=150.0,
                                   curvature_per_px=0.006)

    steps = np.diff(line, axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    heading = np.unwrap(np.arctan2(steps[:, 0], steps[:, 1]))
    assert lengths == pytest.approx(filaments.POINT_SPACING_PX)
    curvature = np.diff(heading) / filaments.POINT_SPACING_PX
    assert np.sqrt((curvature ** 2).mean()) == pytest.approx(0.006, rel=0.5)
    assert abs(curvature).max() < 0.03  # radius above 30 pixels everywhere


def test_microtubules_lie_on_a_background_of_exactly_zero():
    image = filaments.microtubules(np.random.default_rng(0), 128, 24)

    assert image.shape == (176, 176)
    assert image.min() == 0.0
    assert np.mean(image == 0.0) > 0.5
    assert 1.0 < image.max() < 4.0  # filaments cross


@pytest.mark.parametrize("seed", range(3))
def test_a_filament_is_three_pixels_wide_along_its_length(seed):
    line = filaments.draw_filament(np.random.default_rng(seed), 0, mean_length_px=80.0,
                                   curvature_per_px=0.006) + 120

    image = filaments.render_filament(line, 240, width_px=3.0)

    length_px = len(line) * filaments.POINT_SPACING_PX + 2  # rounded ends
    assert np.count_nonzero(image > 0.5) / length_px == pytest.approx(3.0, rel=0.05)


def test_number_of_filaments_grows_with_the_area(monkeypatch):
    drawn = []
    monkeypatch.setattr(filaments, "render_filament",
                        lambda line, size_px, width_px: drawn.append(line) or 0.0)

    filaments.microtubules(np.random.default_rng(0), 128, 0)
    on_small, drawn[:] = len(drawn), []
    filaments.microtubules(np.random.default_rng(0), 256, 0)

    assert 6 <= on_small <= 10
    assert len(drawn) == 4 * on_small
