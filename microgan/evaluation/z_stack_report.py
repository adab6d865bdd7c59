"""The z-stack report: how sharp, how faithful, what was invented or lost."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from microgan.evaluation import Z_STACK_FILES
from microgan.evaluation import z_stack_figures as figures
from microgan.evaluation.drawing import Figure, plain_style
from microgan.evaluation.z_stack_comparison import (
    against_filters, compare, filter_names, judge_depth, winners)
from microgan.evaluation.z_stack_criteria import Criterion, judge, mean_curves, mean_of
from microgan.evaluation.z_stack_depth import measure_depth
from microgan.evaluation.z_stack_measures import (
    BLURRED, IN_FOCUS, SHARPENED, Conditions, StackMeasures, StackResult, measure_references,
    measure_stack)
from microgan.files.whole import write_csv, write_json, write_text, written_whole
from microgan.pages.rendering import render

PREFIX = "z_stack_"  # of every file of the report
PAGE = f"{PREFIX}report.html"
_SUMMARY_MEASURES = ("gradient", "fm_150", "fm_1000", "piqe", "delta_dom", "ssim_to_blurred",
                     "mutual_information_to_blurred", "hellinger_to_blurred",
                     "gradient_distance_to_focal_plane")


@plain_style()
def write_report(folder: Path, results: Sequence[StackResult], conditions: Conditions, *,
                 in_focus_images: Sequence[np.ndarray] = (),
                 in_focus_crops: Sequence[np.ndarray] = (), notes: Sequence[str] = (),
                 report: Callable[[str], None] = print) -> list[Criterion]:
    """Measure stacks and write tables, figures and one page to judge from.

    An earlier report in the folder is removed once everything is measured.

    Args:
        folder: for `z_stack_report.html`, `.json`, CSV tables and PNG figures, see
            `microgan.evaluation.Z_STACK_FILES`; must exist.
        results: at least one, of equal depth; volumes may be integers.
        conditions: common to all of them.
        in_focus_images: (Y, X) each, to compare slices with; may be none.
        in_focus_crops: images in focus to compare vertical sections with; may be none. Crops
            that are not of the sections' shape are left out, with a note.
        notes: lines for the page, such as the generator and the data.
        report: called with lines of progress.

    Returns:
        The criteria, and whether they are met.

    Raises:
        ValueError: no stack, or stacks of different depth.
    """
    depths = {len(result.blurred) for result in results}
    if len(depths) != 1:
        raise ValueError(f"`results` must be stacks of one depth. Received: {sorted(depths)}")
    results = [_as_real(result) for result in results]
    notes = list(notes)
    crops = _of_section_shape(in_focus_crops, results, notes)
    measures, depth = [], []
    for number, result in enumerate(results):
        other = results[number - 1] if len(results) > 1 else None
        measures.append(measure_stack(result, other, conditions))
        depth += measure_depth(result, conditions)
        report(f"{result.name}: measured, {number + 1} of {len(results)}")
    references, gradients = measure_references(in_focus_images, crops, conditions)
    rows = [row for each in measures for row in each.slices] + references
    gradients |= {key: np.mean([each.gradients[key] for each in measures], axis=0)
                  for key in measures[0].gradients
                  if len({each.gradients[key].shape for each in measures}) == 1}
    curves = mean_curves(rows)
    focal_plane = round(float(np.median([result.focal_plane for result in results])))
    criteria = judge(measures, curves, conditions, focal_plane)
    comparison = compare(measures, curves, depth, conditions, focal_plane)
    criteria += against_filters(comparison) + judge_depth(comparison, conditions)
    tables = _tables(rows, measures, focal_plane) | {"comparison": comparison}
    for name in Z_STACK_FILES:
        (folder / name).unlink(missing_ok=True)
    _write_tables(folder, rows, measures, depth)
    write_json(folder / f"{PREFIX}report.json", _plain({
        "criteria": [asdict(criterion) for criterion in criteria], "tables": tables,
        "best": winners(comparison),
        "conditions": asdict(conditions), "focal_plane": focal_plane,
        "stacks": [result.name for result in results], "notes": notes,
        "curves": {"/".join(key): list(values) for key, values in curves.items()}}))
    ranked = sorted(zip(measures, results), key=lambda pair: _faithfulness(pair[0]))
    shown = {"worst": ranked[0][1], "median": ranked[len(ranked) // 2][1]}
    if shown["worst"] is shown["median"]:
        del shown["worst"]
    drawn: dict[str, Figure] = {
        "slices": figures.slices_figure(curves, conditions, focal_plane),
        "sections": figures.sections_figure(rows),
        "gradients": figures.gradients_figure(gradients, focal_plane)}
    for rank, result in shown.items():
        drawn[f"views_{rank}"] = figures.views_figure(result, conditions)
        drawn[f"cells_{rank}"] = figures.cells_figure(result, conditions)
    drawn["consistency"] = figures.consistency_figure(
        [shown["median"], *(result for result in results if result is not shown["median"])],
        conditions)
    images = {}
    for name, figure in drawn.items():
        path = folder / f"{PREFIX}{name}.png"
        with written_whole(path) as temporary:
            figure.savefig(temporary)
        images[name] = path.read_bytes()
    write_text(folder / PAGE, render(
        "z_stack.html", title="z-stack report", criteria=criteria, tables=tables, figures=images,
        best=winners(comparison),
        notes=[f"{len(results)} stacks", *notes],
        names={rank: result.name for rank, result in shown.items()}))
    return criteria


def criteria_table(criteria: Sequence[Criterion]) -> str:
    """Format criteria for the terminal, a line each."""
    words = {True: "met", False: "MISSED", None: ""}
    cells = [("criterion", "bound", "value", ""),
             *((each.name, each.bound, each.value, words[each.is_met]) for each in criteria)]
    widths = [max(len(cell) for cell in column) for column in zip(*cells)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
                     for row in cells)


def _as_real(result: StackResult) -> StackResult:
    def real(volume: np.ndarray) -> np.ndarray:
        return np.asarray(volume, dtype=np.float64)

    return replace(
        result, blurred=real(result.blurred), sharpened=real(result.sharpened),
        reconstructed=real(result.reconstructed),
        truth=None if result.truth is None else real(result.truth),
        filtered={name: real(volume) for name, volume in result.filtered.items()})


def _of_section_shape(crops: Sequence[np.ndarray], results: Sequence[StackResult],
                      notes: list[str]) -> list[np.ndarray]:
    shapes = {(length, len(result.blurred)) for result in results
              for length in result.blurred.shape[1:]}
    chosen = [crop for crop in crops if crop.shape in shapes]
    if len(chosen) < len(crops):
        notes.append(f"{len(crops) - len(chosen)} of {len(crops)} in-focus crops do not have the "
                     "shape of the stacks' vertical sections and were left out.")
    return chosen


def _faithfulness(measures: StackMeasures) -> float:
    """Return the lower of the sharpened stack's recall and precision; 0 if unknown."""
    row = next(row for row in measures.structure if row["volume"] == SHARPENED)
    return float(np.nan_to_num(min(row["recall"], row["precision"])))


def _tables(rows: Sequence[Mapping[str, Any]], measures: Sequence[StackMeasures],
            focal_plane: int) -> dict[str, list[dict[str, Any]]]:
    """Average over stacks, for display: sharpness, structure and truth."""
    sharpness = []
    for volume in (BLURRED, *filter_names(measures), SHARPENED):
        sharpness.append({"image": f"{volume}, slice {focal_plane + 1}", **_means(
            rows, volume=volume, plane="xy", position=focal_plane)})
        sharpness += [{"image": f"{volume}, {name}", **_means(rows, volume=volume, plane=plane)}
                      for name, plane in (("all slices", "xy"), ("x-z sections", "xz"),
                                          ("y-z sections", "yz"))]
    sharpness += [{"image": f"in focus, {name}", **_means(rows, volume=IN_FOCUS, plane=plane)}
                  for name, plane in (("images", "xy"), ("crops", "crop"))]
    structure = [row for each in measures for row in each.structure]
    truth = [row for each in measures for row in each.truth]
    return {
        "sharpness": sharpness,
        "structure": [
            {"volume": volume, **_means_of_numbers(structure, volume=volume)}
            for volume in dict.fromkeys(row["volume"] for row in structure)],
        "truth": [
            {"volume": volume, "part": part, **_means_of_numbers(truth, volume=volume, part=part)}
            for part, volume in dict.fromkeys((row["part"], row["volume"]) for row in truth)]}


def _means_of_numbers(rows: Sequence[Mapping[str, Any]], **chosen: Any) -> dict[str, float]:
    """Average all numeric columns over the rows with the chosen entries."""
    return {name: mean_of(rows, name, **chosen) for name, value in rows[0].items()
            if not isinstance(value, str)}


def _means(rows: Sequence[Mapping[str, Any]], **chosen: Any) -> dict[str, float]:
    found = [row for row in rows if all(row[key] == value for key, value in chosen.items())]
    return {measure: mean_of([row for row in found if measure in row], measure)
            for measure in _SUMMARY_MEASURES}


def _write_tables(folder: Path, rows: Sequence[Mapping[str, Any]],
                  measures: Sequence[StackMeasures], depth: Sequence[Mapping[str, Any]]
                  ) -> None:
    """Write every number of every stack as CSV; the truth only if it is known."""
    for name, table in (("slices", rows),
                        ("structure", [row for each in measures for row in each.structure]),
                        ("depth", depth),
                        ("truth", [row for each in measures for row in each.truth])):
        if not table:
            continue
        write_csv(folder / f"{PREFIX}{name}.csv", (
            {key: f"{value:.6g}" if isinstance(value, float) else value
             for key, value in row.items()} for row in table),
            dict.fromkeys(key for row in table for key in row))


def _plain(content: Any) -> Any:
    """Convert for JSON, which has neither NaN nor numpy's numbers."""
    if isinstance(content, Mapping):
        return {key: _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if isinstance(content, float | np.floating):
        return float(content) if math.isfinite(content) else None
    return content
