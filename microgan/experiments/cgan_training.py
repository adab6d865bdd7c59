"""The part of a cGAN run that needs TensorFlow: networks, training, scores."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import microgan
from microgan.callbacks import Checkpoints, Progress, Recorder, format_seconds
from microgan.config import CGANConfig
from microgan.datasets.pipelines import distributed_batches
from microgan.datasets.sampling import PairedBatches
from microgan.errors import Interrupted, UserError
from microgan.evaluation.figures import save_history_figure, save_sample_sheet
from microgan.experiments.devices import choose_strategy, prepare
from microgan.experiments.estimates import estimated_memory, estimated_seconds, update_cost
from microgan.experiments.paired_data import TaskData
from microgan.experiments.run_folder import create_run_folder
from microgan.experiments.scoring import score_generator
from microgan.files import write_json
from microgan.generator_file import GeneratorInfo, build_network, load_generator, save_generator
from microgan.losses.perceptual import load_feature_extractor
from microgan.metrics.paired import align_care, psnr
from microgan.networks.cgan import build_dense_discriminator, build_patch_discriminator
from microgan.restoration.restorer import restore_planes
from microgan.trainers.cgan import CGANTrainer
from microgan.trainers.loop import compile_update, run_updates

_SAMPLES_PER_TASK = 2
_LONG_SECONDS = 3600


def train_and_score(config: CGANConfig, tasks: dict[str, TaskData], draw: PairedBatches,
                    folder: Path) -> None:
    """Train on checked data and score on the test images; see `experiments.cgan.train_cgan`.

    Args:
        config: with its seed.
        tasks: by name.
        draw: update number -> batch.
        folder: the run folder, checked.
    """
    assert config.seed is not None
    strategy = choose_strategy(config.num_gpu)
    if config.batch_size % strategy.num_replicas_in_sync:
        raise UserError(f"--batch_size={config.batch_size} cannot be shared equally by "
                        f"{strategy.num_replicas_in_sync} GPUs.")
    precision = prepare(seed=config.seed, deterministic=config.deterministic,
                        precision=config.precision)
    info = _generator_info(config, tasks)
    with strategy.scope():
        trainer = _build_trainer(config, info)
        validated = build_network(info)
    create_run_folder(folder, config)
    write_json(folder / "split.json",
               {name: task.split.to_json() for name, task in tasks.items()})
    _print_plan(config, tasks, strategy.extended.worker_devices, precision)

    def averaged_weights() -> list[np.ndarray]:
        optimizer = trainer.generator_optimizer
        # Keras' own way to the averages, see keras.callbacks.SwapEMAWeights.
        variables = (optimizer._model_variables_moving_average if optimizer.use_ema
                     else trainer.generator.trainable_variables)
        return [np.asarray(variable) for variable in variables]

    def validate(update: int) -> dict[str, float]:
        validated.set_weights(averaged_weights())
        return _validation_scores(validated, tasks)

    def on_validated(update: int, rows: list[dict[str, float]]) -> None:
        save_history_figure(folder / "history.png", rows)
        _save_samples(folder / "samples" / f"update_{update:06d}.png", validated, tasks)

    recorder = Recorder(
        folder, num_iters=config.num_iters, validate_every=config.validate_every,
        validate=validate, get_weights=validated.get_weights, on_validated=on_validated,
        on_best=lambda update, weights: save_generator(folder / "generator.h5", weights, info))
    checkpoints = Checkpoints(folder / "checkpoint", trainer.state, recorder,
                              minutes=config.checkpoint_minutes)
    first_update = checkpoints.restore() if config.resume else 0
    if first_update < config.num_iters:
        batches = distributed_batches(draw, strategy=strategy, first_update=first_update,
                                      num_iters=config.num_iters)
        update = compile_update(trainer, strategy)
        graph = update.get_concrete_function(batches.element_spec).graph
        _print_estimate(graph, trainer, config.num_iters - first_update, config.recipe)
        progress = Progress(num_iters=config.num_iters, batch_size=config.batch_size,
                            first_update=first_update)
        try:
            run_updates(update, batches, first_update=first_update,
                        callbacks=keras.callbacks.CallbackList([recorder, checkpoints, progress]))
        except Interrupted as interruption:
            raise Interrupted(f"{interruption} All is saved in {folder}: go on with --resume.",
                              interruption.status) from None
        except tf.errors.ResourceExhaustedError as error:
            raise UserError(f"Memory ran out at --batch_size={config.batch_size}, "
                            f"--patch_size={config.patch_size}. Lower one of them.") from error
    elif (folder / "scores.json").exists():
        print(f"The run in {folder} is finished: {config.num_iters} updates.")
        return
    print(f"Best on the validation images: update {recorder.best_update}. Scoring the test "
          "images.")
    _score(config, tasks, folder)


def _generator_info(config: CGANConfig, tasks: dict[str, TaskData]) -> GeneratorInfo:
    arguments: dict[str, Any] = {"filters": config.generator_filters}
    if config.generator == "resnet":
        arguments["dropout"] = config.dropout
    text = json.dumps(config.to_json(), sort_keys=True)
    return GeneratorInfo(
        method="cgan", network=config.generator, network_arguments=arguments,
        tasks=tuple(tasks), normalization={name: task.normalization
                                           for name, task in tasks.items()},
        axes="YX", microgan_version=microgan.__version__,
        config_hash=hashlib.sha256(text.encode()).hexdigest())


def _build_trainer(config: CGANConfig, info: GeneratorInfo) -> CGANTrainer:
    if config.discriminator == "dense":
        discriminator = build_dense_discriminator(config.patch_size,
                                                  filters=config.discriminator_filters)
    else:
        discriminator = build_patch_discriminator(filters=config.discriminator_filters)
    features = load_feature_extractor(config.content_features) if config.content_weight else None
    return CGANTrainer(
        build_network(info), discriminator,
        generator_optimizer=_adam(config, ema_decay=config.ema_decay),
        discriminator_optimizer=_adam(config, ema_decay=0.0),
        content_features=features, squared_content=config.content_distance == "squared",
        content_weight=config.content_weight, adversarial_weight=config.adversarial_weight,
        pixel_weight=config.pixel_weight, fitted_pixel_weight=config.fitted_pixel_weight,
        global_batch_size=config.batch_size)


def _adam(config: CGANConfig, *, ema_decay: float) -> keras.optimizers.Adam:
    rate: Any = config.learning_rate
    if config.learning_rate_decay == "cosine":
        warmup = max(1, config.num_iters // 20)
        rate = keras.optimizers.schedules.CosineDecay(
            config.learning_rate / warmup, max(1, config.num_iters - warmup),
            warmup_target=config.learning_rate, warmup_steps=warmup)
    average = {"use_ema": True, "ema_momentum": ema_decay} if ema_decay else {}
    return keras.optimizers.Adam(rate, epsilon=config.adam_epsilon, **average)


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
    parts = {}
    for name, task in tasks.items():
        degraded, clean = task.part("test")
        parts[name] = (list(task.split.test)[:config.eval_limit], degraded[:config.eval_limit],
                       clean[:config.eval_limit])
    table = score_generator(model, info, parts, split="test", folder=folder)
    print(f"\n{table}\n\nEverything is in {folder}: generator.h5, scores.md, scores_*.png, "
          "samples, history.png.")


def _print_plan(config: CGANConfig, tasks: dict[str, TaskData], devices: tuple[str, ...],
                precision: str) -> None:
    for name, task in tasks.items():
        parts = ", ".join(f"{len(getattr(task.split, part)) or 'none'} {part}"
                          for part in ("train", "validation", "test"))
        print(f"{name}: {parts}; symmetries: {task.symmetries}")
    kinds = sorted(device.rsplit("device:", 1)[-1] for device in devices)
    print(f"On {', '.join(kinds)} in {precision}. Settings:")
    print("  " + "\n  ".join(f"--{name}={value}" for name, value in config.to_json().items()))


def _print_estimate(graph: Any, trainer: CGANTrainer, num_updates: int, recipe: str) -> None:
    cost = update_cost(graph)
    seconds = num_updates * estimated_seconds(cost)
    memory = estimated_memory(cost, trainer.state)
    print(f"Estimated on this machine: {format_seconds(seconds)} and {memory / 1e9:.1f} GB of "
          f"memory for {num_updates} updates.")
    if seconds > _LONG_SECONDS and recipe != "limited":
        print("That is long. --recipe=limited is made for minutes on a CPU.")
