"""Whether training in bfloat16 costs anything: the same training in both precisions.

For every seed, runs `train_cGAN.py --recipe=limited` in float32 and in bfloat16 on ten pairs per
task, and scores it on the test images. A finished run is kept in `--work` and never repeated:

    python -m benchmarks.precision --data_dir=data --output=precision.csv
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.cells import train, write_rows
from microgan.cli.command import run_command
from microgan.config import Config, setting

PRECISIONS = ("float32", "mixed_bfloat16")
_RUN = "Microscopy_cGAN_results"


@dataclass(frozen=True)
class Settings(Config):
    """What to compare."""

    data_dir: str = setting("data", "Folder of the images, with test arrays.")
    num_iters: int = setting(300, "Updates of every training.", minimum=1)
    images_limit: int = setting(10, "Pairs per task.", minimum=2)
    seeds: tuple[str, ...] = setting(("1", "2", "3"), "Seeds.")
    output: str = setting("precision.csv", "Table to write.")
    work: str = setting("precision_runs", "Folder of the runs.")


def scores(settings: Settings, precision: str, seed: str) -> list[dict[str, str]]:
    """Train if necessary, and return a row per task."""
    folder = Path(settings.work).resolve() / f"{precision}_seed{seed}"
    file = folder / _RUN / "scores.json"
    if not file.exists():
        train("train_cGAN.py", folder, [
            "--recipe=limited", f"--data_dir={Path(settings.data_dir).resolve()}",
            f"--seed={seed}",
            f"--images_limit={settings.images_limit}", f"--num_iters={settings.num_iters}",
            f"--precision={precision}"])
    return [{"precision": precision, "seed": seed, "task": row["task"],
             "psnr": f"{row['psnr']:.3f}", "ssim": f"{row['ssim']:.4f}"}
            for row in json.loads(file.read_text(encoding="utf-8"))
            if row["protocol"] == "care" and row["method"] == "restored"]


def compare(settings: Settings) -> None:
    """Train what is missing, write the table and print means and ranges over seeds."""
    rows = [row for seed in settings.seeds for precision in PRECISIONS
            for row in scores(settings, precision, seed)]
    write_rows(settings.output, rows)
    print("| task | float32 | bfloat16 |\n|---|---|---|")
    for task in dict.fromkeys(row["task"] for row in rows):
        cells = []
        for precision in PRECISIONS:
            chosen = [row for row in rows if (row["task"], row["precision"]) == (task, precision)]
            psnr, ssim = (np.array([float(row[name]) for row in chosen])
                          for name in ("psnr", "ssim"))
            cells.append(f"{psnr.mean():.2f} ({psnr.min():.2f} to {psnr.max():.2f}) / "
                         f"{ssim.mean():.3f} ({ssim.min():.3f} to {ssim.max():.3f})")
        print(f"| {task} | {' | '.join(cells)} |")


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, compare))
