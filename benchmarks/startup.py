"""Time from the command to `--help`, and to the end of a training's first update.

Starts every script again each round, on the images in `data/`; importing, reading, compiling and
the update itself count. Published networks get batches that suit a CPU, and random VGG weights.
Run it alone on the machine:

    python -m benchmarks.startup --output=startup.csv
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.cells import write_rows
from benchmarks.speed_microgan import random_vgg
from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.errors import UserError
from microgan.runtime.machine import processor

_ROOT = Path(__file__).resolve().parent.parent
_VGG = "--content_features={vgg}"
# By script: the flags of the published method, on data/.
PAPER = {
    "train_cGAN.py": ("--batch_size=8", _VGG),
    "train_CIN_GAN.py": ("--batch_size=4", _VGG),
    "train_zsegan.py": ("--patch_size=96",),  # as large as the stacks are
}
# Ends the process after the first update.
_UNTIL_FIRST_UPDATE = """
import os, runpy, sys
from microgan.runtime.startup import import_tensorflow_quietly
import_tensorflow_quietly()
from microgan.runs.history import History
History.add = lambda self, losses: os._exit(99)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@dataclass(frozen=True)
class Settings(Config):
    """What to time."""

    rounds: int = setting(3, "Starts of every script.", minimum=1)
    output: str = setting("startup.csv", "Table to write.")


def seconds_to_end(command: list[str], status: int, folder: str) -> float:
    """Run a command and time it.

    Raises:
        UserError: it exits with another status.
    """
    start = time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True, cwd=folder,
                           env={**os.environ, "PYTHONPATH": str(_ROOT)})
    seconds = time.perf_counter() - start
    if ended.returncode != status:
        raise UserError(f"{' '.join(command[-4:])} exited with status {ended.returncode}: "
                        f"{ended.stderr[-500:]}")
    return seconds


def rows(num_rounds: int) -> list[dict[str, str]]:
    """Time every script in both recipes; return a row for each."""
    result = []
    with tempfile.TemporaryDirectory() as folder:
        vgg = Path(folder) / "vgg.npz"
        np.savez(vgg, **random_vgg())
        for script, paper in PAPER.items():
            path = str(_ROOT / script)
            for recipe, flags in (("paper", [flag.format(vgg=vgg) for flag in paper]),
                                  ("limited", [])):
                data = _ROOT / "data" / ("zstack" if script == "train_zsegan.py" else "")
                train = [sys.executable, "-c", _UNTIL_FIRST_UPDATE, path, f"--recipe={recipe}",
                         f"--data_dir={data}", "--num_gpu=0", "--overwrite", *flags]
                helps = [sys.executable, path, "--help"]
                for what, command, status in (("--help", helps, 0), ("first update", train, 99)):
                    seconds = [seconds_to_end(command, status, folder)
                               for _ in range(num_rounds)]
                    result.append({
                        "script": script, "recipe": recipe, "until": what,
                        "seconds": f"{np.median(seconds):.2f}", "slowest": f"{max(seconds):.2f}"})
                    print(", ".join(result[-1].values()), flush=True)
    return result


def measure(settings: Settings) -> None:
    """Time all and write the table."""
    table = rows(settings.rounds)
    write_rows(settings.output, table)
    print(processor())


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, measure))
