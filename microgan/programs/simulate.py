"""Simulated sets of image pairs and of z-stacks, written as files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from microgan.runtime.amounts import Pace, duration
from microgan.config import SimulateConfig
from microgan.errors import UserError
from microgan.files.whole import make_folder, written_whole
from microgan.simulation.datasets import simulate_pair
from microgan.simulation.z_stacks import (
    NUM_SLICES, simulate_in_focus_image, simulate_stack)

SECONDS_BETWEEN_LINES = 5.0
Z_STACKS = "zstack"
IN_FOCUS_IMAGES_PER_STACK = 3


@dataclass(frozen=True)
class _Part:
    """Files that are simulated together.

    Args:
        name: what they are.
        paths: of the files.
        write: simulates and writes them.
    """

    name: str
    paths: Sequence[Path]
    write: Callable[[], None]


def simulate(config: SimulateConfig) -> None:
    """Simulate the sets of a config and write their files.

    A set of pairs is four arrays: `NAME_X.npy` (degraded), `NAME_Y.npy` (clean),
    `NAME_test_X.npy` and `NAME_test_Y.npy`, uint8 (N, image_size, image_size). The z-stacks
    are a folder `zstack` in the layout of ZSE-GAN's authors, with the sharp volumes of the
    test stacks in `testSharp`. Progress goes to standard output.

    Args:
        config: what to simulate and where to write it.

    Raises:
        UserError: a file exists and `overwrite` is off, or the folder cannot be written to.
            Nothing is written then.
    """
    folder = Path(config.output)
    parts = [part for name in config.datasets
             for part in (_stack_parts(folder / name, config) if name == Z_STACKS
                          else _pair_parts(folder, name, config))]
    taken = [path for part in parts for path in part.paths if path.exists()]
    if taken and not config.overwrite:
        raise UserError(f"{taken[0]} exists already. Choose another folder with --output, "
                        "or replace it with --overwrite.")
    for part in parts:
        make_folder(part.paths[0].parent, "--output")
        part.write()
        print(f"{part.name} in {part.paths[0].parent}", flush=True)


def _pair_parts(folder: Path, name: str, config: SimulateConfig) -> Iterator[_Part]:
    for part, stem, count in (("train", name, config.num_pairs),
                              ("test", f"{name}_test", config.num_test_pairs)):
        paths = [folder / f"{stem}_X.npy", folder / f"{stem}_Y.npy"]

        def write(part: str = part, count: int = count, paths: Sequence[Path] = paths) -> None:
            pairs = [simulate_pair(name, seed=config.seed, part=part, index=index,
                                   image_size=config.image_size)
                     for index in _reported(count, f"{name}: {part} pairs")]
            for path, images in zip(paths, zip(*pairs, strict=True), strict=True):
                with written_whole(path) as temporary:
                    np.save(temporary, np.stack(images))

        yield _Part(f"{name}: {count} {part} pairs", paths, write)


def _stack_parts(folder: Path, config: SimulateConfig) -> Iterator[_Part]:
    for part, count in (("train", config.num_stacks), ("test", config.num_test_stacks)):
        yield _blurred_stacks(folder, part, count, config)
        shapes = {"A2D": (config.stack_size, config.stack_size),
                  f"A{NUM_SLICES}": (config.stack_size, NUM_SLICES)}
        for name, shape_px in shapes.items():
            yield _in_focus_images(folder / f"{part}{name}", part, shape_px,
                                   IN_FOCUS_IMAGES_PER_STACK * count, config)


def _blurred_stacks(folder: Path, part: str, count: int, config: SimulateConfig) -> _Part:
    """Simulate the stacks of a part and, for the test, sharp volumes of the same names."""
    names = [f"{part}_{index:03d}.npz" for index in range(count)]
    kinds = ["B", "Sharp"] if part == "test" else ["B"]

    def write() -> None:
        for kind in kinds:
            make_folder(folder / f"{part}{kind}", "--output")
        for index in _reported(count, f"{folder.name}: {part} stacks"):
            volumes = simulate_stack(seed=config.seed, part=part, index=index,
                                     size_px=config.stack_size)
            for kind, volume in zip(kinds, volumes):
                with written_whole(folder / f"{part}{kind}" / names[index]) as temporary:
                    np.savez_compressed(temporary, np.moveaxis(volume, 0, 2))

    return _Part(f"{folder.name}: {count} {part} stacks",
                 [folder / f"{part}{kind}" / name for kind in kinds for name in names], write)


def _in_focus_images(folder: Path, part: str, shape_px: tuple[int, int], count: int,
                     config: SimulateConfig) -> _Part:
    paths = [folder / f"{part}_{index:03d}.tif" for index in range(count)]

    def write() -> None:
        for index in _reported(count, f"{folder.parent.name}: {part} in-focus images"):
            image = simulate_in_focus_image(seed=config.seed, part=part, index=index,
                                            shape_px=shape_px)
            with written_whole(paths[index]) as temporary:
                tifffile.imwrite(temporary, image, photometric="minisblack", compression="zlib",
                                 predictor=True)

    height, width = shape_px
    return _Part(f"{folder.parent.name}: {count} {part} in-focus images of {height} x {width}",
                 paths, write)


def _reported(count: int, name: str) -> Iterator[int]:
    """Yield 0 to count - 1 and print progress at intervals."""
    last_line = time.monotonic()
    pace = Pace()
    pace.mark(last_line, 0)
    for index in range(count):
        yield index
        now = time.monotonic()
        each_second = pace.mark(now, index + 1)
        if now - last_line > SECONDS_BETWEEN_LINES:
            left = f", {duration((count - index - 1) / each_second)} left" if each_second else ""
            print(f"{name}, {index + 1} of {count}{left}", flush=True)
            last_line = now
