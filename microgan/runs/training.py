"""What every training does around its updates, whatever the method."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

import microgan
from microgan.runtime.amounts import byte_size, duration
from microgan.runs.callbacks import BadSteps, Checkpoints, Progress, Recorder
from microgan.config import TrainingConfig
from microgan.datasets.normalization import TaskNormalization
from microgan.datasets.pipelines import DistributedBatches
from microgan.errors import Diverged, Interrupted, UserError, out_of_memory_errors
from microgan.runs.devices import choose_strategy, prepare
from microgan.runs.estimates import (
    estimated_memory, estimated_seconds, peak_memory, update_cost)
from microgan.runs.workers import this_worker
from microgan.generator_file import GeneratorInfo
from microgan.trainers.fused_adam import FusedAdam
from microgan.runs.guard import BAD_STEPS
from microgan.runs.loop import Trainer, compile_update, run_updates
from microgan.trainers.schedules import LinearDecayInSecondHalf

_LONG_SECONDS = 3600


class GeneratorTrainer(Trainer, Protocol):
    """A trainer whose generator is what a run is for."""

    generator: keras.Model
    generator_optimizer: keras.optimizers.Optimizer


def set_up_devices(config: TrainingConfig) -> tuple[tf.distribute.Strategy, str]:
    """Choose devices, seed all random numbers and set the precision policy.

    Args:
        config: with its seed.

    Returns:
        The strategy, and the precision taken.

    Raises:
        UserError: there are not that many GPUs, or they cannot share a batch equally.
    """
    assert config.seed is not None
    strategy = choose_strategy(config.num_gpu, num_workers=this_worker().count)
    if config.batch_size % strategy.num_replicas_in_sync:
        raise UserError(f"--batch_size={config.batch_size} cannot be shared equally by "
                        f"{strategy.num_replicas_in_sync} GPUs or machines.")
    precision = prepare(seed=config.seed, deterministic=config.deterministic,
                        precision=config.precision)
    return strategy, precision


def describe_generator(config: TrainingConfig, *, method: str, network: str,
                       network_arguments: dict[str, Any],
                       normalization: Mapping[str, TaskNormalization],
                       axes: str = "YX",
                       test_time_augmentation: bool = False) -> GeneratorInfo:
    """Gather what `generator.h5` says of its generator; see `GeneratorInfo`."""
    text = json.dumps(config.to_json(), sort_keys=True)
    return GeneratorInfo(
        method=method, network=network, network_arguments=network_arguments,
        tasks=tuple(normalization), normalization=dict(normalization),
        axes=axes, microgan_version=microgan.__version__,
        config_hash=hashlib.sha256(text.encode()).hexdigest(),
        test_time_augmentation=test_time_augmentation)


def adam(config: TrainingConfig, learning_rate: float, *, num_updates: int,
         beta_1: float = 0.9, beta_2: float = 0.999, ema_decay: float = 0.0
         ) -> FusedAdam:
    """Build Adam with the config's decay of the learning rate and epsilon.

    Args:
        config: of the run.
        learning_rate: the highest.
        num_updates: that this optimizer does in the whole run, over which the rate decays.
        beta_1: decay of the gradient's average.
        beta_2: decay of the squared gradient's average.
        ema_decay: decay of the moving average of the weights; 0 for none.
    """
    rate: Any = learning_rate
    if config.learning_rate_decay == "cosine":
        warmup = max(1, num_updates // 20)
        rate = keras.optimizers.schedules.CosineDecay(
            learning_rate / warmup, max(1, num_updates - warmup),
            warmup_target=learning_rate, warmup_steps=warmup)
    elif config.learning_rate_decay == "linear":
        rate = LinearDecayInSecondHalf(learning_rate, num_updates)
    return FusedAdam(rate, beta_1, beta_2, epsilon=config.adam_epsilon, use_ema=ema_decay > 0,
                     ema_momentum=ema_decay)


def print_settings(config: TrainingConfig, strategy: tf.distribute.Strategy,
                   precision: str) -> None:
    """Print the devices, the precision and every setting."""
    kinds = sorted(device.rsplit("device:", 1)[-1] for device in strategy.extended.worker_devices)
    print(f"On {', '.join(kinds)} in {precision}. Settings:")
    print("  " + "\n  ".join(f"--{name}={value}" for name, value in config.to_json().items()))


def run_training(config: TrainingConfig, folder: Path, trainer: GeneratorTrainer,
                 *, save_generator: Callable[[list[np.ndarray]], None],
                 strategy: tf.distribute.Strategy,
                 draw: Callable[[int], dict[str, np.ndarray]], validated: keras.Model,
                 validate: Callable[[], dict[str, float]], validation_bytes: float,
                 on_validated: Callable[[int, list[dict[str, float]]], None]) -> int:
    """Train to `--num_iters`, from the last checkpoint if the run is resumed.

    Writes `history.csv` and `checkpoint/`. Of several workers only the chief validates and
    writes; the others read its checkpoint. With `--dry_run` two updates are done, of which
    the second is timed, and the checkpoint is read back.

    Args:
        config: with its seed.
        folder: the run folder, created.
        trainer: made under `strategy`.
        save_generator: called with the weights of the best validation so far.
        strategy: the devices.
        draw: update number -> batch.
        validated: a network like the trainer's generator; it gets the weights to validate,
            or their moving average.
        validate: scores `validated`; see `callbacks.Recorder`.
        validation_bytes: what its tensors take, for the estimate.
        on_validated: called after every validation with the update and all history rows.

    Returns:
        The update whose weights were saved last.

    Raises:
        Interrupted: stopped by a signal, after a checkpoint.
        UserError: memory ran out, too many updates in a row were not finite, or a checkpoint
            does not fit.
    """
    num_iters = 2 if config.dry_run else config.num_iters
    seconds: list[float] = []

    def validate_weights() -> dict[str, float]:
        validated.set_weights(_averaged_weights(trainer))
        with _memory_watched("in validation", "Close other programs" + (
                "" if config.dry_run else " and go on with --resume")
                + ", or lower the channels of the networks."):
            return validate()

    recorder = Recorder(
        folder, num_iters=num_iters, validate_every=config.validate_every,
        validate=validate_weights, get_weights=validated.get_weights, on_validated=on_validated,
        on_best=lambda update, weights: save_generator(weights))
    bad_steps = BadSteps(config.max_bad_steps)
    checkpoints = Checkpoints(folder / "checkpoint", trainer.state, recorder, bad_steps,
                              every=config.checkpoint_every, minutes=config.checkpoint_minutes)
    first_update = checkpoints.restore() if config.resume else 0
    if first_update >= num_iters:
        return recorder.best_update
    progress = Progress(num_iters=num_iters, batch_size=config.batch_size, bad_steps=bad_steps)
    callbacks = [recorder, checkpoints] if this_worker().is_chief else []
    with stops_explained(config, folder), memory_watched(config):
        batches = DistributedBatches(draw, strategy=strategy, first_update=first_update,
                                     num_iters=num_iters)
        update = compile_update(trainer, strategy)
        graph = update.get_concrete_function(batches.element_spec).graph
        _print_estimate(graph, strategy, trainer, config, config.num_iters - first_update,
                        validation_bytes)
        run_updates(_timed(update, seconds) if config.dry_run else update, batches,
                    first_update=first_update,
                    callbacks=keras.callbacks.CallbackList([bad_steps, *callbacks, progress]))
    if config.dry_run:
        checkpoints.restore()
        memory = peak_memory()
        print(f"Two updates, a validation and a checkpoint are done. An update took "
              f"{duration(seconds[-1])}, so {config.num_iters} take "
              f"{duration(config.num_iters * seconds[-1])}, validations apart" + (
                  "." if math.isnan(memory) else
                  f"; {byte_size(memory)} of memory were taken at the most."))
    return recorder.best_update


@contextmanager
def stops_explained(config: TrainingConfig, folder: Path) -> Iterator[None]:
    """Say how to go on where the updates in the block stop early.

    Args:
        config: of the run; of a dry run nothing is left to go on from.
        folder: the run folder.

    Raises:
        Interrupted: stopped by a signal, after a checkpoint.
        UserError: too many updates in a row were not finite, or another worker is gone.
    """
    try:
        yield
    except Diverged as error:
        saved = "" if config.dry_run else (
            f"The last good state is saved in {folder}: go on from it with --resume and a higher "
            "--max_bad_steps, or start another run with ")
        raise UserError(f"Stopped: {error} {saved or 'Try '}a lower --learning_rate or "
                        "--precision=float32.") from None
    except Interrupted as interruption:
        left = ("It was a dry run, of which nothing is left." if config.dry_run else
                f"All is saved in {folder}: go on with --resume.")
        raise Interrupted(f"{interruption} {left}", interruption.status) from None
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.InternalError,
            tf.errors.CancelledError, tf.errors.DeadlineExceededError) as error:
        if this_worker().count == 1:
            raise
        again = "." if config.dry_run else f" with --resume: the last checkpoint is in {folder}."
        raise UserError(f"Another worker of this training is gone. Start all again{again}"
                        ) from error


@contextmanager
def memory_watched(config: TrainingConfig) -> Iterator[None]:
    """Say which settings to lower where memory runs out in the block.

    Raises:
        UserError: it did.
    """
    with _memory_watched(f"at --batch_size={config.batch_size}, --patch_size={config.patch_size}",
                         "Lower one of them, or the channels of the networks."):
        yield


@contextmanager
def memory_watched_afterwards(config: TrainingConfig, folder: Path) -> Iterator[None]:
    """Say what is kept where memory runs out in the block, which follows the last update.

    Raises:
        UserError: it did.
    """
    with _memory_watched("after the last update", "Close other programs" + (
            ", or lower the channels of the networks." if config.dry_run else
            f" and go on with --resume: what was trained is kept in {folder}. Or test its "
            "generator.h5 on fewer or smaller images with evaluate.py.")):
        yield


@contextmanager
def _memory_watched(where: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except out_of_memory_errors() as error:
        raise UserError(f"Memory ran out {where}. {remedy}") from error


def _timed(update: Callable[[Any], dict[str, tf.Tensor]], seconds: list[float]
           ) -> Callable[[Any], dict[str, tf.Tensor]]:
    """The same update, which adds the time that it takes to `seconds`."""
    def timed_update(batch: Any) -> dict[str, tf.Tensor]:
        start = time.perf_counter()
        losses = update(batch)
        float(losses[BAD_STEPS])  # waits for a GPU
        seconds.append(time.perf_counter() - start)
        return losses

    return timed_update


def print_end(config: TrainingConfig, folder: Path, table: str, files: str) -> None:
    """Print what a run ends with.

    Args:
        config: of the run.
        folder: the run folder.
        table: the result.
        files: to look at.
    """
    if config.dry_run:
        print("The dry run is done: everything works, and nothing is left of it.")
    else:
        print(f"\n{table}\n\nEverything is in {folder}: {files}.")


def _averaged_weights(trainer: GeneratorTrainer) -> list[np.ndarray]:
    optimizer = trainer.generator_optimizer
    variables = {id(weight): weight for weight in trainer.generator.weights}
    if optimizer.use_ema:
        # Keras' own way to the averages, see keras.callbacks.SwapEMAWeights. Frozen weights
        # have none.
        variables.update(zip(map(id, trainer.generator.trainable_weights),
                             optimizer._model_variables_moving_average))
    return [np.asarray(variable) for variable in variables.values()]


def _print_estimate(graph: Any, strategy: tf.distribute.Strategy, trainer: Trainer,
                    config: TrainingConfig, num_updates: int, validation_bytes: float) -> None:
    cost = update_cost(graph, num_devices=len(strategy.extended.worker_devices))
    seconds = num_updates * estimated_seconds(cost)
    memory = estimated_memory(cost, trainer.state, validation_bytes)
    print(f"Estimated on this machine: {duration(seconds)} and {byte_size(memory)} of memory "
          f"for {num_updates} updates.")
    if seconds > _LONG_SECONDS and "limited" in config.recipes() and config.recipe != "limited":
        print("That is long. --recipe=limited is made for minutes on a CPU.")
