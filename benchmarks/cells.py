"""Tables that grow over days: trainings that go on where they stopped, rows that stay."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from microgan.errors import Interrupted, UserError

ROOT = Path(__file__).resolve().parent.parent
_MINUTES_BETWEEN_CHECKPOINTS = 3


def train(script, folder, flags):
    """Run a training script to its end, from its last checkpoint if it was begun.

    Args:
        script: path within the project.
        folder: of its run folder and `log.txt`; created if missing.
        flags: of the script; a training that was begun keeps those it began with.

    Returns:
        The run folder.

    Raises:
        UserError: it failed; the message names the log.
        Interrupted: it was stopped by a signal.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    begun = any(folder.glob("*/config.json"))
    flags = ["--resume"] if begun else [
        f"--checkpoint_minutes={_MINUTES_BETWEEN_CHECKPOINTS}", *flags]
    with open(log, "a", encoding="utf-8") as output:
        training = subprocess.Popen(
            [sys.executable, str(ROOT / script), *flags, f"--dir={folder}"], stdout=output,
            stderr=output, env={**os.environ, "PYTHONPATH": str(ROOT)})
        try:
            status = training.wait()
        except KeyboardInterrupt:  # the training heard it, too, and saves
            status = training.wait()
    if status in (130, 143):
        raise Interrupted(f"{script} was stopped; the same command goes on with it.", status)
    if status:
        raise UserError(f"{script} ended with status {status}: see {log}.")
    (config,) = folder.glob("*/config.json")
    return config.parent


def commit():
    """The commit of the code, for rows that are compared months later; "" if unknown."""
    try:
        found = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"],
                               text=True, capture_output=True)
    except OSError:  # no git
        return ""
    return found.stdout.strip()


def read_rows(path):
    """Rows of all finished cells, as dicts of text; none where there is no file."""
    if not path.exists():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path, rows):
    """Write a table anew; its columns are the keys of the first row."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def add_rows(path, rows, columns):
    """Add the rows of a finished cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with open(path, "a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(rows)


def spread(rows, name, decimals):
    """Mean over the seeds of a score, and its deviation where there are several seeds."""
    return mean_and_deviation([float(row[name]) for row in rows], decimals)


def mean_and_deviation(values, decimals, sign=""):
    """Mean and, of several values, sample deviation, as text; `sign` "+" for differences."""
    text = f"{np.mean(values):{sign}.{decimals}f}"
    return text + (f" ± {np.std(values, ddof=1):.{decimals}f}" if len(values) > 1 else "")


def markdown(cells):
    """Rows of cells as a Markdown table; the first row is the head."""
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], "|---" * len(cells[0]) + "|", *lines[1:]])
