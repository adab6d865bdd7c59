"""Which files in a run folder belong to the run: no others are ever deleted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from microgan.errors import UserError
from microgan.runs.run_lock import LOCK_FILE
from microgan.files.whole import is_partial, name_when_whole
from microgan.files.names import is_of_system

CONFIG_FILE = "config.json"
SPLIT_FILE = "split.json"
GENERATOR_FILE = "generator.h5"
PAGE_FILE = "report.html"
PAIR_CHECKS_FILE = "pair_checks.json"
SAMPLES = "samples"
TENSORBOARD = "tensorboard"
# Each like a run folder, of a training without some of the pairs.
FOLDS = "folds"
_FOLD_NAME = r"\d+_of_\d+"
_FILES = {CONFIG_FILE, SPLIT_FILE, "history.csv", "history.png", GENERATOR_FILE, PAGE_FILE,
          PAIR_CHECKS_FILE}
_NAMES_IN_FOLDERS = {SAMPLES: r"update_\d{6,}(_\d+)?\.png", "checkpoint": r"update_\d{6,}\.npz",
                     TENSORBOARD: r"events\.out\.tfevents\..+"}


def refuse_links(folder: Path) -> None:
    """Refuse a run folder in which a link leads elsewhere.

    Args:
        folder: of a run, or any other; need not exist.

    Raises:
        UserError: `samples`, `checkpoint`, `tensorboard` or `.lock` in it is a link.
    """
    for path in (*(folder / name for name in (*_NAMES_IN_FOLDERS, FOLDS, LOCK_FILE)),
                 *(folder / FOLDS).glob("*")):
        if path.is_symlink():
            raise UserError(f"{path} is a link, and nothing is written or deleted "
                            "through it. Remove it, or choose another folder with --dir.")


def files_of_run(folder: Path, report_files: Iterable[str]) -> list[Path]:
    """Return the files, whole or partial, that a run wrote into its folder.

    `split.json` and `config.json` come last: while other files are left, they tell whose.

    Args:
        folder: of a run, or any other; need not exist.
        report_files: names of the files of the method's report.
    """
    if not folder.exists():
        return []
    names = {*_FILES, *report_files,
             *(f"scores_{task}.png" for task in _recorded_tasks(folder))}
    found = [path for path in folder.iterdir() if name_when_whole(path.name) in names]
    for inner, pattern in _NAMES_IN_FOLDERS.items():
        found += [path for path in (folder / inner).glob("*")
                  if re.fullmatch(pattern, name_when_whole(path.name))]
    order = ("", SPLIT_FILE, CONFIG_FILE)
    own = sorted((path for path in found if path.is_file()),
                 key=lambda path: (order.index(path.name) if path.name in order else 0, path))
    return [path for fold in _folds(folder) for path in files_of_run(fold, report_files)] + own


def foreign_files(folder: Path, report_files: Iterable[str]) -> list[Path]:
    """Return what a folder holds besides a run's files, folders and the system's own files."""
    if not folder.exists():
        return []
    own = {folder / LOCK_FILE, *files_of_run(folder, report_files),
           *(folder / inner for inner in (*_NAMES_IN_FOLDERS, FOLDS)
             if (folder / inner).is_dir())}
    return sorted(path for path in folder.iterdir()
                  if path not in own and not is_of_system(path.name))


def results_of_run(folder: Path, report_files: Iterable[str]) -> list[Path]:
    """Return the whole files that a run wrote after `config.json`."""
    return [path for path in files_of_run(folder, report_files)
            if path.name not in (SPLIT_FILE, CONFIG_FILE) and not is_partial(path.name)]


def remove_partial_files(folder: Path, report_files: Iterable[str]) -> None:
    """Remove what a killed run left partially written in its folder."""
    for path in files_of_run(folder, report_files):
        if is_partial(path.name):
            path.unlink(missing_ok=True)


def _folds(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / FOLDS).glob("*")
                  if path.is_dir() and re.fullmatch(_FOLD_NAME, path.name))


def _recorded_tasks(folder: Path) -> list[str]:
    try:
        split: Any = json.loads((folder / SPLIT_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    return list(split) if isinstance(split, dict) else []
