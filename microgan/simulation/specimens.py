"""Random specimens of all kinds that microscopes look at, to pretrain on and to make pairs from.

Each function draws a sharp image, float64 (size_px, size_px) >= 0, of a random kind of its
structure: number, size, width and contrast vary widely. Shapes are ours unless a source is
named.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from microgan.simulation import cells, nuclei
from microgan.simulation.datasets import TISSUES
from microgan.simulation.filaments import draw_filament

Specimen = Callable[[np.random.Generator, int], np.ndarray]
_PERCENTILES = (0.1, 99.9)


def filaments(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw microtubules, actin or other fibres: straight to curled, thin to thick, in bundles."""
    width_px = rng.uniform(1.0, 6.0)
    count = max(1, round(10 ** rng.uniform(0.3, 1.8) * (size_px / 128) ** 2 / width_px))
    mean_length_px = rng.uniform(0.3, 2.0) * size_px
    curvature_per_px = 10 ** rng.uniform(-3, -1.5)
    # Fibres of some cells run side by side, or leave from one point.
    common_heading = rng.uniform(0, 2 * np.pi)
    alignment = rng.choice([0.0, 0.0, rng.uniform(0.5, 1.0)])
    image = np.zeros((size_px, size_px))
    for _ in range(count):
        line = draw_filament(rng, size_px, mean_length_px=mean_length_px,
                             curvature_per_px=curvature_per_px)
        if alignment:
            line = _turned(line, common_heading, alignment)
        _deposit(image, line, rng.uniform(0.3, 1.0))
    return ndimage.gaussian_filter(image, width_px / 2.355, mode="constant")


def mitochondria(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw short, thick, bent tubes, filled or with bright walls."""
    width_px = rng.uniform(2.5, 9.0)
    count = round(rng.uniform(0.1, 1.0) * size_px ** 2 / (12 * width_px ** 2)) + 1
    image = np.zeros((size_px, size_px))
    for _ in range(count):
        line = draw_filament(rng, size_px, mean_length_px=width_px * rng.uniform(1.5, 8),
                             curvature_per_px=rng.uniform(0.02, 0.25) / width_px)
        _deposit(image, line, 1.0)
    distance_px = ndimage.distance_transform_edt(image == 0)
    inside = np.clip(width_px / 2 - distance_px + 0.5, 0, 1)
    if rng.uniform() < 0.3:
        inside -= rng.uniform(0.4, 1.0) * np.clip(width_px / 2 - distance_px - 0.7, 0, 1)
    return np.clip(inside, 0, None) * (1 + rng.uniform(0, 0.5) * _smooth_field(
        rng, size_px, size_px / 8))


def tissue_nuclei(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw nuclei or their envelopes in a section of one of microgan's tissues."""
    tissue = TISSUES[rng.integers(len(TISSUES))]
    pixel_size_um = tissue.diameter_um / rng.uniform(9, 40)
    field = cells.grow_cells(rng, tissue, size_px * pixel_size_um)
    section = nuclei.bent_section(rng, size_px, pixel_size_um, 0.8, 0.3, 1.5)
    render = nuclei.render_envelopes if rng.uniform() < 0.3 else nuclei.render_nuclei
    return render(rng, field, tissue, section, pixel_size_um * rng.uniform(0.5, 1.0))


def round_cells(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw ellipses with texture: cells, nuclei in culture, somata; filled, hollow or dark."""
    radius_px = 10 ** rng.uniform(0.6, 1.6)
    count = round(rng.uniform(0.1, 1.0) * size_px ** 2 / (np.pi * radius_px ** 2)) + 1
    y, x = np.mgrid[:size_px, :size_px]
    image = np.zeros((size_px, size_px))
    texture = np.exp(rng.uniform(0, 0.8) * _fractal_field(rng, size_px, rng.uniform(0.8, 2)))
    hollow = rng.choice([0.0, 0.0, rng.uniform(0.3, 0.95)])
    spread = rng.uniform(0.05, 0.6)
    for centre in rng.uniform(-radius_px, size_px + radius_px, (count, 2)):
        radii = radius_px * np.exp(rng.normal(0, 0.25, 2))
        top, left = np.clip(np.floor(centre - 2 * radii.max()), 0, size_px).astype(int)
        end, right = np.clip(np.ceil(centre + 2 * radii.max()), 0, size_px).astype(int)
        if end <= top or right <= left:
            continue
        angle = rng.uniform(0, np.pi)
        part = (slice(top, end), slice(left, right))
        dy, dx = y[part] - centre[0], x[part] - centre[1]
        along = (np.cos(angle) * dy + np.sin(angle) * dx) / radii[0]
        across = (-np.sin(angle) * dy + np.cos(angle) * dx) / radii[1]
        depth_px = (1 - np.hypot(along, across)) * radii.min()
        inside = np.clip(depth_px + 0.5, 0, 1)
        if hollow:
            inside = inside - hollow * np.clip(depth_px - 0.12 * radii.min(), 0, 1)
        image[part] = np.maximum(image[part], np.exp(rng.normal(0, spread)) * inside)
    image *= texture / texture.mean()
    return image.max() - image if rng.uniform() < 0.1 else image


def puncta(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw small bright spots, alone or in crowds."""
    count = round(10 ** rng.uniform(0.8, 3.2) * (size_px / 128) ** 2) + 1
    positions = rng.uniform(0, size_px - 1, (count, 2))
    if rng.uniform() < 0.4:
        hosts = rng.uniform(0, size_px, (rng.integers(1, 8), 2))
        positions = (hosts[rng.integers(len(hosts), size=count)]
                     + rng.normal(0, size_px * rng.uniform(0.03, 0.15), (count, 2)))
    image = np.zeros((size_px, size_px))
    _deposit(image, positions, rng.lognormal(0, rng.uniform(0.1, 1.0), count))
    return ndimage.gaussian_filter(image, rng.uniform(0.5, 3.0), mode="constant")


def membranes(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw the walls between cells of a tissue, with or without light inside the cells."""
    diameter_px = 10 ** rng.uniform(0.9, 1.8)
    count = round((size_px / diameter_px + 2) ** 2) + 3
    seeds = rng.uniform(-diameter_px, size_px + diameter_px, (count, 2))
    y, x = np.mgrid[:size_px, :size_px].astype(np.float64)
    bend_px = rng.uniform(0, 0.3) * diameter_px
    points = np.stack([axis + bend_px * _smooth_field(rng, size_px, diameter_px / 3)
                       for axis in (y, x)], axis=-1)
    distance_px, cell = cKDTree(seeds).query(points, k=2)
    width_px = rng.uniform(0.8, 3.0)
    walls = np.exp(-0.5 * ((distance_px[..., 1] - distance_px[..., 0]) / width_px) ** 2)
    inside = rng.choice([0.0, rng.uniform(0, 0.6)]) * rng.uniform(0, 1, count)[cell[..., 0]]
    return walls * (1 + rng.uniform(0, 0.6) * _smooth_field(rng, size_px, diameter_px)) + inside


def networks(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw thin branching sheets and tubes: reticulum, vessels, neurites."""
    mesh_px = 10 ** rng.uniform(0.6, 1.5)
    field = _smooth_field(rng, size_px, mesh_px)
    slope = np.hypot(*np.gradient(field))
    width_px = rng.uniform(0.7, 2.5)
    lines = np.exp(-0.5 * (field / (slope + 0.02) / width_px) ** 2)
    if rng.uniform() < 0.5:
        other = _smooth_field(rng, size_px, mesh_px)
        lines = np.maximum(lines, np.exp(
            -0.5 * (other / (np.hypot(*np.gradient(other)) + 0.02) / width_px) ** 2))
    fade = 1 / (1 + np.exp(-rng.uniform(1, 4) * _smooth_field(rng, size_px, size_px / 6)))
    return lines * fade


def textures(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw clouds whose power falls with frequency, as tissue without clear outlines has it."""
    field = _fractal_field(rng, size_px, rng.uniform(0.7, 2.3))
    return np.exp(rng.uniform(0.3, 1.2) * field)


def dead_leaves(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw opaque discs of all sizes over each other: edges at every scale.

    Source:
        Lee, Mumford and Huang 2001, Occlusion models for natural images.
    """
    y, x = np.mgrid[:size_px, :size_px]
    image = np.zeros((size_px, size_px))
    smallest, largest = 1.5, size_px / 3
    for _ in range(round(10 ** rng.uniform(1.5, 2.8))):
        radius = (smallest ** -1.5 + rng.uniform() * (largest ** -1.5 - smallest ** -1.5)
                  ) ** (-1 / 1.5)
        centre = rng.uniform(-10, size_px + 10, 2)
        top, left = np.clip(np.floor(centre - radius), 0, size_px).astype(int)
        end, right = np.clip(np.ceil(centre + radius) + 1, 0, size_px).astype(int)
        if end <= top or right <= left:
            continue
        part = (slice(top, end), slice(left, right))
        angle, flatness = rng.uniform(0, np.pi), rng.uniform(1, 3)
        dy, dx = y[part] - centre[0], x[part] - centre[1]
        along = np.cos(angle) * dy + np.sin(angle) * dx
        across = flatness * (-np.sin(angle) * dy + np.cos(angle) * dx)
        image[part] = np.where(np.hypot(along, across) < radius, rng.uniform() ** 2, image[part])
    return ndimage.gaussian_filter(image, rng.uniform(0.4, 1.0))


SPECIMENS: dict[str, tuple[Specimen, float]] = {
    "filaments": (filaments, 0.22), "mitochondria": (mitochondria, 0.08),
    "tissue_nuclei": (tissue_nuclei, 0.06), "round_cells": (round_cells, 0.18),
    "puncta": (puncta, 0.09), "membranes": (membranes, 0.09), "networks": (networks, 0.09),
    "textures": (textures, 0.09), "dead_leaves": (dead_leaves, 0.10)}
_NAMES = tuple(SPECIMENS)
_SHARES = np.array([share for _, share in SPECIMENS.values()])
_MIXTURE_SHARE = 0.25
_EMPTY_SHARE = 0.02


def draw_specimen(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Draw a specimen of a random kind, with random contrast.

    Args:
        rng: source of everything random.
        size_px: side of the image, pixels, at least 32.

    Returns:
        float32 (size_px, size_px): 0 to 1 between its 0.1 and 99.9 percentiles; some images
        are nearly empty.

    Source:
        ours.
    """
    image = _to_unit(_draw_kind(rng, size_px))
    if rng.uniform() < _MIXTURE_SHARE:
        image = image + rng.uniform(0.1, 0.8) * _to_unit(_draw_kind(rng, size_px))
    if rng.uniform() < 0.3:  # light from all of a cell, or uneven labelling
        cloud = _to_unit(_smooth_field(rng, size_px, size_px * rng.uniform(0.03, 0.2)))
        image = (image + rng.uniform(0.05, 0.6) * cloud if rng.uniform() < 0.5
                 else image * (rng.uniform(0.1, 0.6) + cloud))
    image = _to_unit(image)
    if rng.uniform() < 0.5:
        image = np.clip(image, 0, None) ** rng.uniform(0.6, 2.0)
    # The optics of the clean image.
    image = ndimage.gaussian_filter(image, rng.uniform(0.3, 1.3))
    image = _to_unit(image)
    if rng.uniform() < _EMPTY_SHARE:
        image = image * rng.uniform(0, 0.1)
    return np.clip(image, 0, 3).astype(np.float32)


def add_grain(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Cover an image with grain of all sizes down to one pixel, as rough surfaces have it.

    Args:
        rng: source of everything random.
        image: real (Y, X), Y equal to X, from 0 to about 1.

    Returns:
        float64 (Y, X): 0 to 1 between its 0.1 and 99.9 percentiles, 0 to 3 altogether.

    Source:
        ours; photographs' amplitudes fall with frequency, too (Field 1987).
    """
    grain = _fractal_field(rng, len(image), rng.uniform(0.6, 1.6))
    if rng.uniform() < 0.5:
        grainy = image * np.exp(rng.uniform(0.1, 0.6) * grain)
    else:
        grainy = image + rng.uniform(0.03, 0.3) * grain
    return np.clip(_to_unit(grainy), 0, 3)


def _draw_kind(rng: np.random.Generator, size_px: int) -> np.ndarray:
    name = _NAMES[rng.choice(len(_NAMES), p=_SHARES / _SHARES.sum())]
    return SPECIMENS[name][0](rng, size_px)


def _to_unit(image: np.ndarray) -> np.ndarray:
    low, high = np.percentile(image, _PERCENTILES)
    return (image - low) / max(high - low, 1e-9)


def _turned(line: np.ndarray, heading: float, alignment: float) -> np.ndarray:
    """Turn a line about its middle so that it mostly follows a common direction."""
    span = line[-1] - line[0]
    angle = alignment * (heading - np.arctan2(*span))
    cosine, sine = np.cos(angle), np.sin(angle)
    middle = line[len(line) // 2]
    return (line - middle) @ np.array([[cosine, -sine], [sine, cosine]]) + middle


def _deposit(image: np.ndarray, positions: np.ndarray, brightness: np.ndarray | float) -> None:
    """Add points to an image, each shared among its four nearest pixels."""
    corner = np.floor(positions).astype(int)
    share = positions - corner
    for dy in (0, 1):
        for dx in (0, 1):
            y, x = corner[:, 0] + dy, corner[:, 1] + dx
            weight = (np.abs(1 - dy - share[:, 0]) * np.abs(1 - dx - share[:, 1])) * brightness
            inside = (y >= 0) & (y < image.shape[0]) & (x >= 0) & (x < image.shape[1])
            np.add.at(image, (y[inside], x[inside]), weight[inside])


def _smooth_field(rng: np.random.Generator, size_px: int, scale_px: float) -> np.ndarray:
    """Draw a random field of mean 0 and standard deviation 1 that varies over `scale_px`."""
    factor = max(1, int(scale_px / 3))
    coarse_px = -(-size_px // factor) + 8
    coarse = ndimage.gaussian_filter(rng.normal(size=(coarse_px, coarse_px)), scale_px / factor)
    field = ndimage.zoom(coarse, factor, order=1)[:size_px, :size_px] if factor > 1 else \
        coarse[:size_px, :size_px]
    return (field - field.mean()) / max(field.std(), 1e-9)


def _fractal_field(rng: np.random.Generator, size_px: int, exponent: float) -> np.ndarray:
    """Draw a random field, mean 0, standard deviation 1, of amplitude frequency ** -exponent."""
    frequency = np.hypot(np.fft.fftfreq(size_px)[:, np.newaxis], np.fft.rfftfreq(size_px))
    frequency[0, 0] = 1 / size_px
    field = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(size_px, size_px)))
                          * frequency ** -exponent, (size_px, size_px))
    return (field - field.mean()) / field.std()
