"""What CIN-GAN's synthetic pairs are worth: restoring without them, with them, with them alone.

For every seed, a CIN-GAN generator learns the defects from `--images_limit` degraded images per
task. Then the cGAN is trained once for each share of synthetic pairs, each time equally long:
`--made_cost` lowers the number of updates by the time that synthesis takes. CIN-GAN's own
training comes on top. A finished cell is a row per task in `--output` and is never trained
twice; an interrupted cell continues from its checkpoint.

    python benchmarks/augmentation.py --data_dir=data --output=benchmarks/results/data.csv
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from cells import add_rows, finished, images_key, markdown, read_rows, spread, train

from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.datasets.paired_arrays import find_datasets
from microgan.evaluation.scores import RESTORED

SHARES = ("0", "0.3", "0.6", "0.9", "0.9-0", "1")
RAW = "raw input"
NAMES = {RAW: RAW, "0": "real pairs", "0.3": "and synthetic ones, alpha 0.3",
         "0.6": "and synthetic ones, alpha 0.6", "0.9": "and synthetic ones, alpha 0.9",
         "0.9-0": "and synthetic ones, alpha falling from 0.9 to 0",
         "1": "synthetic pairs alone (setting B)"}
# What identifies a table.
_TABLE = ("images", "symmetries", "images_limit", "cin_iters", "num_iters")
COLUMNS = (*_TABLE, "seed", "share", "task", "n", "psnr", "ssim")


@dataclass(frozen=True)
class Settings(Config):
    """What to compare, on which images."""

    data_dir: str = setting("data", "Folder of the images, with test arrays.")
    symmetries: tuple[str, ...] = setting((), "As for the training scripts.")
    output: str = setting("augmentation.csv", "Table of finished cells; read and extended.")
    work: str = setting("augmentation_runs", "Folder of the runs.")
    images_limit: int = setting(10, "Pairs per task.", minimum=2)
    seeds: tuple[str, ...] = setting(("1", "2", "3"), "Seeds.")
    shares: tuple[str, ...] = setting(SHARES, "Shares of synthetic pairs.", choices=SHARES)
    cin_iters: int = setting(3000, "Updates of CIN-GAN.", minimum=1)
    num_iters: int = setting(2000, "Updates of the cGAN without synthetic pairs.", minimum=1)
    made_cost: float = setting(0.27, "How much longer an update on synthetic pairs alone takes "
                               "than one on real pairs, as a share.", minimum=0)


def train_cell(settings, seed, share):
    """Train one cell and return its rows."""
    flags = ["--recipe=limited", f"--data_dir={Path(settings.data_dir).resolve()}",
             f"--seed={seed}", f"--images_limit={settings.images_limit}", *(
                 [f"--symmetries={','.join(settings.symmetries)}"] if settings.symmetries else [])]
    work = Path(settings.work).resolve()
    augment, alpha, falls = [], float(share.removesuffix("-0")), share.endswith("-0")
    if alpha:
        learned = work / f"cin_seed{seed}"
        train("train_CIN_GAN.py", learned, [*flags, f"--num_iters={settings.cin_iters}"])
        augment = ["--cin_augment=True", f"--alpha={alpha:g}",
                   *([f"--alpha_decay={'linear' if falls else 'none'}"] if alpha < 1 else []),
                   f"--cin_generator_path={learned / 'CIN-GAN_results' / 'generator.h5'}"]
    folder = work / f"share{share}_seed{seed}"
    mean_share = alpha / 2 if falls else alpha
    num_iters = round(settings.num_iters / (1 + mean_share * settings.made_cost))
    train("train_cGAN.py", folder, [*flags, *augment, f"--num_iters={num_iters}"])
    (scores,) = folder.glob("*/scores.json")
    return [{"seed": seed, "share": RAW if row["method"] == RAW else share,
             "task": row["task"], "n": str(row["n"]), "psnr": f"{row['psnr']:.3f}",
             "ssim": f"{row['ssim']:.4f}"}
            for row in json.loads(scores.read_text(encoding="utf-8"))
            if row["protocol"] == "care" and row["method"] in (RAW, RESTORED)]


def table(rows):
    """Mean and sample deviation over seeds of PSNR and SSIM (`care`), as Markdown."""
    tasks = sorted({row["task"] for row in rows})
    cells = [["trained on", "seeds", *tasks]]
    for share in (RAW, *SHARES):
        chosen = [row for row in rows if row["share"] == share]
        if chosen:
            of_task = {task: [row for row in chosen if row["task"] == task] for task in tasks}
            cells.append([NAMES[share], str(len({row["seed"] for row in chosen})), *(
                f"{spread(of_task[task], 'psnr', 2)} / {spread(of_task[task], 'ssim', 3)}"
                for task in tasks)])
    return markdown(cells)


def compare(settings):
    """Train what is missing and print the table."""
    output = Path(settings.output).resolve()
    of_table = dict(zip(_TABLE, (
        images_key(settings.data_dir, find_datasets(settings.data_dir)),
        " ".join(sorted(settings.symmetries)), str(settings.images_limit),
        str(settings.cin_iters), str(settings.num_iters))))
    for seed in settings.seeds:
        for share in settings.shares:
            done = finished(output, COLUMNS, (*_TABLE, "seed", "share"))
            if (*of_table.values(), seed, share) in done:
                continue
            print(f"seed {seed}: {NAMES[share]}", flush=True)
            rows = train_cell(settings, seed, share)
            add_rows(output, [{**of_table, **row} for row in rows if row["share"] != RAW or (
                *of_table.values(), seed, RAW) not in done], COLUMNS)
    print(table([row for row in read_rows(output) if of_table.items() <= row.items()]))


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, compare))
