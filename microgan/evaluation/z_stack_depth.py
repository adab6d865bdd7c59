"""What tells a sharpened stack from a sharp-looking one: cells at their depth, as long as wide."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgan.evaluation.z_stack_measures import (
    BLURRED, CLEAR_SHARE, FAINT_SHARE, MATCH_DISTANCE_SHARE, SHARPENED, Conditions,
    PlantedResult, StackResult, cell_contrast)
from microgan.metrics.blobs import Blobs, find_blobs, is_dark_on_bright, match_blobs
from microgan.metrics.cells_in_depth import depth_errors, elongations

# Shares of a cell's radius.
_MOST_DEPTH_ERROR_SHARE, _PLANTED_SHARE = 1.6, 0.4


def measure_depth(result: StackResult, conditions: Conditions) -> list[dict[str, Any]]:
    """Measure where x, what filters make of it and y show their cells.

    Args:
        result: the stack.
        conditions: that hold for all stacks.

    Returns:
        A row per volume. `elongation`: length of the volume's clear cells along depth over that
        in the plane, median. `misfit`: of `StackResult.misfits`. `planted_recall`: share of the
        planted cells that are found within 0.4 radii, or a slice if that is more. And with
        known truth: `recall_in_3d` and `precision_in_3d`, within
        0.8 radii in all directions; `depth_error_um`, median over all clear cells of the truth,
        1.6 radii for those without match; and `inventions`, clear cells outside the tissue.

    Source:
        ours.
    """
    dark = is_dark_on_bright(result.blurred)
    radius, spacing = conditions.cell_radius_um, conditions.spacing_um
    contrast = cell_contrast(result.blurred, dark)
    rows = []
    for name, volume in {BLURRED: result.blurred, **result.filtered,
                         SHARPENED: result.sharpened}.items():
        cells = _inner(_cells(volume, conditions, dark, CLEAR_SHARE * contrast), conditions)
        row: dict[str, Any] = {
            "stack": result.name, "volume": name,
            "elongation": _median(elongations(volume, cells, radius=radius, spacing=spacing))}
        if name in result.misfits:
            row["misfit"] = result.misfits[name]
        if result.planted is not None:
            row["planted_recall"] = _planted_recall(result.planted, name, conditions, dark,
                                                    FAINT_SHARE * contrast)
        if result.truth is not None:
            row |= _against_truth(result.truth, volume, conditions, dark)
        rows.append(row)
    return rows


def faint_cells(stack: np.ndarray, spacing_um: tuple[float, float, float], radius_um: float
                ) -> Blobs:
    """Return all cells of a stack, down to faint ones; see `check_cells`."""
    dark = is_dark_on_bright(stack)
    return find_blobs(stack, radius=radius_um, spacing=spacing_um, dark=dark,
                      min_strength=FAINT_SHARE * cell_contrast(stack, dark))


def _against_truth(truth: np.ndarray, volume: np.ndarray, conditions: Conditions, dark: bool
                   ) -> dict[str, float]:
    """Look for every clear cell of the known sharp volume at its place, and the reverse."""
    radius, spacing = conditions.cell_radius_um, conditions.spacing_um
    contrast, reach = cell_contrast(truth, dark), MATCH_DISTANCE_SHARE * radius
    wanted, found = (_cells(each, conditions, dark, FAINT_SHARE * contrast)
                     for each in (truth, volume))
    clear = wanted.stronger_than(CLEAR_SHARE * contrast).within(*conditions.tissue)
    made = found.stronger_than(CLEAR_SHARE * contrast)
    inside = made.within(*conditions.tissue)

    def share(cells: Blobs, among: Blobs) -> float:
        return match_blobs(cells, among, reach=(reach,) * 3, spacing=spacing).share

    return {"recall_in_3d": share(clear, found), "precision_in_3d": share(inside, wanted),
            "depth_error_um": _median(depth_errors(
                clear, found, lateral_reach=reach, most=_MOST_DEPTH_ERROR_SHARE * radius,
                spacing=spacing)),
            "inventions": float(len(made) - len(inside))}


def _planted_recall(planted: PlantedResult, name: str, conditions: Conditions, dark: bool,
                    least: float) -> float:
    reach = _PLANTED_SHARE * conditions.cell_radius_um
    cells = Blobs(planted.centres.astype(float), np.ones(len(planted.centres)))
    return match_blobs(
        cells, _cells(planted.volumes[name], conditions, dark, least),
        reach=(max(reach, conditions.spacing_um[0]), reach, reach),
        spacing=conditions.spacing_um).share


def _cells(volume: np.ndarray, conditions: Conditions, dark: bool, least: float) -> Blobs:
    return find_blobs(volume, radius=conditions.cell_radius_um, spacing=conditions.spacing_um,
                      dark=dark, min_strength=least)


def _inner(cells: Blobs, conditions: Conditions) -> Blobs:
    """Return the cells that do not reach beyond the tissue, or all of it if that is thin."""
    first, end = conditions.tissue
    border = round(conditions.cell_radius_um / conditions.spacing_um[0])
    return cells.within(*((first + border, end - border) if end - first > 2 * border
                          else (first, end)))


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else float("nan")
