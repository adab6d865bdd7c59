"""Tables that grow over days: trainings that continue where they stopped, rows that are kept."""

import csv
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from microgan.datasets.paired_arrays import load_pairs, load_test_pairs
from microgan.datasets.splits import fingerprint
from microgan.errors import Interrupted, Terminated, UserError

ROOT = Path(__file__).resolve().parent.parent
_MINUTES_BETWEEN_CHECKPOINTS = 3


def train(script, folder, flags):
    """Run a training script to its end, from its last checkpoint if there is one.

    Args:
        script: path within the project, or name of a module in it.
        folder: of its run folder and `log.txt`; created if missing.
        flags: of the script.

    Returns:
        The run folder.

    Raises:
        UserError: it failed, for example since it was begun with other flags; the message
            names the log.
        Interrupted: it was stopped by a signal, or this process was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    stopped = 0
    with open(log, "a", encoding="utf-8") as output:
        training = subprocess.Popen(
            [sys.executable, *_started(script), *flags, "--resume", f"--dir={folder}",
             f"--checkpoint_minutes={_MINUTES_BETWEEN_CHECKPOINTS}"],
            stdout=output, stderr=output, env={**os.environ, "PYTHONPATH": str(ROOT)},
            # It gets each signal once, from here, wherever the signal came from.
            start_new_session=True)
        while training.returncode is None:
            try:
                training.wait()
            except KeyboardInterrupt as stop:  # it saves
                stopped = signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT
                training.send_signal(stopped)
    status = 128 + stopped if stopped else training.returncode
    if status in (130, 143):
        raise Interrupted(f"{script} was stopped; the same command continues it.", status)
    if status:
        last_line = log.read_text(encoding="utf-8").rstrip().rpartition("\n")[2]
        raise UserError(f"{last_line} (status {status} of {script}; see {log}.)")
    (config,) = folder.glob("*/config.json")
    return config.parent


def _started(script):
    """Return Python's arguments that start a script or a module of the benchmarks."""
    return [str(ROOT / script)] if str(script).endswith(".py") else ["-m", script]


def folder_name(data, symmetries):
    """Name the runs on some images, so that runs with other symmetries are not continued."""
    return "_".join([data, *sorted(symmetries)]).replace(":", "-")


def images_key(data_dir, tasks):
    """Identify the images of some tasks, test arrays included."""
    arrays = []
    for task in tasks:
        for pairs in (load_pairs(data_dir, task), load_test_pairs(data_dir, task)):
            arrays += [pairs.degraded, pairs.clean] if pairs else []
    return fingerprint(*arrays)[:12]


def commit():
    """Return the commit of the code, for comparisons months later; "" if unknown."""
    try:
        found = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"],
                               text=True, capture_output=True)
    except OSError:  # no git
        return ""
    return found.stdout.strip()


def read_rows(path):
    """Return the rows of all finished cells, as dicts of text; none if there is no file."""
    if not path.exists():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def finished(path, columns, key):
    """Return the keys of the finished cells of a table.

    Args:
        path: of the table.
        columns: that it must have.
        key: columns that identify a cell.

    Raises:
        UserError: it has other columns.
    """
    rows = read_rows(path)
    if rows and tuple(rows[0]) != tuple(columns):
        raise UserError(f"{path} has other columns than this program writes: choose another "
                        "--output.")
    return {values_of(row, key) for row in rows}


def values_of(row, names):
    """Return a row's values in some columns."""
    return tuple(row[name] for name in names)


def by_values(rows, names):
    """Group rows by their values in some columns."""
    groups = {}
    for row in rows:
        groups.setdefault(values_of(row, names), []).append(row)
    return groups


def write_rows(path, rows):
    """Write a table; its columns are the keys of the first row."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def add_rows(path, rows, columns):
    """Append the rows of a finished cell, all at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    if not path.exists():
        writer.writeheader()
    writer.writerows(rows)
    with open(path, "a", encoding="utf-8", newline="") as file:
        file.write(text.getvalue())


def spread(rows, name, decimals):
    """Format a score's mean over the seeds, with its deviation if there are several."""
    return mean_and_deviation([float(row[name]) for row in rows], decimals)


def mean_and_deviation(values, decimals, sign=""):
    """Format mean and, if it is not 0, sample deviation; `sign` is "+" for differences."""
    text = f"{np.mean(values):{sign}.{decimals}f}"
    deviation = f"{np.std(values, ddof=1):.{decimals}f}" if len(values) > 1 else "0"
    return text + (f" ± {deviation}" if float(deviation) else "")


def markdown(cells):
    """Format rows of cells as a Markdown table; the first row is the head."""
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], "|---" * len(cells[0]) + "|", *lines[1:]])
