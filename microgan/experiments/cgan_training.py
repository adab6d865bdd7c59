"""The part of a cGAN run that needs TensorFlow: networks, training, scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from microgan.config import CGANConfig
from microgan.datasets.sampling import PairedBatches
from microgan.evaluation.figures import save_history_figure, save_sample_sheet
from microgan.experiments.made_data import PairMaker
from microgan.experiments.paired_data import TaskData
from microgan.experiments.run_folder import create_run_folder
from microgan.experiments.scoring import score_generator
from microgan.experiments.training import (
    adam, describe_generator, memory_watched, print_end, print_settings, run_training,
    set_up_devices)
from microgan.experiments.workers import this_worker
from microgan.generator_file import (
    GeneratorInfo, build_network, load_generator, save_generator)
from microgan.losses.perceptual import load_feature_extractor
from microgan.metrics.paired import align_care, psnr
from microgan.networks.cgan import build_dense_discriminator, build_patch_discriminator
from microgan.restoration.restorer import restore_planes
from microgan.trainers.cgan import CGANTrainer

_SAMPLES_PER_TASK = 2


def train_and_score(config: CGANConfig, tasks: dict[str, TaskData], draw: PairedBatches,
                    folder: Path, maker: PairMaker | None) -> None:
    """Train on checked data and score on the test images; see `experiments.cgan.train_cgan`.

    Args:
        config: with its seed.
        tasks: by name.
        draw: update number -> batch.
        folder: the run folder, checked.
        maker: of pairs, with CIN-GAN.
    """
    strategy, precision = set_up_devices(config)
    if maker is not None and config.made_share == 1:
        tasks = maker.with_made_validation(tasks)
    info = _describe(config, tasks)
    with strategy.scope(), memory_watched(config):
        trainer = build_trainer(config, info)
        validated = build_network(info)
    create_run_folder(folder, config,
                      {name: task.split_record() for name, task in tasks.items()})
    _print_parts(tasks)
    print_settings(config, strategy, precision)

    def on_validated(update: int, rows: list[dict[str, float]]) -> None:
        save_history_figure(folder / "history.png", rows)
        _save_samples(folder / "samples" / f"update_{update:06d}.png", validated, tasks)

    best_update = run_training(
        config, folder, trainer, strategy=strategy, draw=draw, validated=validated,
        save_generator=lambda weights: save_generator(folder / "generator.h5", weights, info),
        validate=lambda: _validation_scores(validated, tasks), on_validated=on_validated)
    if not this_worker().is_chief:
        return
    print(f"Best on the validation images: update {best_update}. Scoring the test images.")
    _score(config, tasks, folder)


def _describe(config: CGANConfig, tasks: dict[str, TaskData]) -> GeneratorInfo:
    arguments: dict[str, Any] = {"filters": config.generator_filters}
    if config.generator == "resnet":
        arguments["dropout"] = config.dropout
    return describe_generator(
        config, method="cgan", network=config.generator, network_arguments=arguments,
        normalization={name: task.normalization for name, task in tasks.items()})


def build_trainer(config: CGANConfig, info: GeneratorInfo) -> CGANTrainer:
    """Build networks, losses and optimizers as the config says; call it under the strategy."""
    if config.discriminator == "dense":
        discriminator = build_dense_discriminator(config.patch_size,
                                                  filters=config.discriminator_filters)
    else:
        discriminator = build_patch_discriminator(filters=config.discriminator_filters)
    features = load_feature_extractor(config.content_features) if config.content_weight else None
    return CGANTrainer(
        build_network(info), discriminator,
        generator_optimizer=adam(config, config.learning_rate, num_updates=config.num_iters,
                                 ema_decay=config.ema_decay),
        discriminator_optimizer=adam(config, config.learning_rate, num_updates=config.num_iters),
        content_features=features, squared_content=config.content_distance == "squared",
        content_weight=config.content_weight, adversarial_weight=config.adversarial_weight,
        pixel_weight=config.pixel_weight, fitted_pixel_weight=config.fitted_pixel_weight,
        global_batch_size=config.batch_size)


def _restore(model: keras.Model, task: TaskData, degraded: list[np.ndarray]) -> list[np.ndarray]:
    return restore_planes(model, degraded, task.normalization.degraded, task.normalization.clean)


def _validation_scores(model: keras.Model, tasks: dict[str, TaskData]) -> dict[str, float]:
    """Mean PSNR of each task's validation images under `care`, and the mean over tasks."""
    psnr_by_task = {}
    for name, task in tasks.items():
        degraded, clean = task.part("validation")
        aligned = (align_care(truth, image)
                   for truth, image in zip(clean, _restore(model, task, degraded)))
        psnr_by_task[f"psnr_{name}"] = float(np.mean(
            [psnr(truth, image, data_range=data_range) for truth, image, data_range in aligned]))
    return {"score": float(np.mean(list(psnr_by_task.values()))), **psnr_by_task}


def _save_samples(path: Path, model: keras.Model, tasks: dict[str, TaskData]) -> None:
    samples = []
    for name, task in tasks.items():
        degraded, clean = (images[:_SAMPLES_PER_TASK] for images in task.part("validation"))
        samples += [(name, *images, task.normalization)
                    for images in zip(degraded, _restore(model, task, degraded), clean)]
    save_sample_sheet(path, samples)


def _score(config: CGANConfig, tasks: dict[str, TaskData], folder: Path) -> None:
    model, info = load_generator(folder / "generator.h5", precision=config.precision)
    limit = 1 if config.dry_run else config.eval_limit
    parts = {}
    for name, task in tasks.items():
        degraded, clean = task.part("test")
        parts[name] = (list(task.split.test)[:limit], degraded[:limit], clean[:limit])
    table = score_generator(model, info, parts, split="test", folder=folder)
    print_end(config, folder, table,
              "generator.h5, scores.md, scores_*.png, samples, history.png")


def _print_parts(tasks: dict[str, TaskData]) -> None:
    for name, task in tasks.items():
        parts = ", ".join(f"{len(getattr(task.split, part)) or 'none'} {part}"
                          for part in ("train", "validation", "test"))
        made = (f"; pairs are made from {len(task.clean_to_degrade)} clean images"
                if len(task.clean_to_degrade) else "")
        print(f"{name}: {parts}{made}; symmetries: {task.symmetries}")
