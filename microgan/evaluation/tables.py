"""Score tables for people (Markdown) and programs (CSV, JSON)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from microgan.errors import see
from microgan.evaluation.scores import (
    CROSS_VALIDATION, METRICS, PROTOCOLS, RESTORED, SYNTHETIC_VALIDATION, VALIDATION, ImageScore)
from microgan.files.whole import write_csv, write_json, write_text
from microgan.metrics.fourier_ring import AGAINST_CLEAN

Row = dict[str, Any]
_PROTOCOL_NOTES = {
    "paper": "every image stretched to its own minimum and maximum, as published",
    "range": "intensities as they are, after the task's training constants",
    "care": "clean image by its 0.1 and 99.9 percentiles, scale and offset of the other fitted",
}
_METRIC_HEADS = {"psnr": "PSNR (dB)", "ssim": "SSIM", "nrmse": "NRMSE", "frc": "FRC (px)"}
_SPLIT_NOTES = {
    VALIDATION: "validation: these pairs chose the weights, so their scores are too good.",
    SYNTHETIC_VALIDATION: "synthetic validation: clean images that chose the weights, degraded as "
    "in the training. The scores tell how well that is undone, not how well measured images are "
    "restored.",
    CROSS_VALIDATION: "cross-validation: every pair is scored as restored by a network that was "
    "trained like this one, but without it.",
}
_MOST_BY_IMAGE = 20  # of a task; scores_per_image.csv has all
_DECIMALS = {"psnr": 2, "ssim": 3, "nrmse": 3, "frc": 2}


def overview_table(rows: Sequence[Row]) -> str:
    """Mean PSNR / SSIM: a line per task and method, a column per protocol.

    Args:
        rows: of `scores.summarize`.

    Returns:
        A Markdown table that also reads well on a terminal, with a line below it for
        everything that was not scored or looks wrong, for a part that is no plain test, and
        for every task on which the network does not pay. Where there are several parts, tasks
        are called TASK (PART).
    """
    by_line: dict[tuple[str, str], dict[str, Row]] = {}
    rows = _with_parts_named(rows)
    for row in rows:
        by_line.setdefault((row["task"], row["method"]), {})[row["protocol"]] = row
    cells = [["task", "method", "n", *PROTOCOLS]]
    for (task, method), found in by_line.items():
        count = max(row["n"] for row in found.values())
        cells.append([task, method, str(count),
                      *(_overview_cell(found[protocol]) for protocol in PROTOCOLS)])
    splits = " and ".join(dict.fromkeys(row["split"] for row in rows))
    return "\n".join([f"PSNR in dB / SSIM, mean over the images ({splits}):", "",
                      *markdown_table(cells), *_split_lines(rows), *_problem_lines(rows),
                      *_simple_wins(rows)])


def full_report(rows: Sequence[Row], image_scores: Iterable[ImageScore] = ()) -> str:
    """The overview, then every protocol with deviations and intervals, as Markdown.

    Args:
        rows: of `scores.summarize`.
        image_scores: from `scores.score_task`: of tasks with at most 20 images, a table by image.
    """
    overview, rows = overview_table(rows), _with_parts_named(rows)
    parts = ["# Scores", "", overview, "",
             "Below: mean ± standard deviation over the images [95 % bootstrap interval of the "
             "mean]. The interval is what other images would change; another training may change "
             "more. NRMSE: root mean squared error over the clean image's range. FRC: period of "
             "the finest detail shared with the clean image (Fourier ring correlation above "
             f"{AGAINST_CLEAN:g}); 2 px is the best possible."]
    for protocol in PROTOCOLS:
        cells = [["task", "method", "n", *_METRIC_HEADS.values()]]
        cells += [[row["task"], row["method"], str(row["n"]),
                   *(_full_cell(row, metric) for metric in METRICS)]
                  for row in rows if row["protocol"] == protocol]
        parts += ["", f"## {protocol}: {_PROTOCOL_NOTES[protocol]}", "", *markdown_table(cells)]
    parts += _by_image(image_scores)
    return "\n".join(parts) + "\n"


def write_scores(folder: Path | str, rows: Sequence[Row],
                 image_scores: Iterable[ImageScore]) -> None:
    """Write `microgan.evaluation.SCORE_FILES`: the tables as Markdown, CSV and JSON.

    JSON has no infinity: the PSNR of identical images is the text "inf", as in the CSV files,
    which `float` reads. Undefined values are null, in CSV empty.

    Args:
        folder: to write to; must exist.
        rows: from `scores.summarize`.
        image_scores: from `scores.score_task`.
    """
    folder, image_scores = Path(folder), list(image_scores)
    write_text(folder / "scores.md", full_report(rows, image_scores))
    write_csv(folder / "scores.csv", rows, rows[0] if rows else ())
    write_csv(folder / "scores_per_image.csv", map(asdict, image_scores),
              [field.name for field in fields(ImageScore)])
    write_json(folder / "scores.json", [
        {name: "inf" if value == math.inf else value for name, value in row.items()}
        for row in rows])


def _with_parts_named(rows: Sequence[Row]) -> Sequence[Row]:
    """Return rows whose tasks name their part, if there are several parts."""
    if len({row["split"] for row in rows}) < 2:
        return rows
    return [{**row, "task": f"{row['task']} ({row['split']})"} for row in rows]


def _split_lines(rows: Sequence[Row]) -> list[str]:
    """Return a line for every part that is no plain test."""
    lines = [f"- {_SPLIT_NOTES[split]}" for split in dict.fromkeys(
        row["split"] for row in rows if row["n"]) if split in _SPLIT_NOTES]
    return ["", *lines] if lines else []


def _by_image(image_scores: Iterable[ImageScore]) -> list[str]:
    """Return a table of each task with few images: PSNR and SSIM under `care`."""
    tasks: dict[tuple[str, str], dict[str, dict[str, ImageScore]]] = {}
    for score in image_scores:
        if score.protocol == "care":
            images = tasks.setdefault((score.task, score.split), {})
            images.setdefault(score.image, {})[score.method] = score
    parts = []
    for (task, split), images in tasks.items():
        if len(images) > _MOST_BY_IMAGE:
            continue
        methods = list(next(iter(images.values())))
        cells = [["image", *methods]] + [
            [name, *("not scored" if each.psnr is None or each.ssim is None
                     else f"{each.psnr:.2f} / {each.ssim:.3f}"
                     for each in (found[method] for method in methods))]
            for name, found in images.items()]
        parts += ["", f"## {task}, {split}, by image: PSNR in dB / SSIM under `care`", "",
                  *markdown_table(cells)]
    return parts


def _overview_cell(row: Row) -> str:
    if not row["n"]:
        return "not scored" if row["not_scored"] else "not tested"
    return f"{row['psnr']:.2f} / {row['ssim']:.3f}"


def _full_cell(row: Row, metric: str) -> str:
    if not row["n"]:
        return "not scored" if row["not_scored"] else "not tested"
    decimals = _DECIMALS[metric]
    text = f"{row[metric]:.{decimals}f}"
    if row[f"{metric}_std"] is not None:
        text += (f" ± {row[f'{metric}_std']:.{decimals}f} [{row[f'{metric}_low']:.{decimals}f}, "
                 f"{row[f'{metric}_high']:.{decimals}f}]")
    return text


def _problem_lines(rows: Sequence[Row]) -> list[str]:
    """Return a line per task, method and problem, with the protocols it concerns."""
    touched: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if row["problems"] and row["problems"] != "not tested":
            touched.setdefault((row["task"], row["method"], row["problems"]),
                               []).append(row["protocol"])
    lines = [f"- {task}, {method}, {'/'.join(protocols)}: {problems}"
             for (task, method, problems), protocols in touched.items()]
    return ["", *lines] if lines else []


def _simple_wins(rows: Sequence[Row]) -> list[str]:
    """Return a line per task on which something without training beats the network."""
    psnr: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["protocol"] == "care" and row["psnr"] is not None:
            psnr.setdefault(row["task"], {})[row["method"]] = row["psnr"]
    lines = []
    for task, found in psnr.items():
        best = max(found, key=lambda method: found[method])
        if RESTORED in found and found[best] > found[RESTORED]:
            lines.append(f"- {task}: the {best}, which needs no training, beats the network by "
                         f"{found[best] - found[RESTORED]:.2f} dB under `care`. Use it, or train "
                         "longer or on more images. "
                         + see("No better than the input or a filter"))
    return ["", *lines] if lines else []


def markdown_table(cells: Sequence[Sequence[str]]) -> list[str]:
    """Format rows of cells as an aligned Markdown table; the first row is the header."""
    widths = [max(len(cell) for cell in column) for column in zip(*cells)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in cells]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
