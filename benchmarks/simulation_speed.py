"""Random pairs that one core simulates in a second, for `python -m benchmarks.pretraining`.

    python -m benchmarks.simulation_speed

Counts the processor time of one thread; other programs on the machine do not count. Specimens are
drawn once, before a pretraining; pairs are cut from them and degraded anew for every update.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.pretraining import SPECIMEN_PX
from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.simulation.random_pairs import draw_pair
from microgan.simulation.specimens import draw_specimen

_SIZES_PX = (64, 128)


@dataclass(frozen=True)
class Settings(Config):
    """How much is drawn."""

    num_specimens: int = setting(200, "Specimens to draw.", minimum=1)
    num_pairs: int = setting(500, "Pairs to draw of each size.", minimum=1)
    seed: int = setting(1, "Seed of all of them.", minimum=0)


def report(settings: Settings) -> None:
    """Print one table."""
    rng = np.random.default_rng(settings.seed)
    specimens: list[np.ndarray] = []
    rates = {f"specimens of {SPECIMEN_PX} x {SPECIMEN_PX}": _per_second(
        lambda: specimens.append(draw_specimen(rng, SPECIMEN_PX)), settings.num_specimens)}
    for size_px in _SIZES_PX:
        rates[f"pairs of {size_px} x {size_px}"] = _per_second(
            lambda: draw_pair(rng, specimens, size_px), settings.num_pairs)
    print("| drawn | a second |\n|---|---|")
    for name, rate in rates.items():
        print(f"| {name} | {rate:.0f} |")


def _per_second(draw: Callable[[], object], number: int) -> float:
    begin = time.process_time()
    for _ in range(number):
        draw()
    return number / max(time.process_time() - begin, 1e-9)


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__ or "", report))
