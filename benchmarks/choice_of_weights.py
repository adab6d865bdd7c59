"""Which weights of a training on few pairs to keep: measured on pairs that chose nothing.

    python -m benchmarks.choice_of_weights --data_dir=REAL --num_iters=600 --seeds=1,2,3

For every seed, `train_cGAN.py --recipe=limited` learns `--images_limit` pairs per task six times:
five times a fifth of them is kept for validation, once none is. Prints what each way to choose
among the updates gives on other pairs of the same arrays. Run it again to continue.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from microgan.cli.command import run_command
from microgan.config import CGANConfig, Config, setting
from microgan.datasets.normalization import TaskNormalization
from microgan.datasets.splits import Split, indices_outside, spread_over
from microgan.files.whole import make_folder
from microgan.methods.cgan import CGAN
from microgan.methods.paired_data import TaskData, fit_ranges
from microgan.metrics.paired import mean_care_psnr
from microgan.restoration.in_memory import InMemoryRestorer
from microgan.runs.method import Scores
from microgan.runs.run import prepared

_PARTS = 5
HELD_OUT = "held out"


@dataclass(frozen=True)
class Settings(Config):
    """What to train on, and for how long."""

    data_dir: str = setting("data", "Folder of the images.")
    datasets: tuple[str, ...] = setting((), "As for train_cGAN.py.")
    symmetries: tuple[str, ...] = setting((), "As for train_cGAN.py.")
    images_limit: int = setting(10, "Pairs per task to learn from.", minimum=_PARTS)
    held_out: int = setting(20, "Other pairs per task that are scored, at most.", minimum=1)
    num_iters: int = setting(600, "Updates of every training.", minimum=1)
    validate_every: int = setting(100, "Updates between validations.", minimum=1)
    seeds: tuple[str, ...] = setting(("1", "2", "3"), "Seeds.")
    work: str = setting("choice_runs", "Folder of the runs.")


class Watched(CGAN):
    """The cGAN, whose pairs outside the training are scored at every validation, too."""

    held_out: Mapping[str, tuple[list[np.ndarray], list[np.ndarray]]] = {}

    def validate(self, network: keras.Model) -> Scores:
        restore = InMemoryRestorer(network, self.describe())
        scores = [mean_care_psnr(clean, restore(name, degraded))
                  for name, (degraded, clean) in self.held_out.items()]
        return {**super().validate(network), HELD_OUT: float(np.mean(scores))}

    def draw(self, folder: Path, update: int, rows: list[Scores]) -> None:
        """Draw nothing."""


def measure(settings: Settings) -> None:
    """Train what is not trained yet, and print the table."""
    results = [_train_all(settings, int(seed)) for seed in settings.seeds]
    print("| weights | pairs that train | held out, dB |\n|---|---|---|")
    for name, count in results[0]:
        values = [result[name, count] for result in results]
        spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
        print(f"| {name} | {count} | {np.mean(values):.2f}{spread} |")


def compare(divided: Sequence[Sequence[Scores]], whole: Sequence[Scores], *, of_each: int,
            of_whole: int) -> dict[tuple[str, int], float]:
    """Return what each way to choose among the updates gives on the held-out pairs.

    Args:
        divided: histories of the trainings that keep some pairs for validation.
        whole: that of the training that keeps none; its validation scores are not used.
        of_each: pairs that train in each of `divided`.
        of_whole: pairs that train in `whole`.

    Returns:
        By way and number of pairs, PSNR in dB, for `divided` its mean.

    Example:
        >>> late = [{"score": 1.0, "held out": 20.0}, {"score": 2.0, "held out": 21.0}]
        >>> early = [{"score": 2.0, "held out": 20.0}, {"score": 1.0, "held out": 21.0}]
        >>> compare([early, late], late, of_each=8, of_whole=10)["best of their validation", 8]
        20.5
    """
    scores, held_out = (np.array([[row[name] for row in history] for history in divided])
                        for name in ("score", HELD_OUT))
    of_ten = [row[HELD_OUT] for row in whole]
    each = np.arange(len(scores))
    return {
        ("best of their validation", of_each): float(
            held_out[each, scores.argmax(axis=1)].mean()),
        ("the last, averaged", of_each): float(held_out[:, -1].mean()),
        ("best of the held-out pairs, which nobody has", of_each): float(
            held_out.max(axis=1).mean()),
        ("the last, averaged", of_whole): of_ten[-1],
        ("update that cross-validation finds best", of_whole): of_ten[
            int(scores.mean(axis=0).argmax())],
        ("best of the held-out pairs, which nobody has", of_whole): max(of_ten)}


def _train_all(settings: Settings, seed: int) -> dict[tuple[str, int], float]:
    config = CGAN.settle(CGANConfig.create(
        recipe="limited", data_dir=settings.data_dir, datasets=settings.datasets,
        symmetries=settings.symmetries, images_limit=settings.images_limit,
        num_iters=settings.num_iters, validate_every=settings.validate_every, seed=seed,
        resume=True))
    method = Watched(config)
    method.load()
    held_out = {}
    for name, task in method.tasks.items():
        seen = task.clean_part("train") + task.clean_part("validation")
        others = spread_over(indices_outside(task.pairs.clean, seen), settings.held_out)
        held_out[name] = ([task.pairs.degraded[index] for index in others],
                          [task.pairs.clean[index] for index in others])
    folder = Path(settings.work) / f"{settings.num_iters}_updates" / f"seed{seed}"
    histories = []
    for part in range(_PARTS + 1):
        watched = Watched(config)
        watched.held_out = held_out
        watched.take({name: _divided(task, part, config) for name, task in method.tasks.items()})
        inner = folder / ("whole" if part == _PARTS else f"part{part + 1}")
        make_folder(inner, "--work")
        prepared(watched, inner).do_updates()
        with open(inner / "history.csv", encoding="utf-8", newline="") as file:
            histories.append([{name: float(row[name]) for name in ("score", HELD_OUT)}
                              for row in csv.DictReader(file)])
    limit = settings.images_limit
    return compare(histories[:_PARTS], histories[_PARTS], of_each=limit - limit // _PARTS,
                   of_whole=limit)


def _divided(task: TaskData, part: int, config: CGANConfig) -> TaskData:
    """Keep a fifth of the pairs for validation; of the part beyond the last, none."""
    pool = np.random.default_rng(config.seed).permutation(
        sorted(task.split.train + task.split.validation)).tolist()
    if part == _PARTS:
        train, validation = pool, pool[:1]  # its score counts nowhere
    else:
        validation = pool[part::_PARTS]
        train = [index for index in pool if index not in validation]
    divided = replace(task, test_pairs=None, split=Split(
        tuple(sorted(train)), tuple(sorted(validation)), (), None))
    ranges: TaskNormalization = fit_ranges(config.normalization, task.pairs.name,
                                           *divided.part("train"))
    return replace(divided, normalization=ranges)


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__ or "", measure))
