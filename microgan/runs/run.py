"""A training run from config to report, whatever the method."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.errors import Diverged, Interrupted
from microgan.files.names import noted_skipped
from microgan.generator_file import GeneratorInfo, save_generator
from microgan.runs.bad_steps import BadSteps
from microgan.runs.checkpoints import Checkpoints
from microgan.runs.history import History, told_fall
from microgan.runs.method import UPDATES_OF_DRY_RUN, Method, Report, Scores, Trainer
from microgan.runs.progress import UpdateProgress
from microgan.runs.run_files import GENERATOR_FILE, PAGE_FILE
from microgan.runs.run_folder import (
    check_run_folder, create_run_folder, is_finished, working_folder)
from microgan.runs.run_page import write_page
from microgan.runs.tensorboard_log import check_tensorboard, tensorboard_log
from microgan.runs.workers import this_worker
from microgan.runtime.amounts import byte_size, duration
from microgan.runtime.precision import keras_settings_kept
from microgan.runtime.startup import import_tensorflow_quietly

if TYPE_CHECKING:
    import keras

    from microgan.runs.devices import Devices


def train(method_type: type[Method], config: Any) -> Path:
    """Train a generator and report on it: the whole life of a run.

    Among several workers, only the chief validates and writes; the others read its checkpoint.

    Args:
        method_type: what is trained, and how.
        config: every setting.

    Returns:
        The run folder: `config.json`, `split.json`, `history.csv`, `checkpoint/`,
        `generator.h5` with the weights of the best validation, the method's figures and
        report, and `report.html`, which shows all of it, also while the run trains.

    Raises:
        UserError: a mistake in the config or the data, found before TensorFlow is loaded; or
            memory ran out, too many updates in a row were skipped, or a checkpoint does not
            fit.
        Interrupted: stopped by a signal, after a checkpoint.
    """
    if config.tensorboard:
        check_tensorboard()
    folder, method = loaded(method_type, config)
    config, split = method.config, method.split()
    if is_finished(folder, config, split, method.report_files):
        return folder

    import_tensorflow_quietly()
    from microgan.runs.stops import memory_watched_afterwards

    with working_folder(folder, config) as working, keras_settings_kept():
        print("Settings:\n  " + "\n  ".join(
            f"--{name}={value}" for name, value in config.to_json().items()))
        run = prepared(method, working)
        run.do_updates()
        if not this_worker().is_chief:
            return folder
        with memory_watched_afterwards(config, working):
            report = method.report(working)
            finish_page(working, method, run.history.rows, report)
        print("The dry run is done: everything works. It left no files." if config.dry_run else
              f"\n{report.table}\n\nEverything is in {working}: {report.files}, and "
              f"{PAGE_FILE}, which shows it all.")
    return folder


def loaded(method_type: type[Method], config: Any) -> tuple[Path, Method]:
    """Return the folder of a run and its method, with data and a note of the files skipped.

    Raises:
        UserError: a mistake in the config or the data.
    """
    with noted_skipped() as skipped:
        config = method_type.settle(config)
        folder = method_type.folder(config)
        config = check_run_folder(folder, config, method_type.report_files)
        method = method_type.chosen(config)(config)  # a resumed run's settings are known only now
        method.load()
    method.skipped = skipped
    return folder, method


def prepared(method: Method, folder: Path) -> Run:
    """Build a run's networks and write its settings.

    Args:
        method: with its data loaded.
        folder: of the run; no other program may write there.

    Raises:
        UserError: as `train`.
    """
    from microgan.runs.devices import set_up_devices
    from microgan.runs.stops import memory_watched

    config = method.config
    devices = set_up_devices(config)
    method.prepare()
    info = method.describe()
    with devices.strategy.scope(), memory_watched(config):
        trainer, validated = method.build(info)
    create_run_folder(folder, config, method.split(), method.report_files,
                      wrong_pairs=method.wrong_pairs())
    told = method.describe_data()
    print(f"{told}{told and chr(10)}{devices.describe()}")
    return Run(config, folder, method, info, trainer, validated, devices)


def finish_page(folder: Path, method: Method, rows: list[Scores], report: Report) -> None:
    """Write the page of a run whose updates are done."""
    write_page(folder, method, rows, num_iters=int(rows[-1]["update"]), report=report)


@dataclass
class Run:
    """A run whose networks are built.

    Args:
        config: with its seed.
        folder: of the run.
        method: with its data loaded.
        info: of the generator.
        trainer: built under the strategy.
        validated: a network like the trainer's generator, for validation.
        devices: that it trains on.
    """

    config: Any
    folder: Path
    method: Method
    info: GeneratorInfo
    trainer: Trainer
    validated: keras.Model
    devices: Devices

    def __post_init__(self) -> None:
        self.history = History(self.folder)
        self.bad_steps = BadSteps(self.config.max_bad_steps)
        self.checkpoints = Checkpoints(
            self.folder / "checkpoint", self.trainer.state, self.history, self.bad_steps,
            every=self.config.checkpoint_every, minutes=self.config.checkpoint_minutes)
        self.num_iters = (UPDATES_OF_DRY_RUN if self.config.dry_run else self.config.num_iters)

    def do_updates(self) -> None:
        """Train up to `--num_iters`, from the last checkpoint if the run is resumed.

        With `--dry_run`, do two updates, time the second and read the checkpoint back.
        """
        from microgan.datasets.pipelines import DistributedBatches
        from microgan.runs.estimates import peak_memory, print_estimate
        from microgan.runs.compiled_update import compile_update
        from microgan.runs.signals import held_signals
        from microgan.runs.stops import memory_watched, stops_explained

        config, devices, is_chief = self.config, self.devices, this_worker().is_chief
        done = self.checkpoints.restore() if config.resume else 0
        if done >= self.num_iters:
            self._tell_best()
            return
        with (stops_explained(config, self.folder), memory_watched(config),
              tensorboard_log(self.folder, self.history.rows,
                              is_on=config.tensorboard and is_chief) as log):
            batches = DistributedBatches(self.method.batch, strategy=devices.strategy,
                                         first_update=done, num_iters=self.num_iters)
            update = compile_update(self.trainer, devices.strategy)
            print_estimate(update.get_concrete_function(batches.element_spec).graph, config,
                           self.trainer.state, num_updates=config.num_iters - done,
                           later_updates=self.method.later_trainings * config.num_iters,
                           num_devices=devices.count,
                           validation_bytes=self.method.validation_bytes(self.validated))
            if is_chief:
                self.history.start()
                self._save_best()
            progress = UpdateProgress(self.num_iters, config.batch_size, self.bad_steps)
            with held_signals() as received:
                for done, batch in enumerate(batches, start=done + 1):
                    started = time.perf_counter()
                    losses = update(batch)
                    self.bad_steps.count(done, losses)  # waits for the GPU
                    seconds = time.perf_counter() - started
                    if is_chief:
                        self.history.add(losses)
                        if done % config.validate_every == 0 or done == self.num_iters:
                            self._validate(done, log)
                        self.checkpoints.save_if_due(done)
                    progress(done, losses)
                    if received or (done < self.num_iters and self.bad_steps.too_many(done)):
                        break
            progress.end()
            if is_chief:
                self.checkpoints.save(done)
            if received:
                raise Interrupted(f"stopped by {received[0].name} after {done} updates.",
                                  128 + received[0])
            if done < self.num_iters:
                raise Diverged(self.bad_steps.told(done))
        if config.dry_run:
            self.checkpoints.restore()
            memory = peak_memory()
            print(f"Two updates, a validation and a checkpoint are done. An update took "
                  f"{duration(seconds)}, so {config.num_iters} take "
                  f"{duration(config.num_iters * seconds)}, validations apart" + (
                      "." if math.isnan(memory) else
                      f"; peak memory was {byte_size(memory)}."))
        self._tell_best()

    def _tell_best(self) -> None:
        if this_worker().is_chief:
            fall = told_fall(self.history.rows, self.method.large_fall)
            kept = ("The last weights are kept" if self.method.keeps_last else
                    "Best on the validation images")
            print(f"{kept}: update {self.history.best_update}."
                  + (f"\nWarning: {fall}" if fall else ""), flush=True)

    def _validate(self, update: int, log: Callable[[Mapping[str, float]], None]) -> None:
        """Score the weights, or their moving average, and keep them if they are best."""
        from microgan.runs.stops import memory_watched_in_validation

        with self.history.clock_stopped():
            with memory_watched_in_validation(self.config):
                self.validated.set_weights(_averaged_weights(self.trainer))
                scores = self.method.validate(self.validated)
            if self.history.record(update, scores):
                self.history.best_weights = self.validated.get_weights()
                self._save_best()
            self.history.write()
            self.method.draw(self.folder, update, self.history.rows)
            write_page(self.folder, self.method, self.history.rows, num_iters=self.num_iters)
            log(self.history.rows[-1])

    def _save_best(self) -> None:
        if self.history.best_weights:
            save_generator(self.folder / GENERATOR_FILE,
                           *self.method.saved(self.history.best_weights, self.info))


def _averaged_weights(trainer: Trainer) -> list[np.ndarray]:
    optimizer = trainer.generator_optimizer
    variables = {id(weight): weight for weight in trainer.generator.weights}
    if optimizer.use_ema:
        # As in keras.callbacks.SwapEMAWeights. Frozen weights have no average.
        variables.update(zip(map(id, trainer.generator.trainable_weights),
                             optimizer._model_variables_moving_average))
    return [np.asarray(variable) for variable in variables.values()]
