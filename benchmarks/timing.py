"""Time several implementations in turn, each in a process of its own, on one idle machine."""

from __future__ import annotations

import multiprocessing
import platform
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

_WARM_UP = 2


@dataclass(frozen=True)
class Contestant:
    """One implementation.

    Args:
        name: in tables.
        precision: in which it computes.
        build: called in its process with `arguments`; imports its framework, and returns what
            does the work once, done when it returns, and what to say of the framework.
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
    """What was measured of a contestant.

    Args:
        contestant: which.
        seconds: of each call, one a round.
        start_seconds: from the start of its process to the end of its first call.
        peak_bytes: most memory its process took.
        framework: name, version and number of threads.
    """

    contestant: Contestant
    seconds: list[float]
    start_seconds: float
    peak_bytes: float
    framework: str

    @property
    def median(self) -> float:
        """Seconds of one call."""
        return float(np.median(self.seconds))

    def times_as_fast_as(self, other: Timed) -> float:
        """Median over rounds of the other's time by its own in the same round."""
        return float(np.median(np.divide(other.seconds, self.seconds)))


def time_in_turn(contestants: Sequence[Contestant], num_rounds: int) -> list[Timed]:
    """Let every contestant work once a round, the others idle.

    Args:
        contestants: in the order of each round.
        num_rounds: after two calls each that do not count, > 0.
    """
    with ExitStack() as processes:
        children = []
        for contestant in contestants:
            print(f"{contestant.name}, {contestant.precision}: starting", flush=True)
            child = processes.enter_context(_started(contestant))
            children.append((child, *child.recv()))
        seconds: list[list[float]] = [[] for _ in contestants]
        for number in range(num_rounds):
            for (child, *_), times in zip(children, seconds):
                child.send(True)
                times.append(child.recv())
            print(f"round {number + 1}: " + ", ".join(f"{times[-1]:.3f} s" for times in seconds),
                  flush=True)
        peaks = []
        for child, *_ in children:
            child.send(False)
            peaks.append(child.recv())
    return [Timed(contestant, times, start, peak, framework)
            for contestant, times, peak, (_, start, framework)
            in zip(contestants, seconds, peaks, children)]


@contextmanager
def _started(contestant: Contestant) -> Any:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, contestant, time.time()), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join(10)
        process.kill()


def _serve(connection: Connection, contestant: Contestant, started: float) -> None:
    """A contestant's process: build, warm up, then work when asked."""
    work, framework = contestant.build(*contestant.arguments)
    work()
    start_seconds = time.time() - started
    for _ in range(_WARM_UP - 1):
        work()
    connection.send((start_seconds, framework))
    while connection.recv():
        begin = time.perf_counter()
        work()
        connection.send(time.perf_counter() - begin)
    connection.send(_peak_bytes())


def _peak_bytes() -> float:
    if sys.platform == "win32":
        return float("nan")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)


def processor() -> str:
    """The processor's name, its cores and what it has for bfloat16."""
    import os

    name, units = platform.processor() or platform.machine(), ""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        lines = {key.strip(): value.strip() for key, value in lines.items()}
        name = lines.get("model name", name)
        flags = lines.get("flags", "").split()
        units = ", ".join(flag for flag in ("amx_bf16", "avx512_bf16") if flag in flags)
    return f"{name}, {os.cpu_count()} cores" + (f", {units}" if units else "")
