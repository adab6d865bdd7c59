"""Whether time and memory of a training's last thousand updates are those of the first.

Trains a narrow network of the limited recipe on random images, so that thousands of updates take
minutes and the input pipeline has the least time to hide behind an update. Batches are drawn as
in training. Prints one row for every thousand updates, then the spread:

    python -m benchmarks.steadiness --method=cgan --output=steadiness.csv
"""

from __future__ import annotations

import gc
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import speed_microgan
from benchmarks.cells import write_rows
from microgan.cli.command import run_command
from microgan.config import CGANConfig, CINGANConfig, Config, ZSEGANConfig, setting
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.datasets.sampling import PairedBatches, TrainingTask, UnpairedBatches
from microgan.datasets.section_sampling import StackBatches, TrainingStacks
from microgan.errors import UserError

_NUM_IMAGES = 10
_SIDE = 128


@dataclass(frozen=True)
class Settings(Config):
    """What to run."""

    method: str = setting("cgan", "What to train.", choices=("cgan", "cin_gan", "zse_gan"))
    filters: int = setting(4, "Channels of the networks at full resolution.", minimum=1)
    num_iters: int = setting(6000, "Updates.", minimum=2)
    every: int = setting(1000, "Updates per row.", minimum=1)
    output: str = setting("steadiness.csv", "Table to write.")


def training_config(settings: Settings) -> Any:
    """The limited recipe with narrow networks, and a discriminator for the cGAN."""
    shared: dict[str, Any] = {"recipe": "limited", "seed": 0, "num_gpu": 0,
                              "num_iters": settings.num_iters}
    if settings.method == "cgan":
        return CGANConfig.create(generator_filters=settings.filters, adversarial_weight=0.005,
                                 discriminator_filters=settings.filters, **shared)
    if settings.method == "cin_gan":
        return CINGANConfig.create(generator_filters=settings.filters,
                                   critic_filters=settings.filters, **shared)
    return ZSEGANConfig.create(translator_filters=settings.filters,
                               discriminator_filters=settings.filters, **shared)


def drawing(config: Any) -> Any:
    """Return what draws a training's batches, from random images."""
    random = np.random.default_rng(0)

    def images(*shape: int) -> list[np.ndarray]:
        return list(random.integers(0, 4096, (_NUM_IMAGES, *shape), dtype=np.uint16))

    ranges = IntensityRange(0, 4095)
    if isinstance(config, ZSEGANConfig):
        depth = speed_microgan.DEPTH
        stacks = TrainingStacks(images(depth, _SIDE, _SIDE), [depth // 2] * _NUM_IMAGES,
                                images(_SIDE, _SIDE), images(_SIDE, depth), ranges)
        return StackBatches(
            stacks, batch_size=config.batch_size, patch_size=config.patch_size,
            seed=0)
    tasks = [TrainingTask(name, images(_SIDE, _SIDE), images(_SIDE, _SIDE),
                          TaskNormalization(ranges, ranges)) for name in speed_microgan.TASKS]
    shared = {"batch_size": config.batch_size, "patch_size": config.patch_size, "seed": 0}
    if isinstance(config, CGANConfig):
        return PairedBatches(tasks, **shared)
    return UnpairedBatches(tasks, num_sub_batches=config.critic_steps + 1, with_noise=True,
                           **shared)


def resident_bytes() -> int:
    """Return the memory of this process."""
    statistics = Path("/proc/self/statm")
    if not statistics.is_file():
        raise UserError("The memory of a process can be read only on Linux.")
    return int(statistics.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(settings: Settings) -> list[dict[str, float]]:
    """Train, and return a row for every `settings.every` updates."""
    config = training_config(settings)
    update, batches = speed_microgan.prepared(config, drawing(config))
    rows = []
    seconds, waited = [], []
    for number in range(1, settings.num_iters + 1):
        begin = time.perf_counter()
        batch = next(batches)
        drawn = time.perf_counter()
        for loss in update(batch).values():
            float(loss)
        seconds.append(time.perf_counter() - begin)
        waited.append(drawn - begin)
        if number % settings.every == 0:
            gc.collect()
            # On a shared machine the mean would include other programs.
            rows.append({"update": number, "median_ms": 1e3 * float(np.median(seconds)),
                         "waiting_for_input_percent": 100 * sum(waited) / sum(seconds),
                         "memory_mb": resident_bytes() / 1e6})
            print("  ".join(f"{name} {value:.5g}" for name, value in rows[-1].items()), flush=True)
            seconds, waited = [], []
    return rows


def report(settings: Settings) -> None:
    """Write the table and print how much the last row differs from the first."""
    rows = measure(settings)
    write_rows(settings.output, rows)
    first, last = rows[0], rows[-1]
    time_change, memory_change = (100 * (last[name] / first[name] - 1)
                                  for name in ("median_ms", "memory_mb"))
    print(f"{settings.method}: time {time_change:+.1f} %, memory {memory_change:+.1f} % from the "
          f"first {settings.every} updates to the last; waiting for input at most "
          f"{max(row['waiting_for_input_percent'] for row in rows):.2f} %.")


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, report))
