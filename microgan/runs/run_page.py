"""`report.html`: one page that shows a whole run, while it trains and afterwards."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microgan.files.whole import write_text
from microgan.runs.run_files import (
    CONFIG_FILE, GENERATOR_FILE, PAGE_FILE, PAIR_CHECKS_FILE, SAMPLES)

if TYPE_CHECKING:
    from microgan.runs.method import Method, Report

_REFRESH_SECONDS = 30
# A best score so near the end says that more updates would help.
_LATE_SHARE = 0.9


def write_page(folder: Path, method: Method, rows: Sequence[Mapping[str, float]], *,
               num_iters: int, report: Report | None = None) -> None:
    """Write the page of a run.

    Args:
        folder: of the run, with `config.json`, `history.png` and `samples`.
        method: with its data loaded.
        rows: of the history, at least one.
        num_iters: updates of the whole run.
        report: the method's; None while the run trains, and the page then reloads itself.
    """
    from microgan.pages.rendering import render

    best = int(max(rows, key=lambda row: row["score"])["update"])
    update = int(rows[-1]["update"])
    samples = sorted((folder / SAMPLES).glob(f"update_{update:06d}*.png"))
    figures = {} if report is None else {
        name: (folder / name).read_bytes() for name in report.figures
        if (folder / name).exists()}
    record: dict[str, Any] = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    history = folder / "history.png"
    write_text(folder / PAGE_FILE, render(
        "run.html", title=f"Training of {method.run_folder.removesuffix('_results')}",
        refresh_seconds=None if report else _REFRESH_SECONDS,
        update=update, num_iters=num_iters, best=best,
        is_late=report is not None and best >= _LATE_SHARE * num_iters,
        data=method.describe_data().splitlines(), findings=_findings(folder),
        glance=method.glance(), history=history.read_bytes() if history.exists() else None,
        score_label=method.score_label, validated=method.compared(),
        samples=[path.read_bytes() for path in samples],
        tested=[] if report is None else report.compared,
        figures=figures, result=None if report is None else report.table,
        pages=[] if report is None else [name for name in report.pages
                                         if (folder / name).exists()],
        generator=folder / GENERATOR_FILE, is_restoring=method.restores,
        versions=record["versions"], seed=record["config"]["seed"],
        command=shlex.join(sys.argv)))


def _findings(folder: Path) -> list[dict[str, Any]]:
    """Return what the checks of the pairs found wrong, if they left a record."""
    path = folder / PAIR_CHECKS_FILE
    if not path.exists():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found
