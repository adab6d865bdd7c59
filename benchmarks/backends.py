"""`restore.py` by ONNX Runtime and by TensorFlow, from the command to the restored file.

Restores one image by the U-Net of `--recipe=limited` without mirror images, in turn by each, and
writes wall-clock and processor time, the smallest of all rounds: other programs only add to them.
Give all the same processors:

    taskset -c 0 python -m benchmarks.backends --output=backends.csv
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from benchmarks.cells import write_rows
from benchmarks.timing import measured_in_turn
from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.generator_file import GeneratorInfo, build_network, save_generator
from microgan.runtime.machine import processor
from microgan.runtime.startup import import_tensorflow_quietly

_ROOT = Path(__file__).resolve().parent.parent
WAYS = {"ONNX Runtime, float32": ("--backend=onnx",),
        "TensorFlow, float32": ("--backend=tensorflow", "--precision=float32"),
        "TensorFlow, bfloat16": ("--backend=tensorflow", "--precision=mixed_bfloat16")}


@dataclass(frozen=True)
class Settings(Config):
    """What to time."""

    rounds: int = setting(3, "Restorations of every image by each.", minimum=1)
    sides: tuple[str, ...] = setting(("256", "1024", "2048"), "Sides of the images, in pixels.")
    output: str = setting("backends.csv", "Table to write.")


def write_files(folder: Path, sides: list[int]) -> None:
    """Write an untrained generator and the images."""
    import_tensorflow_quietly()
    ranges = TaskNormalization(IntensityRange(0, 4000), IntensityRange(0, 4000))
    info = GeneratorInfo("cgan", "unet", {"filters": 32, "depth": 3}, ("A",), {"A": ranges}, "YX",
                         "0", "")
    save_generator(folder / "generator.h5", build_network(info).get_weights(), info)
    random = np.random.default_rng(0)
    for side in sides:
        tifffile.imwrite(folder / f"{side}.tif",
                         random.integers(0, 4000, (side, side), np.uint16))


def rows(sides: list[int], num_rounds: int) -> list[dict[str, str]]:
    """Restore every image by each; return a row for each."""
    result = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, sides)
        for side in sides:
            command = [sys.executable, str(_ROOT / "restore.py"), "--generator=generator.h5",
                       f"--input={side}.tif", "--overwrite"]
            runs = measured_in_turn({way: [*command, *flags] for way, flags in WAYS.items()},
                                    folder, num_rounds)
            for way, run in runs.items():
                result.append({"side": str(side), "by": way, "seconds": f"{run.seconds:.2f}",
                               "processor seconds": f"{run.processor_seconds:.2f}"})
                print(", ".join(result[-1].values()), flush=True)
    return result


def measure(settings: Settings) -> None:
    """Time all and write the table."""
    write_rows(settings.output, rows([int(side) for side in settings.sides], settings.rounds))
    print(processor())


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, measure))
