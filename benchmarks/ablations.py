"""One change of `--recipe=limited` at a time: what each part of the recipe is worth.

For every seed, trains the recipe and each change of it on `--images_limit` pairs per task for
`--minutes`, and scores them on other pairs of the same arrays: the scores choose a recipe, so
test images are not used. A finished cell is a few rows in `--output` and is never trained twice.

    python benchmarks/ablations.py --data_dir=data --minutes=3 --seeds=1,2,3

Prints the gain of every change over the recipe with the same seed.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cells import (
    add_rows, by_values, commit, finished, folder_name, images_key, markdown, mean_and_deviation,
    read_rows, train)
from methods import EARLIER_LIMITED
from training_time import machine, train_for, trained_seconds

from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.datasets.normalization import TaskNormalization, fit_percentiles
from microgan.datasets.paired_arrays import find_datasets, load_pairs
from microgan.datasets.splits import indices_outside, spread_over
from microgan.errors import UserError
from microgan.evaluation.scores import RESTORED, score_task, summarize

RECIPE = "the recipe"
# By name in the table: flags that differ from the recipe's; {none}: no task has a symmetry.
CHANGES = {
    RECIPE: (),
    "a discriminator of neighbourhoods": ("--adversarial_weight=0.005",),
    "a discriminator of the whole image": ("--adversarial_weight=0.005", "--discriminator=dense"),
    "no content loss": ("--content_weight=0",),
    "content weight x 4": ("--content_weight=0.0012",),
    "plain instead of fitted pixel loss": ("--pixel_weight=1", "--fitted_pixel_weight=0"),
    "plain and fitted pixel loss alike": ("--pixel_weight=0.5", "--fitted_pixel_weight=0.5"),
    "no Fourier loss": ("--fourier_weight=0",),
    "Fourier loss twice as strong": ("--fourier_weight=1",),
    "Fourier loss four times as strong": ("--fourier_weight=2",),
    "extremes of the images become -1 and 1": ("--normalization=min_max",),
    "no mirror images at all": (
        "--symmetries={none}", "--test_time_augmentation=False"),
    "intensities of pairs changed at random": ("--intensity_jitter=0.2",),
    "intensities of pairs changed at random twice as much": ("--intensity_jitter=0.4",),
    "no content loss and Fourier loss four times as strong": (
        "--content_weight=0", "--fourier_weight=2"),
    "the three gains together": (
        "--content_weight=0", "--fourier_weight=1", "--intensity_jitter=0.2"),
    "the three gains together and stronger": (
        "--content_weight=0", "--fourier_weight=2", "--intensity_jitter=0.6"),
    "no averaged weights": ("--ema_decay=0",),
    "weights averaged over 200 updates": ("--ema_decay=0.995",),
    "half the channels": ("--generator_filters=8",),
    "twice the channels": ("--generator_filters=32",),
    "twice the channels and no Fourier loss": ("--generator_filters=32", "--fourier_weight=0"),
    "two crops of 128 an update": ("--patch_size=128", "--batch_size=2"),
    "half the learning rate": ("--learning_rate=0.0005",),
    "twice the learning rate": ("--learning_rate=0.002",),
    "constant learning rate without warm-up": ("--learning_rate_decay=none",),
    "no test-time augmentation": ("--test_time_augmentation=False",),
    "no calibration": ("--calibrate=False",),
}
# What identifies a table; with change and seed, a cell.
TABLE = ("data", "images", "symmetries", "images_limit", "minutes", "machine", "cores")
_KEY = (*TABLE, "change", "seed")
COLUMNS = (*_KEY, "commit", "num_iters", "trained_minutes", "task", "protocol", "n", "psnr",
           "ssim")


@dataclass(frozen=True)
class Settings(Config):
    """What to change, on which images."""

    data_dir: str = setting("data", "Folder of the images.")
    symmetries: tuple[str, ...] = setting((), "As for the training scripts.")
    stretched: tuple[str, ...] = setting((), "As for evaluate.py: not scored under range.")
    changes: tuple[str, ...] = setting(tuple(CHANGES), "Changes, by name.", choices=tuple(CHANGES))
    images_limit: int = setting(10, "Pairs per task to learn from.", minimum=2)
    held_out: int = setting(40, "Other pairs per task that are scored, at most.", minimum=1)
    minutes: float = setting(3.0, "Training time of every cell.", above=0)
    seeds: tuple[str, ...] = setting(("1", "2", "3"), "Seeds.")
    output: str = setting("benchmarks/results/ablations.csv", "Table of finished cells; read "
                          "and extended.")
    work: str = setting("ablation_runs", "Folder of the runs.")


def flags_of(change, tasks):
    """The flags of a change for some tasks; they win over earlier ones."""
    none = ",".join(f"{task}:none" for task in tasks)
    return [flag.format(none=none) for flag in CHANGES[change]]


def train_cell(settings, change, seed, work):
    """Train the recipe with a change; return the run folder."""
    # The recipe as when the other rows were trained, before there were pretrained weights.
    flags = [*EARLIER_LIMITED,
             f"--data_dir={Path(settings.data_dir).resolve()}",
             f"--images_limit={settings.images_limit}", f"--seed={seed}"]
    if settings.symmetries:
        flags.append(f"--symmetries={','.join(settings.symmetries)}")
    flags += flags_of(change, find_datasets(settings.data_dir))
    place = change.replace(" ", "_")
    return train_for(settings.minutes, "train_cGAN.py", work / f"{place}_seed{seed}", flags,
                     times=work / "times" / place, train=train)


def held_out_scores(settings, run):
    """Return the mean scores of pairs that the run has not seen, a row per task."""
    from microgan.generator_file import load_generator
    from microgan.restoration.in_memory import InMemoryRestorer

    model, info = load_generator(run / "generator.h5")
    restore = InMemoryRestorer(model, info)
    split = json.loads((run / "split.json").read_text(encoding="utf-8"))
    scores = []
    for name in info.tasks:
        pairs = load_pairs(settings.data_dir, name)
        learned = [*split[name]["train"], *split[name]["validation"]]
        unseen = held_out(pairs, name, split[name], settings.held_out)
        if not unseen:
            raise UserError(f"'{name}' has no pair left to score: all {len(pairs)} are "
                            "trained on. Lower --images_limit.")
        ranges = TaskNormalization(*(fit_percentiles([images[i] for i in learned])
                                     for images in (pairs.degraded, pairs.clean)))
        restored = restore(name, [pairs.degraded[i] for i in unseen])
        scores += score_task(
            name, "validation", clean=[pairs.clean[i] for i in unseen],
            candidates={RESTORED: restored},
            normalization=None if name in settings.stretched else ranges)
    return [{"task": row["task"], "protocol": row["protocol"], "n": str(row["n"]),
             "psnr": f"{row['psnr']:.4f}", "ssim": f"{row['ssim']:.4f}"}
            for row in summarize(scores) if row["protocol"] != "paper" and row["n"]]


def held_out(pairs, task, split, at_most):
    """Indices of pairs, evenly spaced, whose clean images no part of a run's split has."""
    parts = ["train", "validation", *(["test"] if split["test_from"] == task else [])]
    seen = [pairs.clean[index] for part in parts for index in split[part]]
    return spread_over(indices_outside(pairs.clean, seen), at_most)


def fill(settings):
    """Train and score the cells that are not in the output yet; return its path."""
    output = Path(settings.output).resolve()
    processor, cores = machine()
    work = (Path(settings.work).resolve() / f"{cores}_cores" / f"{settings.minutes:g}_minutes"
            / f"{settings.images_limit}_pairs")
    images = images_key(settings.data_dir, find_datasets(settings.data_dir))
    done = finished(output, COLUMNS, _KEY)
    for seed in settings.seeds:
        for change in settings.changes:
            cell = dict(zip(_KEY, (
                Path(settings.data_dir).resolve().name, images,
                " ".join(sorted(settings.symmetries)), str(settings.images_limit),
                f"{settings.minutes:g}", processor, str(cores), change, seed)))
            if tuple(cell.values()) in done:
                continue
            print(f"seed {seed}: {change}", flush=True)
            run = train_cell(settings, change, seed,
                             work / folder_name(cell["data"], settings.symmetries))
            seconds, num_iters = trained_seconds(run)
            add_rows(output, [
                {**cell, "commit": commit(), "num_iters": num_iters,
                 "trained_minutes": f"{seconds / 60:.2f}", **row}
                for row in held_out_scores(settings, run)], COLUMNS)
    return output


def table(rows, protocol):
    """Gains over the recipe in PSNR and SSIM, mean and deviation over seeds, as Markdown.

    Args:
        rows: of one table; they differ in change, seed and task only.
        protocol: "care" or "range".
    """
    rows = [row for row in rows if row["protocol"] == protocol]
    tasks = sorted({row["task"] for row in rows})
    scores = {(row["change"], row["seed"], row["task"]): np.array(
        [float(row["psnr"]), float(row["ssim"])]) for row in rows}
    cells = [["change", "flags", "updates", "seeds", *tasks, "mean"]]
    for change, flags in CHANGES.items():
        chosen = [row for row in rows if row["change"] == change]
        seeds = [seed for seed in sorted({row["seed"] for row in chosen})
                 if (RECIPE, seed, tasks[0]) in scores]
        if not seeds:
            continue
        own = np.array([[scores[change, seed, task] for task in tasks] for seed in seeds])
        base = np.array([[scores[RECIPE, seed, task] for task in tasks] for seed in seeds])
        shown, sign = (own, "") if change == RECIPE else (own - base, "+")
        shown = np.concatenate([shown, shown.mean(axis=1, keepdims=True)], axis=1)
        updates = [int(row["num_iters"]) for row in chosen if row["seed"] in seeds]
        cells.append([change, f"`{' '.join(flags)}`" if flags else "", f"{np.mean(updates):.0f}",
                      str(len(seeds)), *(_text(values, sign) for values in shown.swapaxes(0, 1))])
    return markdown(cells)


def _text(values, sign):
    """PSNR / SSIM, mean ± sample deviation over the seeds (rows of `values`)."""
    return " / ".join(mean_and_deviation(column, decimals, sign)
                      for column, decimals in zip(values.T, (2, 3)))


def main(settings):
    """Fill the table and print it."""
    for key, rows in by_values(read_rows(fill(settings)), TABLE).items():
        data, images, _, pairs, minutes, processor, cores = key
        print(f"## {data} (images {images}): {pairs} pairs, {minutes} minutes on {cores} core(s) "
              f"of {processor}\n")
        for protocol in ("care", "range"):
            print(f"### `{protocol}`: PSNR in dB / SSIM\n\n{table(rows, protocol)}\n")


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, main))
