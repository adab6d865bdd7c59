"""Base of the methods that restore images: paired data, scores and report."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.datasets.splits import spread_over
from microgan.evaluation import SCORE_FILES
from microgan.evaluation.scores import (
    CROSS_VALIDATION, LINEAR_FILTER, RAW_INPUT, SYNTHETIC_VALIDATION, TEST, VALIDATION)
from microgan.generator_file import GeneratorInfo, load_generator, save_generator
from microgan.methods.calibration import Pairs, calibrated
from microgan.methods.paired_data import TaskData, load_tasks, paired_batches
from microgan.datasets.middle import middle
from microgan.methods.validated import MOST_VALIDATED
from microgan.restoration.in_memory import InMemoryRestorer
from microgan.runs.method import Method, Report, Scores
from microgan.runs.run_files import GENERATOR_FILE, SAMPLES
from microgan.runtime.batching import pixels_at_once

if TYPE_CHECKING:
    import keras

    from microgan.evaluation.pictures import Comparison
    from microgan.programs.scoring import RestoredImages

SAMPLES_PER_TASK = 2
# On the run's page, of each task.
_PAIRS_AT_A_GLANCE, _GLANCE_PX = 24, 96
_MOST_COMPARED, _COMPARED_PX = 6, 1024
_COMPARED_HOW = {
    TEST: "Neither the network nor the choice of its weights has seen the test images.",
    VALIDATION: "The validation images chose the weights, so they look somewhat too good.",
    SYNTHETIC_VALIDATION: "The degraded images are synthetic, as in the training.",
    CROSS_VALIDATION: "In the cross-validation, each image was restored by a network of folds/ "
    "that has not seen it.",
}
MOST_TO_CALIBRATE = 16  # images per task and part: enough for a few numbers
_NOT_TESTED = ("There are no real pairs to score measured images with: add NAME_test_X.npy and "
               "NAME_test_Y.npy, or NAME_test/degraded and NAME_test/clean, and run evaluate.py.")
_SCORED_TOO_WELL = ("Too few pairs to keep some for a test. For honest scores, train with 20 "
                    "pairs or more or with --test_fraction, or add NAME_test_X.npy and "
                    "NAME_test_Y.npy, or NAME_test/degraded and NAME_test/clean, and run "
                    "evaluate.py.")


class RestoringMethod(Method):
    """A method whose generator restores degraded images of one or more tasks.

    A subclass defines `describe` and `build`.
    """

    report_files = SCORE_FILES
    score_label = "validation score (PSNR in dB)"
    large_fall = 1.0
    restores = True
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

    def wrong_pairs(self) -> list[dict[str, Any]]:
        return [finding.to_json() for task in self.tasks.values()
                for finding in (*task.findings, *task.test_findings)]

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

        save_history_figure(folder / "history.png", rows, score_label=self.score_label,
                            weights=self.loss_weights(), levels=self.levels)
        samples = []
        for name, task in self.tasks.items():
            degraded, clean = task.validated()
            samples += [(name, *images, task.normalization) for images in
                        list(zip(degraded, self.restored[name], clean))[:SAMPLES_PER_TASK]]
        save_sample_sheet(folder / SAMPLES / f"update_{update:06d}.png", samples)

    def loss_weights(self) -> dict[str, float]:
        """Weight of each loss by name."""
        return self.config.loss_weights()

    @functools.cached_property
    def levels(self) -> dict[str, float]:
        """Validation scores that need no network: of the raw input, and of the linear filter."""
        from microgan.metrics.paired import mean_care_psnr

        raw, filtered = [], []
        for name, task in self.tasks.items():
            degraded, clean = task.validated()
            raw.append(mean_care_psnr(clean, degraded))
            images = self.filtered(name, degraded)
            if images is not None:
                filtered.append(mean_care_psnr(clean, images))
        levels = {RAW_INPUT: float(np.mean(raw))}
        if len(filtered) == len(raw):
            levels[LINEAR_FILTER] = float(np.mean(filtered))
        return levels

    def glance(self) -> list[Comparison]:
        from microgan.evaluation.pictures import compare

        return [compare(f"{name}, {image}", middle(degraded, _GLANCE_PX), None,
                        middle(clean, _GLANCE_PX), task.normalization)
                for name, task in self.tasks.items()
                for image, degraded, clean in list(zip(
                    map(task.pairs.pair_name, task.split.train),
                    *task.part("train")))[:_PAIRS_AT_A_GLANCE]]

    def compared(self) -> list[Comparison]:
        from microgan.evaluation.pictures import compare

        shown = []
        for name, task in self.tasks.items():
            names = spread_over(task.names("validation"), MOST_VALIDATED)
            images = zip(names, task.validated()[0], self.restored.get(name, ()),
                         task.validated_clean())
            shown += [compare(f"{name}, {image}", degraded, restored, clean, task.normalization)
                      for image, degraded, restored, clean in list(images)[:_MOST_COMPARED]]
        return shown

    def report(self, folder: Path) -> Report:
        from microgan.programs.scoring import write_report

        model, info = self.load_best(folder)
        images = [*self._scored_by(model, info), *self.cross_validated(folder)]
        table = write_report(images, folder=folder)
        compared = [comparison for part in images
                    for comparison in self._comparisons(part, model, info)]
        is_scored = any(len(part.clean) for part in images)
        if not is_scored:
            table = self.not_tested
        elif any(part.split == VALIDATION for part in images):
            table += f"\n\n{self.scored_too_well()}"
        elif any(part.split == SYNTHETIC_VALIDATION for part in images):
            table += f"\n\n{self.not_tested}"
        how = " ".join(sentence for split, sentence in _COMPARED_HOW.items()
                       if any(part.split == split and len(part.clean) for part in images))
        return Report(table, "generator.h5, " + (
            "scores.md, scores_*.png, " if is_scored else "") + "samples, history.png",
            compared, how, [f"scores_{name}.png" for name in self.tasks])

    def _comparisons(self, part: RestoredImages, model: keras.Model, info: GeneratorInfo
                     ) -> list[Comparison]:
        """Draw the first scored images, and how wrong they may be: by interval or spread."""
        from microgan.evaluation.pictures import compare
        from microgan.restoration.trust import spread_over_mirrors

        names = part.names[:_MOST_COMPARED]
        degraded, restored, clean = (
            [middle(image, _COMPARED_PX) for image in (whole or ())[:_MOST_COMPARED]]
            for whole in (part.degraded, part.restored, part.clean))
        spreads: Iterable[np.ndarray | None] = itertools.repeat(None)
        if part.split != CROSS_VALIDATION:  # which other networks restored
            restore = InMemoryRestorer(model, replace(info, test_time_augmentation=False))
            spreads = spread_over_mirrors(functools.partial(restore, part.task), degraded)
        ranges = self.tasks[part.task].normalization
        bounds = info.error_bounds.get(part.task)
        return [compare(f"{part.task}, {name}", measured, image, truth, ranges, spread, bounds)
                for name, measured, image, truth, spread in zip(
                    names, degraded, restored, clean, spreads)]

    def _scored_by(self, model: keras.Model, info: GeneratorInfo) -> list[RestoredImages]:
        """Restore the test images of every task, or those of the validation where it has none."""
        from microgan.programs.scoring import RestoredImages

        limit = 1 if self.config.dry_run else self.config.eval_limit
        restore = InMemoryRestorer(model, info)
        images = []
        for name, task in self.tasks.items():
            is_synthetic = task.synthetic_validation is not None
            if task.split.test or not (task.is_paired or is_synthetic):
                split, names, whole = TEST, task.names(TEST), task.part(TEST)
            elif self.later_trainings:
                continue  # cross-validated
            elif is_synthetic:
                split, whole = SYNTHETIC_VALIDATION, task.validated()
                names = spread_over(task.names(VALIDATION), MOST_VALIDATED)
            else:
                split, names, whole = VALIDATION, task.names(VALIDATION), task.part(VALIDATION)
            degraded, clean = (part[:limit] for part in whole)
            if degraded:
                print(f"Scoring the {split} images of {name}.")
            images.append(RestoredImages(
                name, split, names[:limit], clean, restore(name, degraded),
                degraded, info.normalization[name],
                self.filtered(name, degraded) if degraded else None))
        return images

    def scored_too_well(self) -> str:
        """Say how to get honest scores where there are no test pairs."""
        return _SCORED_TOO_WELL

    def cross_validated(self, folder: Path) -> list[RestoredImages]:
        """Restore pairs by further trainings that were not given them; usually none."""
        return []

    def filtered(self, task: str, degraded: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """Restore images of a task without any training, to be scored beside the network."""
        return None

    def load_best(self, folder: Path) -> tuple[keras.Model, GeneratorInfo]:
        """Load the generator with the best weights."""
        return load_generator(folder / GENERATOR_FILE, method=self.describe().method,
                              precision=self.config.precision)

    def load_calibrated(self, folder: Path) -> tuple[keras.Model, GeneratorInfo]:
        """Load the generator with the best weights, and calibrate and save it."""
        model, info = RestoringMethod.load_best(self, folder)
        info = calibrated(model, info, self.calibration_pairs)
        save_generator(folder / GENERATOR_FILE, model.get_weights(), info)
        return model, info

    def calibration_pairs(self, name: str) -> Pairs:
        """Return degraded and clean validation images that tell intensities and errors."""
        # Training images are memorised: their intensities would fit too well.
        degraded, clean = (spread_over(images, MOST_TO_CALIBRATE)
                           for images in self.tasks[name].validated())
        return degraded, clean
