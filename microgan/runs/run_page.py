"""`report.html`: one page that shows a whole run, while it trains and afterwards."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microgan.files.whole import write_text
from microgan.runs.history import told_fall
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
    scored = {shown.name for shown in report.compared} if report else set()
    write_text(folder / PAGE_FILE, render(
        "run.html", title=f"Training of {method.run_folder.removesuffix('_results')}",
        refresh_seconds=None if report else _REFRESH_SECONDS,
        written=time.strftime("%Y-%m-%d %H:%M"), fall=told_fall(rows, method.large_fall),
        update=update, num_iters=num_iters, best=best,
        keeps_last=method.keeps_last,
        is_late=not method.keeps_last and best >= _LATE_SHARE * num_iters,
        data=method.describe_data().splitlines(), skipped=method.skipped,
        findings=_findings(folder),
        glance=method.glance(), history=history.read_bytes() if history.exists() else None,
        score_label=method.score_label,
        validated=[shown for shown in method.compared() if shown.name not in scored],
        samples=[] if scored else [path.read_bytes() for path in samples],
        tested=[] if report is None else report.compared,
        tested_how="" if report is None else report.compared_how,
        figures=figures, result=None if report is None else report.table,
        pages=[] if report is None else [name for name in report.pages
                                         if (folder / name).exists()],
        is_restoring=method.restores, tasks=list(method.split()),
        restore=shlex.join([*_restore(), f"--generator={folder / GENERATOR_FILE}",
                            "--input=YOUR_IMAGES"]),
        versions=record["versions"], seed=record["config"]["seed"],
        command=_command(method.config)))


def _program() -> str:
    """Return the name of the program that trains; empty from Python."""
    name = Path(sys.argv[0]).name
    return name if name.startswith(("train_", "microgan")) else ""


def _command(config: Any) -> str:
    """Return the exact command of this training, or what it was given from Python."""
    if _program():
        return shlex.join([*(["python"] if _program().endswith(".py") else []), *sys.argv])
    given = [f"{item.name}={getattr(config, item.name)!r}" for item in dataclasses.fields(config)
             if item.name in config.explicit]
    return f"From Python, with {', '.join(given)}"


def _restore() -> list[str]:
    """Return how to call `restore.py` where this training was called."""
    return ["python", "restore.py"] if _program().endswith(".py") else ["microgan", "restore"]


def _findings(folder: Path) -> list[dict[str, Any]]:
    """Return what the checks of the pairs found wrong, if they left a record."""
    path = folder / PAIR_CHECKS_FILE
    if not path.exists():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found
