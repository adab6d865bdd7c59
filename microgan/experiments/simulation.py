"""Simulated sets of image pairs, written as arrays."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from microgan.config import SimulateConfig
from microgan.errors import UserError
from microgan.files import make_folder, written_whole
from microgan.simulation.datasets import simulate_pair

SECONDS_BETWEEN_LINES = 5.0


def simulate_arrays(config: SimulateConfig) -> None:
    """Simulate the sets of a config and write four arrays for each.

    `NAME_X.npy` (degraded), `NAME_Y.npy` (clean), `NAME_test_X.npy` and
    `NAME_test_Y.npy`, uint8 (N, image_size, image_size). Progress goes to standard output.

    Args:
        config: what to simulate and where to.

    Raises:
        UserError: an array is there already and `overwrite` is off, or the folder can't
            be written to. Nothing is written then.
    """
    folder = Path(config.output)
    parts = [(name, part, count) for name in config.datasets
             for part, count in (("train", config.num_pairs), ("test", config.num_test_pairs))]
    targets = [path for name, part, _ in parts for path in _paths(folder, name, part)]
    taken = [path for path in targets if path.exists()]
    if taken and not config.overwrite:
        raise UserError(f"{taken[0]} exists already. Choose another folder with --output, "
                        "or replace it with --overwrite.")
    make_folder(folder, "--output")
    for name, part, count in parts:
        arrays = _simulate_part(name, part, count, config)
        for path, array in zip(_paths(folder, name, part), arrays, strict=True):
            with written_whole(path) as temporary:
                np.save(temporary, array)
        print(f"{name}: {count} {part} pairs in {folder}", flush=True)


def _paths(folder: Path, name: str, part: str) -> tuple[Path, Path]:
    stem = name if part == "train" else f"{name}_test"
    return folder / f"{stem}_X.npy", folder / f"{stem}_Y.npy"


def _simulate_part(name: str, part: str, count: int, config: SimulateConfig
                   ) -> tuple[np.ndarray, np.ndarray]:
    shape = (count, config.image_size, config.image_size)
    degraded, clean = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    start = last_line = time.monotonic()
    for index in range(count):
        degraded[index], clean[index] = simulate_pair(
            name, seed=config.seed, part=part, index=index, image_size=config.image_size)
        now = time.monotonic()
        if now - last_line > SECONDS_BETWEEN_LINES:
            seconds_left = (now - start) / (index + 1) * (count - index - 1)
            print(f"{name}: {index + 1} of {count} {part} pairs, "
                  f"{seconds_left:.0f} s left", flush=True)
            last_line = now
    return degraded, clean
