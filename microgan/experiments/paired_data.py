"""The images of a paired training: loaded, checked, divided and measured.

TensorFlow is not needed for any of it, so mistakes in the data show at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from microgan.config import CGANConfig
from microgan.datasets.normalization import TaskNormalization, fit_min_max, fit_percentiles
from microgan.datasets.paired_arrays import (
    PairedImages, find_datasets, load_pairs, load_test_pairs)
from microgan.datasets.sampling import DEFAULT_SYMMETRY, SYMMETRY_OF_SHIPPED, TrainingTask
from microgan.datasets.splits import Split, digest, fingerprint, split_pairs
from microgan.errors import UserError
from microgan.metrics.paired import NotScorableError, align_care

FIT = {"min_max": fit_min_max, "percentiles": fit_percentiles}


@dataclass(frozen=True)
class TaskData:
    """One task's images and how they are divided and normalised."""

    pairs: PairedImages
    test_pairs: PairedImages | None
    split: Split
    normalization: TaskNormalization
    symmetries: str

    def split_record(self) -> dict[str, Any]:
        """The split, and which images it divides, for `split.json`."""
        return {**self.split.to_json(),
                "images": fingerprint(self.pairs.degraded, self.pairs.clean)}

    def training_task(self) -> TrainingTask:
        """What training draws from."""
        return TrainingTask(self.pairs.name, *self.part("train"), self.normalization,
                            self.symmetries)

    def part(self, name: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Degraded and clean images of `train`, `validation` or `test`."""
        from_test_arrays = name == "test" and self.test_pairs is not None
        pairs = self.test_pairs if from_test_arrays else self.pairs
        assert pairs is not None
        indices = getattr(self.split, name)
        return [pairs.degraded[i] for i in indices], [pairs.clean[i] for i in indices]


def load_tasks(config: CGANConfig) -> dict[str, TaskData]:
    """Load, check, divide and measure all tasks.

    Args:
        config: its `seed` must be set.

    Raises:
        UserError: see `load_pairs` and `split_pairs`; or --symmetries names no task.
    """
    names = config.datasets or find_datasets(config.data_dir)
    symmetries = chosen_symmetries(names, config.symmetries)
    fit = FIT[config.normalization]
    assert config.seed is not None
    tasks = {}
    for name in names:
        pairs = load_pairs(config.data_dir, name)
        test_pairs = load_test_pairs(config.data_dir, name)
        split = split_pairs(pairs, test_pairs, images_limit=config.images_limit,
                            validation_fraction=config.validation_fraction,
                            test_fraction=config.test_fraction, seed=config.seed)
        normalization = TaskNormalization(
            degraded=fit([pairs.degraded[i] for i in split.train]),
            clean=fit([pairs.clean[i] for i in split.train]))
        tasks[name] = TaskData(pairs, test_pairs, split, normalization, symmetries[name])
    _refuse_leaks(tasks)
    for name, task in tasks.items():
        _refuse_unscorable(name, task)
    return tasks


def _refuse_unscorable(name: str, task: TaskData) -> None:
    """Validation chooses the weights by CARE's score, which an empty image has not."""
    for index, image in zip(task.split.validation, task.part("validation")[1]):
        try:
            align_care(image, image)
        except NotScorableError as error:
            raise UserError(f"Clean image {index} of '{name}' chooses the checkpoint, but cannot "
                            f"be scored: {error}. Remove the pair, or pass another --seed."
                            ) from error


def _refuse_leaks(tasks: dict[str, TaskData]) -> None:
    """One network learns all tasks: no truth of one may be judged in another."""
    learned = {digest(image): name for name, task in tasks.items()
               for image in task.part("train")[1]}
    for name, task in tasks.items():
        for part in ("validation", "test"):
            for index, image in zip(getattr(task.split, part), task.part(part)[1]):
                if digest(image) in learned:
                    raise UserError(
                        f"Clean image {index} of the {part} part of '{name}' is also learned "
                        f"from in '{learned[digest(image)]}'. Give both the same number of "
                        "pairs, so that they are divided alike, or train them apart with "
                        "--datasets.")


def chosen_symmetries(names: tuple[str, ...], given: tuple[str, ...]) -> dict[str, str]:
    """Symmetries of every task: as given, else what suits the shipped sets, else flips."""
    chosen = {name: SYMMETRY_OF_SHIPPED.get(name, DEFAULT_SYMMETRY) for name in names}
    for entry in given:
        name, _, symmetry = entry.partition(":")
        if name not in chosen:
            raise UserError(f"--symmetries names '{name}', which is no task of this run. Tasks: "
                            f"{', '.join(names)}.")
        chosen[name] = symmetry
    return chosen
