"""Base of the methods that restore images: paired data, scores and report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.evaluation import SCORE_FILES
from microgan.generator_file import GeneratorInfo, load_generator
from microgan.methods.paired_data import TaskData, load_tasks, paired_batches
from microgan.restoration.in_memory import InMemoryRestorer
from microgan.runs.method import Method, Report, Scores
from microgan.runs.run_files import GENERATOR_FILE, SAMPLES
from microgan.runtime.batching import pixels_at_once

if TYPE_CHECKING:
    import keras

SAMPLES_PER_TASK = 2
_NOT_TESTED = ("Nothing was tested, since no pairs are held out: add NAME_test_X.npy and "
               "NAME_test_Y.npy, or NAME_test/degraded and NAME_test/clean, and run evaluate.py, "
               "or train with 20 pairs or more, or with --test_fraction. evaluate.py "
               "--split=validation scores the validation pairs, somewhat too well.")


class RestoringMethod(Method):
    """A method whose generator restores degraded images of one or more tasks.

    A subclass defines `describe` and `build`.
    """

    report_files = SCORE_FILES
    score_label = "validation score (PSNR in dB)"
    not_tested = _NOT_TESTED

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.tasks: dict[str, TaskData] = {}
        self.restored: dict[str, list[np.ndarray]] = {}

    def load(self) -> None:
        self.tasks = load_tasks(self.config)
        self.batches = paired_batches(self.config, self.tasks)

    def split(self) -> dict[str, Any]:
        return {name: task.split_record() for name, task in self.tasks.items()}

    def describe_data(self) -> str:
        return "\n".join(task.describe() for task in self.tasks.values())

    def batch(self, update: int) -> dict[str, np.ndarray]:
        return self.batches(update)

    def validation_bytes(self, network: keras.Model) -> float:
        from microgan.runs.estimates import restoring_memory

        return restoring_memory(network, max(
            pixels_at_once(task.validated_clean()) for task in self.tasks.values()))

    def validate(self, network: keras.Model) -> Scores:
        from microgan.metrics.paired import mean_care_psnr

        # Without mirror images, which would take four times as long.
        restore = InMemoryRestorer(
            network, replace(self.describe(), test_time_augmentation=False))
        scores = {}
        for name, task in self.tasks.items():
            degraded, clean = task.validated()
            self.restored[name] = restore(name, degraded)
            scores[f"psnr_{name}"] = mean_care_psnr(clean, self.restored[name])
        return {"score": float(np.mean(list(scores.values()))), **scores}

    def draw(self, folder: Path, update: int, rows: list[Scores]) -> None:
        from microgan.evaluation.figures import save_history_figure, save_sample_sheet

        save_history_figure(folder / "history.png", rows, score_label=self.score_label)
        samples = []
        for name, task in self.tasks.items():
            degraded, clean = task.validated()
            samples += [(name, *images, task.normalization) for images in
                        list(zip(degraded, self.restored[name], clean))[:SAMPLES_PER_TASK]]
        save_sample_sheet(folder / SAMPLES / f"update_{update:06d}.png", samples)

    def report(self, folder: Path) -> Report:
        from microgan.programs.scoring import score_generator

        model, info = self.load_best(folder)
        limit = 1 if self.config.dry_run else self.config.eval_limit
        parts = {}
        for name, task in self.tasks.items():
            degraded, clean = task.part("test")
            parts[name] = (list(task.split.test)[:limit], degraded[:limit], clean[:limit])
        has_tests = any(degraded for _, degraded, _ in parts.values())
        if has_tests:
            print("Scoring the test images.")
        filtered = {name: self.filtered(name, degraded)
                    for name, (_, degraded, _) in parts.items() if degraded}
        table = score_generator(model, info, parts, split="test", folder=folder, filtered={
            name: images for name, images in filtered.items() if images is not None})
        return Report(table if has_tests else self.not_tested, "generator.h5, " + (
            "scores.md, scores_*.png, " if has_tests else "") + "samples, history.png")

    def filtered(self, task: str, degraded: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """Restore images of a task without any training, to be scored beside the network."""
        return None

    def load_best(self, folder: Path) -> tuple[keras.Model, GeneratorInfo]:
        """Load the generator with the best weights."""
        return load_generator(folder / GENERATOR_FILE, method=self.describe().method,
                              precision=self.config.precision)
