"""Training and scoring of a network that restores, whatever the method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from microgan.runtime.amounts import significant
from microgan.config import TaskTrainingConfig
from microgan.runtime.batching import pixels_at_once
from microgan.evaluation.figures import save_history_figure, save_sample_sheet
from microgan.runs.estimates import restoring_memory
from microgan.methods.paired_data import TaskData
from microgan.runs.run_folder import create_run_folder
from microgan.programs.scoring import score_generator
from microgan.runs.training import (
    GeneratorTrainer, memory_watched, memory_watched_afterwards, print_end, print_settings,
    run_training)
from microgan.methods.validated import middle
from microgan.runs.workers import this_worker
from microgan.generator_file import GeneratorInfo, build_network, load_generator, save_generator
from microgan.metrics.paired import align_care, psnr
from microgan.restoration.in_memory import InMemoryRestorer

_SAMPLES_PER_TASK = 2
_NOT_TESTED = ("Nothing was tested, since no pairs are kept apart: add NAME_test_X.npy and "
               "NAME_test_Y.npy, or NAME_test/degraded and NAME_test/clean, and run evaluate.py, "
               "or train with 20 pairs or more, or with --test_fraction. evaluate.py "
               "--split=validation measures the pairs that chose the weights, somewhat too well.")
Scores = dict[str, float]
Pairs = tuple[Sequence[np.ndarray], Sequence[np.ndarray]]
RestoredTasks = dict[str, list[np.ndarray]]


def train_restorer(config: TaskTrainingConfig, tasks: dict[str, TaskData], folder: Path,
                   info: GeneratorInfo, *, draw: Callable[[int], dict[str, np.ndarray]],
                   split: dict[str, Any], strategy: tf.distribute.Strategy, precision: str,
                   build_trainer: Callable[[], GeneratorTrainer],
                   validate: Callable[[RestoredTasks, GeneratorTrainer], Scores] | None = None,
                   after_validation: Callable[[GeneratorTrainer, list[Scores]], None]
                   = lambda trainer, rows: None,
                   score_label: str = "validation score (PSNR in dB)",
                   calibration_pairs: Callable[[str], Pairs] | None = None) -> None:
    """Train on checked data, keep the best weights and score them on the test images.

    Args:
        config: with its seed.
        tasks: by name; of their pairs the validation and test parts are used here.
        folder: the run folder, checked.
        info: of the generator.
        draw: update number -> batch.
        split: by task, which images are for what.
        strategy: the devices.
        precision: taken, for the record.
        build_trainer: called under the strategy.
        validate: scores the restored validation images of every task, beside the trainer;
            None for `validation_scores`.
        after_validation: called with the trainer and all history rows.
        score_label: what ranks the weights, with its unit.
        calibration_pairs: gives the degraded and clean images of a task that the best
            weights' intensities are calibrated with; None for no calibration.
    """
    with strategy.scope(), memory_watched(config):
        trainer = build_trainer()
        validated = build_network(info)
    # Weights are compared without mirror images, which would take four times as long.
    restore = InMemoryRestorer(validated, replace(info, test_time_augmentation=False))
    create_run_folder(folder, config, split)
    print_settings(config, strategy, precision)

    restored: RestoredTasks = {}

    def validate_restored() -> Scores:
        for name, task in tasks.items():
            restored[name] = restore(name, task.validated()[0])
        return validate(restored, trainer) if validate else validation_scores(restored, tasks)

    def on_validated(update: int, rows: list[Scores]) -> None:
        after_validation(trainer, rows)
        save_history_figure(folder / "history.png", rows, score_label=score_label)
        _save_samples(folder / "samples" / f"update_{update:06d}.png", restored, tasks)

    best_update = run_training(
        config, folder, trainer, strategy=strategy, draw=draw, validated=validated,
        save_generator=lambda weights: save_generator(folder / "generator.h5", weights, info),
        validate=validate_restored, on_validated=on_validated,
        validation_bytes=restoring_memory(validated, max(
            pixels_at_once(task.validated_clean()) for task in tasks.values())))
    if not this_worker().is_chief:
        return
    print(f"Best on the validation images: update {best_update}.")
    model, _ = load_generator(folder / "generator.h5", method=info.method,
                              precision=config.precision)
    with memory_watched_afterwards(config, folder):
        if calibration_pairs:
            info = calibrated(model, info, calibration_pairs)
            save_generator(folder / "generator.h5", model.get_weights(), info)
        _score(config, tasks, folder, model, info)


def print_parts(tasks: dict[str, TaskData]) -> None:
    """Print how many pairs of every task are for what."""
    for name, task in tasks.items():
        parts = ", ".join(f"{len(getattr(task.split, part)) or 'none'} {part}"
                          for part in ("train", "validation", "test"))
        made = (f"; pairs are made from {len(task.clean_to_degrade)} clean images"
                if len(task.clean_to_degrade) else "")
        print(f"{name}: {parts}{made}; symmetries: {task.symmetries}")


def validation_scores(restored: RestoredTasks, tasks: dict[str, TaskData]) -> Scores:
    """Mean PSNR of each task's validation images under `care`, and the mean over tasks."""
    psnr_by_task = {}
    for name, task in tasks.items():
        aligned = (align_care(truth, image)
                   for truth, image in zip(task.validated_clean(), restored[name]))
        psnr_by_task[f"psnr_{name}"] = float(np.mean(
            [psnr(truth, image, data_range=data_range) for truth, image, data_range in aligned]))
    return {"score": float(np.mean(list(psnr_by_task.values()))), **psnr_by_task}


def _save_samples(path: Path, restored: RestoredTasks, tasks: dict[str, TaskData]) -> None:
    samples = []
    for name, task in tasks.items():
        degraded, clean = task.validated()
        samples += [(name, *images, task.normalization) for images in
                    list(zip(degraded, restored[name], clean))[:_SAMPLES_PER_TASK]]
    save_sample_sheet(path, samples)


def calibrated(model: keras.Model, info: GeneratorInfo,
               pairs: Callable[[str], Pairs]) -> GeneratorInfo:
    """Fit the intensities of every task's restored images to its clean ones.

    Args:
        model: the generator.
        info: what its file says of it, not calibrated.
        pairs: task -> degraded and clean images; of large ones the middle is taken.

    Returns:
        The same with calibrated ranges; see `TaskNormalization.calibrate`.
    """
    restore = InMemoryRestorer(model, info)
    normalization = {}
    for name, ranges in info.normalization.items():
        degraded, clean = ([middle(image) for image in images] for images in pairs(name))
        normalization[name] = ranges.calibrate(restore(name, degraded), clean)
        fitted, before = normalization[name].calibrated, ranges.clean
        print(f"{name}: " + (
            f"restored intensities {significant(before.low, 4)} to {significant(before.high, 4)} "
            f"are calibrated to {significant(fitted.low, 4)} to {significant(fitted.high, 4)}."
            if fitted else
            "no calibration, since it takes at least two validation images that agree on one."))
    return replace(info, normalization=normalization)


def _score(config: TaskTrainingConfig, tasks: dict[str, TaskData], folder: Path,
           model: keras.Model, info: GeneratorInfo) -> None:
    limit = 1 if config.dry_run else config.eval_limit
    parts = {}
    for name, task in tasks.items():
        degraded, clean = task.part("test")
        parts[name] = (list(task.split.test)[:limit], degraded[:limit], clean[:limit])
    has_tests = any(degraded for _, degraded, _ in parts.values())
    if has_tests:
        print("Scoring the test images.")
    table = score_generator(model, info, parts, split="test", folder=folder)
    print_end(config, folder, table if has_tests else _NOT_TESTED, "generator.h5, "
              + ("scores.md, scores_*.png, " if has_tests else "") + "samples, history.png")
