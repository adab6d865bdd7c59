"""The part of a CIN-GAN run that needs TensorFlow: networks, training, defect report."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np

from microgan.runtime.batching import pixels_at_once
from microgan.config import CINGANConfig
from microgan.datasets.sampling import UnpairedBatches
from microgan.evaluation.defect_report import (
    MADE, DefectImages, measure_defects, write_report)
from microgan.evaluation.figures import save_history_figure, save_made_sheet
from microgan.methods.added_task import AddedTask
from microgan.runs.estimates import restoring_memory
from microgan.runs.run_folder import create_run_folder
from microgan.runs.training import (
    adam, describe_generator, memory_watched, memory_watched_afterwards, print_end, print_settings,
    run_training, set_up_devices)
from microgan.methods.unpaired_data import Images, UnpairedTaskData, print_parts
from microgan.methods.validated import MIDDLE_PX, MOST_VALIDATED, middle
from microgan.runs.workers import this_worker
from microgan.generator_file import (
    GeneratorInfo, build_network, load_generator, save_generator)
from microgan.losses.style import load_content_and_style
from microgan.networks.cin_gan import build_dense_critic, build_patch_critic
from microgan.runtime.precision import keras_settings_kept
from microgan.restoration.synthesis import make_degraded
from microgan.trainers.cin_gan import CINGANTrainer

_SAMPLES_PER_TASK = 2
_VALIDATION_SEED = 0
Tasks = dict[str, UnpairedTaskData]


@keras_settings_kept()
def train_and_report(config: CINGANConfig, tasks: Tasks, split: dict[str, Any],
                     draw: UnpairedBatches, folder: Path) -> None:
    """Train on checked data and compare; see `experiments.cin_gan.train_cin_gan`.

    Args:
        config: with its seed.
        tasks: by name.
        split: by task, which images are for what.
        draw: update number -> batch.
        folder: the run folder, checked.
    """
    strategy, precision = set_up_devices(config)
    info = _describe(config, tasks)
    added = AddedTask(config.init_generator) if config.init_generator else None
    with strategy.scope(), memory_watched(config):
        generator, validated = build_network(info), build_network(info)
        if added:
            added.start(generator)
        trainer = build_trainer(config, generator, num_tasks=len(info.tasks))
    create_run_folder(folder, config, split)
    print_parts(tasks)
    if added:
        print(f"Of the generator's numbers, only the {_count(generator.trainable_weights):,} of "
              f"'{config.add_task}' are learned.")
    print_settings(config, strategy, precision)

    def on_validated(update: int, rows: list[dict[str, float]]) -> None:
        save_history_figure(folder / "history.png", rows,
                            score_label="validation score (1 - distance left)")
        _save_samples(folder / "samples" / f"update_{update:06d}.png", validated, tasks)

    best_update = run_training(
        config, folder, trainer, strategy=strategy, draw=draw, validated=validated,
        save_generator=lambda weights: _save(folder / "generator.h5", weights, info, added),
        validate=lambda: _validation_scores(validated, info, tasks), on_validated=on_validated,
        validation_bytes=restoring_memory(validated, max(
            pixels_at_once(_looked_at(task, MOST_VALIDATED)[1]) for task in tasks.values())))
    if not this_worker().is_chief:
        return
    print(f"Best on the validation images: update {best_update}. Comparing with real images.")
    with memory_watched_afterwards(config, folder):
        _report(config, tasks, folder)


def _describe(config: CINGANConfig, tasks: Tasks) -> GeneratorInfo:
    arguments: dict[str, Any] = {"filters": config.generator_filters}
    if config.generator == "resnet":
        arguments["dropout"] = config.dropout
    return describe_generator(
        config, method="cin_gan", network=config.generator, network_arguments=arguments,
        normalization={name: task.normalization for name, task in tasks.items()})


def _count(weights: list[Any]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def _save(path: Path, weights: list[np.ndarray], info: GeneratorInfo,
          added: AddedTask | None) -> None:
    if added:
        weights, info = added.joined(weights), added.joined_info(info)
    save_generator(path, weights, info)


def build_trainer(config: CINGANConfig, generator: keras.Model, *,
                  num_tasks: int) -> CINGANTrainer:
    """As `cgan_training.build_trainer`, around a generator."""
    if config.critic == "dense":
        critic = build_dense_critic(config.patch_size, num_tasks=num_tasks,
                                    filters=config.critic_filters)
    else:
        critic = build_patch_critic(num_tasks=num_tasks, filters=config.critic_filters)
    needs_features = config.content_weight or config.style_weight
    betas = {"beta_1": config.adam_beta_1, "beta_2": config.adam_beta_2}
    return CINGANTrainer(
        generator, critic,
        generator_optimizer=adam(config, config.learning_rate, num_updates=config.num_iters,
                                 ema_decay=config.ema_decay, **betas),
        critic_optimizer=adam(config, config.critic_learning_rate,
                              num_updates=config.num_iters * config.critic_steps, **betas),
        features=load_content_and_style(config.content_features) if needs_features else None,
        squared_content=config.content_distance == "squared",
        content_from_degraded=config.content_from == "degraded",
        adversarial_weight=config.adversarial_weight, content_weight=config.content_weight,
        style_weight=config.style_weight, spectrum_weight=config.spectrum_weight,
        intensity_weight=config.intensity_weight, structure_weight=config.structure_weight,
        num_tasks=num_tasks,
        penalty_weight=config.penalty_weight, critic_steps=config.critic_steps,
        global_batch_size=config.batch_size)


def _compared(model: keras.Model, info: GeneratorInfo, name: str, degraded: Images,
              clean: Images, learned: Images | None = None) -> DefectImages:
    """One task's images, made ones included, in normalised intensity."""
    constants = info.normalization[name]
    made = make_degraded(model, clean, info.tasks.index(name), constants.clean,
                         constants.degraded, seed=_VALIDATION_SEED)
    return DefectImages(name, [constants.clean.to_unit(image) for image in clean],
                        [constants.degraded.to_unit(image) for image in made],
                        [constants.degraded.to_unit(image) for image in degraded],
                        [constants.degraded.to_unit(image) for image in learned or ()])


def _validation_scores(model: keras.Model, info: GeneratorInfo,
                       tasks: Tasks) -> dict[str, float]:
    """What is closed of the clean images' distance, mean of spectrum and histogram.

    A handful of validation images alone would leave the choice to chance. The generator
    never gets to see a degraded image, so those that the critic learned from count, too.
    """
    closed = {}
    for name, task in tasks.items():
        degraded, clean = _looked_at(task, MOST_VALIDATED)
        distances = measure_defects(_compared(model, info, name, degraded, clean))
        closed[f"closed_{name}"] = 1 - float(np.mean(
            [each.share for each in distances
             if each.images == MADE and each.distance in ("spectrum", "histogram")]))
    return {"score": float(np.mean(list(closed.values()))), **closed}


def _looked_at(task: UnpairedTaskData, at_most: int) -> tuple[Images, Images]:
    """The middle of the first degraded and clean images of validation, then training."""
    degraded, clean = ([middle(image) for image in images[:at_most]] for images in task.seen())
    return degraded, clean


def _save_samples(path: Path, model: keras.Model, tasks: Tasks) -> None:
    samples = []
    for number, (name, task) in enumerate(tasks.items()):
        degraded, clean = _looked_at(task, _SAMPLES_PER_TASK)
        made = make_degraded(model, clean, number, task.normalization.clean,
                             task.normalization.degraded, seed=_VALIDATION_SEED)
        samples += [(name, *images) for images in zip(clean, made, degraded)]
    save_made_sheet(path, samples)


def _report(config: CINGANConfig, tasks: Tasks, folder: Path) -> None:
    model, info = load_generator(folder / "generator.h5", method="cin_gan",
                                 precision=config.precision)
    tested = all(all(task.part("test")) for task in tasks.values())
    limit = 1 if config.dry_run else config.eval_limit
    compared, has_larger = [], False
    for name, task in tasks.items():
        whole = [images[:limit] for images in (task.part("test") if tested else task.seen())]
        has_larger |= any(max(image.shape) > MIDDLE_PX for images in whole for image in images)
        degraded, clean = ([middle(image) for image in images] for images in whole)
        learned = [middle(image) for image in task.seen()[0]] if tested else None
        compared.append(_compared(model, info, name, degraded, clean, learned))
    split = "test images" if tested else "no test images: those of training and validation"
    if has_larger:
        split += f"; of larger ones the middle {MIDDLE_PX} x {MIDDLE_PX} pixels"
    table = write_report(folder, compared, split=split)
    print_end(config, folder, table,
              "generator.h5, defect_report.md, defect_report.png, samples, history.png")
