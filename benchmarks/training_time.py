"""How many updates a method does in a given time on this machine."""

import csv
import json
import os
import platform
import shutil
from pathlib import Path

from microgan.files.whole import write_json

# Long enough that the two seconds after a validation until input flows again hardly count.
_TIMED_SECONDS = 45
_FIRST_UPDATES = 2
_VALIDATIONS = 20
# Share of the time that a training must have taken.
_TOO_SHORT = 0.95


def machine():
    """Return the processor and the number of cores this process may use, as for a row."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        name = next((line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines()
                     if line.startswith("model name")), name)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return name, cores


def train_for(minutes, script, folder, flags, *, times, train):
    """Run a training that takes given minutes, by the speed of a trial.

    Args:
        minutes: of updates alone.
        script: as for `train`.
        folder: as for `train`.
        flags: of the script, except its number of updates.
        times: folder of the trial, shared by all trainings of the same speed.
        train: `cells.train`.

    Returns:
        The run folder.
    """
    speed = speed_here(script, flags, times=times, train=train)
    run = train_at(speed, minutes, script, folder, flags, train=train)
    took = trained_seconds(run)[0] / 60
    if took < _TOO_SHORT * minutes:
        print(f"{folder.name} trained for {took:.1f} of {minutes:g} minutes: the machine was "
              f"busier when its speed was timed. For another try remove {folder}, {times} and its "
              "rows.")
    return run


def train_at(speed, minutes, script, folder, flags, *, train):
    """Run a training of as many updates as fit in given minutes at a given speed.

    Args:
        speed: seconds per update, on the machine whose minutes count.
        minutes: as for `train_for`, like all others.

    Returns:
        The run folder.
    """
    num_iters = max(1, round(60 * minutes / speed))
    return train(script, folder, [
        *flags, f"--num_iters={num_iters}", "--eval_limit=1",
        f"--validate_every={max(1, num_iters // _VALIDATIONS)}"])


def speed_here(script, flags, *, times, train):
    """Time a training's update on this machine, in seconds; arguments as for `train_for`."""
    return seconds_per_update(times, lambda trial, more: train(script, trial, [*flags, *more]))


def seconds_per_update(folder, train):
    """Time an update of a training once; the result is kept in the folder.

    The history's seconds are those of the updates alone. The first half of a short training
    warms up, the second is timed; if that took too little time, a longer training follows.

    Args:
        folder: of the trial trainings and `seconds_per_update.json`.
        train: called with a folder and flags, trains there and returns the run folder.
    """
    result = folder / "seconds_per_update.json"
    if result.exists():
        return json.loads(result.read_text(encoding="utf-8"))
    timed = _FIRST_UPDATES
    while True:
        trial = folder / f"updates_{2 * timed}"
        # A stopped trial would warm up in the half that is timed.
        shutil.rmtree(trial, ignore_errors=True)
        run = train(trial, [f"--num_iters={2 * timed}", f"--validate_every={timed}",
                            "--eval_limit=1"])
        seconds = timed_seconds(run)
        if seconds >= _TIMED_SECONDS / 2:
            break
        timed = max(2 * timed, round(timed * _TIMED_SECONDS / max(seconds, 0.05)))
    shutil.rmtree(folder)
    folder.mkdir(parents=True)
    write_json(result, seconds / timed)
    return seconds / timed


def timed_seconds(run):
    """Seconds of the second half of the updates of a trial run."""
    with open(run / "history.csv", encoding="utf-8", newline="") as file:
        first, second = [float(row["seconds"]) for row in csv.DictReader(file)]
    return second - first


def trained_seconds(run):
    """Seconds of all updates of a finished run, and their number."""
    with open(run / "history.csv", encoding="utf-8", newline="") as file:
        last = list(csv.DictReader(file))[-1]
    return float(last["seconds"]), int(last["update"])
