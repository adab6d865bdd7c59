"""Nuclei are packed without much overlap and fill the tissue."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from microgan.simulation import cells

TISSUE = cells.Tissue(
    diameter_um=5.0, diameter_spread=0.0, elongation=1.0, packing=0.4, mitotic_share=0.0,
    brightness_spread=0.0, texture=0.2, texture_size_um=0.8, gap_chance=0.0,
    gap_width_um=10.0)


def test_packed_spheres_hardly_overlap():
    radii = np.full(200, 2.5)
    box = np.array([12.0, 45.0, 45.0])

    centres = cells.pack_spheres(np.random.default_rng(0), box, radii)

    overlap = np.maximum(5.0 - pdist(centres), 0.0)
    assert overlap.max() < 0.2 * 5.0
    assert np.all(abs(centres) <= box / 2)


def test_a_gap_leaves_fewer_nuclei():
    gapped = dataclasses.replace(TISSUE, gap_chance=1.0)

    full = cells.grow_cells(np.random.default_rng(0), TISSUE, 40.0)
    less = cells.grow_cells(np.random.default_rng(0), gapped, 40.0)

    assert 0 < len(less.interphase) < len(full.interphase)


def test_elongated_nuclei_lie_along_one_axis_in_the_image_plane():
    elongated = dataclasses.replace(TISSUE, elongation=2.0)

    field = cells.grow_cells(np.random.default_rng(0), elongated, 40.0)

    long_axes = np.stack([nucleus.axes[nucleus.radii.argmax()] for nucleus in field.interphase])
    alignment = abs(long_axes @ long_axes[0])
    assert np.median(alignment) > 0.9
    assert np.median(abs(long_axes[:, 0])) < 0.3
    lengths = [nucleus.radii.max() / nucleus.radii.min() for nucleus in field.interphase]
    assert np.median(lengths) == pytest.approx(2.0, rel=0.15)
