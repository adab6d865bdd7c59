"""Base of the methods that learn from degraded images alone: no clean image, not even unpaired."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from microgan.config import TaskTrainingConfig
from microgan.datasets.normalization import TaskNormalization
from microgan.datasets.paired_arrays import (
    Images, PairedImages, has_clean, load_degraded)
from microgan.datasets.splits import Split, split_pairs
from microgan.datasets.task_files import TEST_SUFFIX
from microgan.methods.checked_pairs import load_checked_test_pairs
from microgan.methods.chosen_tasks import chosen_tasks
from microgan.methods.paired_data import TaskData, chosen_symmetries, fit_ranges
from microgan.methods.restoring import SAMPLES_PER_TASK, RestoringMethod
from microgan.methods.validated import validated_part
from microgan.runs.method import Scores, Trainer
from microgan.runs.run_files import SAMPLES

if TYPE_CHECKING:
    import keras

    from microgan.evaluation.pictures import Comparison


class DegradedAlone(RestoringMethod):
    """A method that needs no clean images.

    All degraded images train: none is kept to choose the weights, which are those of the end. A
    subclass defines `describe` and `build`, which sets `trainer`.
    """

    score_label = ""
    keeps_last = True
    not_tested = ("There are no clean images to score with. Look at the pictures in samples/. "
                  "Scores need a few pairs, in NAME_test_X.npy and NAME_test_Y.npy, or in "
                  "NAME_test/degraded and NAME_test/clean.")
    trainer: Trainer

    def load(self) -> None:
        self.tasks = load_degraded_tasks(self.config)

    def validation_bytes(self, network: keras.Model) -> float:
        from microgan.runs.estimates import restoring_memory

        return restoring_memory(network, max(
            sum(image.size for image in self._shown(name)) for name in self.tasks))

    def validate(self, network: keras.Model) -> Scores:
        from microgan.restoration.in_memory import InMemoryRestorer

        restore = InMemoryRestorer(
            network, replace(self.describe(), test_time_augmentation=False))
        for name in self.tasks:
            self.restored[name] = restore(name, self._shown(name))
        return {"score": float(np.asarray(self.trainer.generator_optimizer.iterations))}

    def draw(self, folder: Path, update: int, rows: list[Scores]) -> None:
        from microgan.evaluation.figures import save_history_figure, save_sample_sheet

        save_history_figure(folder / "history.png", rows, score_label=self.score_label,
                            weights=self.loss_weights())
        save_sample_sheet(folder / SAMPLES / f"update_{update:06d}.png", [
            (name, degraded, restored, None, task.normalization)
            for name, task in self.tasks.items()
            for degraded, restored in zip(self._shown(name), self.restored[name])])

    def glance(self) -> list[Comparison]:
        return []

    def compared(self) -> list[Comparison]:
        from microgan.evaluation.pictures import compare

        return [compare(f"{name}, {image}", degraded, restored, None, task.normalization)
                for name, task in self.tasks.items()
                for image, degraded, restored in zip(
                    task.names("train"), self._shown(name), self.restored.get(name, ()))]

    def _shown(self, name: str) -> list[np.ndarray]:
        """Return the images of a task that pictures show."""
        return validated_part(self.tasks[name].degraded_part("train")[:SAMPLES_PER_TASK])


def load_degraded_tasks(config: TaskTrainingConfig) -> dict[str, TaskData]:
    """Load, check and measure the degraded images of all tasks, and the test pairs, if any.

    Args:
        config: its `seed` must be set. `images_limit` counts degraded images; those that would
            validate in a training on pairs train, too.

    Returns:
        Tasks without clean images, whose clean intensities are taken to be the degraded ones.

    Raises:
        UserError: see `load_degraded`, `load_checked_test_pairs` and `split_pairs`; or
            --symmetries names an unknown task.
    """
    names = chosen_tasks(config)
    symmetries = chosen_symmetries(names, config.symmetries)
    tasks = {}
    for name in names:
        degraded = load_degraded(config.data_folder, name)
        test_pairs, findings = (load_checked_test_pairs(config.data_folder, name)
                                if has_clean(config.data_folder, name + TEST_SUFFIX)
                                else (None, []))
        split = _all_train(name, degraded, test_pairs, config)
        train = [degraded[i] for i in split.train]
        ranges = fit_ranges(config.normalization, name, train, train)
        tasks[name] = TaskData(PairedImages(name, degraded, ()), test_pairs, split,
                               TaskNormalization(ranges.degraded, ranges.degraded),
                               symmetries[name], test_findings=findings)
    return tasks


def _all_train(name: str, degraded: Images, test_pairs: PairedImages | None,
               config: TaskTrainingConfig) -> Split:
    """Choose the images that train."""
    if len(degraded) == 1:
        train: tuple[int, ...] = (0,)
    else:
        assert config.seed is not None
        split = split_pairs(
            PairedImages(name, degraded, degraded),
            None if test_pairs is None else PairedImages(name, test_pairs.degraded,
                                                         test_pairs.degraded),
            images_limit=config.images_limit, validation_fraction=config.validation_fraction,
            test_fraction=0.0, seed=config.seed)
        train = tuple(sorted(split.train + split.validation))
    if test_pairs is None:
        return Split(train, (), (), None)
    return Split(train, (), tuple(range(len(test_pairs))), name + TEST_SUFFIX)
