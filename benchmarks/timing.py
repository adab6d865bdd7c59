"""Time several implementations in turn, each in a separate process, on one idle machine."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from microgan.errors import UserError

_ROOT = Path(__file__).resolve().parent.parent
_WARM_UP = 2


@dataclass(frozen=True)
class Contestant:
    """One implementation.

    Args:
        name: in tables.
        precision: in which it computes.
        build: called in its process with `arguments`; imports its framework. Returns a
            function that does the work once and waits for it, and a text on the framework.
        arguments: that can be sent to another process.
        amount: of work done by one call, in the table's unit.
    """

    name: str
    precision: str
    build: Callable[..., tuple[Callable[[], Any], str]]
    arguments: tuple[Any, ...]
    amount: float


@dataclass(frozen=True)
class Timed:
    """Measurements of a contestant.

    Args:
        contestant: which.
        seconds: of each call, one per round.
        processor_seconds: of all its threads together, one per round; other programs on a
            shared machine do not count.
        peak_bytes: most memory its process took.
        framework: name, version and number of threads.
    """

    contestant: Contestant
    seconds: list[float]
    processor_seconds: list[float]
    peak_bytes: float
    framework: str

    @property
    def median(self) -> float:
        """Seconds of one call."""
        return float(np.median(self.seconds))

    @property
    def processor_median(self) -> float:
        """Processor seconds of one call."""
        return float(np.median(self.processor_seconds))

    def times_as_fast_as(self, other: Timed) -> float:
        """Median over rounds of the other's time by its own in the same round."""
        return float(np.median(np.divide(other.seconds, self.seconds)))


class Run(NamedTuple):
    """Measurements of a command: wall-clock and processor time, and the most memory it took."""

    seconds: float
    processor_seconds: float
    peak_bytes: float


# In a small process of its own: a peak of memory begins at that of the process that forks.
_MEASURING = """
import json, os, subprocess, sys, time
start = time.perf_counter()
with subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL) as process:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
print(json.dumps([status, time.perf_counter() - start, usage.ru_utime + usage.ru_stime,
                  usage.ru_maxrss]))
"""


def measured(command: Sequence[str], folder: Path) -> Run:
    """Run a command in a folder, able to import this project, and measure it.

    Raises:
        UserError: it fails.
    """
    found = subprocess.run([sys.executable, "-S", "-c", _MEASURING, *command], cwd=folder,
                           text=True, stdout=subprocess.PIPE, check=True,
                           env={**os.environ, "PYTHONPATH": str(_ROOT)})
    status, seconds, processor_seconds, peak = json.loads(found.stdout)
    if status != 0:
        raise UserError(f"{' '.join(command[-4:])} failed.")
    return Run(seconds, processor_seconds, _in_bytes(peak))


def measured_in_turn(commands: Mapping[str, Sequence[str]], folder: Path, num_rounds: int
                     ) -> dict[str, Run]:
    """Run every command once per round; return its smallest times and its largest peak.

    Other programs on a shared machine only add to times.
    """
    rounds = [{name: measured(command, folder) for name, command in commands.items()}
              for _ in range(num_rounds)]
    runs = {name: [each[name] for each in rounds] for name in commands}
    return {name: Run(min(run.seconds for run in found),
                      min(run.processor_seconds for run in found),
                      max(run.peak_bytes for run in found)) for name, found in runs.items()}


def time_in_turn(contestants: Sequence[Contestant], num_rounds: int,
                 num_threads: int | None = None) -> list[Timed]:
    """Let every contestant work once per round, while the others are idle.

    Args:
        contestants: in the order of each round.
        num_rounds: after two calls each that do not count, > 0.
        num_threads: of each; None for its framework's default.
    """
    with ExitStack() as processes:
        children = [processes.enter_context(_started(contestant, num_threads))
                    for contestant in contestants]
        frameworks = [child.recv() for child in children]
        calls: list[list[tuple[float, float]]] = [[] for _ in contestants]
        for number in range(num_rounds):
            for child, times in zip(children, calls):
                child.send(True)
                times.append(child.recv())
            print(f"round {number + 1}: "
                  + ", ".join(f"{times[-1][0]:.3f} s" for times in calls), flush=True)
        peaks = []
        for child in children:
            child.send(False)
            peaks.append(child.recv())
    return [Timed(contestant, *map(list, zip(*times)), peak, framework)
            for contestant, times, peak, framework
            in zip(contestants, calls, peaks, frameworks)]


@contextmanager
def _started(contestant: Contestant, num_threads: int | None) -> Any:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, contestant, num_threads),
                              daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join(10)
        process.kill()


def _serve(connection: Connection, contestant: Contestant, num_threads: int | None) -> None:
    """Run a contestant's process: build, warm up, then work when asked."""
    if num_threads is not None:
        # Read by TensorFlow, by OpenMP and so by PyTorch, when they start.
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
            os.environ[name] = str(num_threads)
    work, framework = contestant.build(*contestant.arguments)
    for _ in range(_WARM_UP):
        work()
    connection.send(framework)
    while connection.recv():
        begin, processor_begin = time.perf_counter(), time.process_time()
        work()
        connection.send((time.perf_counter() - begin, time.process_time() - processor_begin))
    connection.send(_peak_bytes())


def _peak_bytes() -> float:
    if sys.platform == "win32":
        return float("nan")
    import resource

    return _in_bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _in_bytes(peak: int) -> int:
    return peak * (1 if sys.platform == "darwin" else 1024)
