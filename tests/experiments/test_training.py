from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from microgan.config import CINGANConfig
from microgan.config.care import CAREConfig
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.errors import Diverged, Interrupted, UserError
from microgan.experiments import training
from microgan.methods.cin_gan_training import build_trainer
from microgan.runs.training import (
    adam, describe_generator, memory_watched, stops_explained)
from microgan.runs.workers import Worker
from microgan.generator_file import build_network
from microgan.runs.guard import BAD_STEPS


def rates(optimizer, *updates):
    """The learning rate before each of the given updates."""
    found = []
    for update in updates:
        optimizer.iterations.assign(update)
        found.append(float(optimizer.learning_rate))
    return found


@pytest.mark.parametrize("config", [
    CINGANConfig.create(recipe="limited", learning_rate_decay="cosine"),
    CAREConfig.create(learning_rate_decay="cosine")])
def test_learning_rate_rises_for_a_twentieth_and_falls_to_zero_at_the_end(config):
    optimizer = adam(config, 0.1, num_updates=200)

    np.testing.assert_allclose(rates(optimizer, 0, 10, 105, 200), [0.01, 0.1, 0.05, 0], atol=1e-6)


@pytest.mark.parametrize("error", [
    MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")])
def test_memory_that_runs_out_names_what_to_lower(error):
    with pytest.raises(UserError, match="--batch_size=8, --patch_size=64. Lower one"):
        with memory_watched(CINGANConfig.create(batch_size=8, patch_size=64)):
            raise error


@pytest.mark.parametrize("stop, of_a_run, of_a_dry_run", [
    (Interrupted("stopped by SIGINT after 2 updates.", 130),
     "stopped by SIGINT after 2 updates. All is saved in run: go on with --resume.",
     "stopped by SIGINT after 2 updates. It was a dry run, of which nothing is left."),
    (Diverged("every update was undone."),
     "Stopped: every update was undone. The last good state is saved in run: go on from it with "
     "--resume and a higher --max_bad_steps, or start another run with a lower --learning_rate "
     "or --precision=float32.",
     "Stopped: every update was undone. Try a lower --learning_rate or --precision=float32.")])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_stop_says_how_to_go_on_from_what_is_left(stop, of_a_run, of_a_dry_run, dry_run):
    with pytest.raises((Interrupted, UserError)) as caught:
        with stops_explained(CINGANConfig.create(dry_run=dry_run), Path("run")):
            raise stop

    assert str(caught.value) == (of_a_dry_run if dry_run else of_a_run)
    assert getattr(caught.value, "status", 2) == getattr(stop, "status", 2)


@pytest.mark.parametrize("dry_run, words", [
    (False, "Start all again with --resume: the last checkpoint is in run."),
    (True, "Start all again.")])
def test_a_lost_worker_says_how_to_start_again(monkeypatch, dry_run, words):
    monkeypatch.setattr("microgan.runs.training.this_worker", lambda: Worker(2, True))

    with pytest.raises(UserError) as caught:
        with stops_explained(CINGANConfig.create(dry_run=dry_run), Path("run")):
            raise tf.errors.UnavailableError(None, None, "socket closed")

    assert str(caught.value) == f"Another worker of this training is gone. {words}"


def test_memory_that_runs_out_in_validation_does_not_name_what_training_takes(
        tmp_path, identity, monkeypatch):
    def fail():
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    traced = SimpleNamespace(graph=None)
    for name, stub in (("DistributedBatches", SimpleNamespace(element_spec=None)),
                       ("compile_update", SimpleNamespace(get_concrete_function=lambda _: traced)),
                       ("_print_estimate", None)):
        monkeypatch.setattr(training, name, lambda *_, stub=stub, **settings: stub)
    monkeypatch.setattr(training, "run_updates", lambda *_, first_update, callbacks:
                        callbacks.on_train_batch_end(first_update + 1, {BAD_STEPS: 0.0}))
    trainer = SimpleNamespace(generator=identity, state={},
                              generator_optimizer=SimpleNamespace(use_ema=False))

    with pytest.raises(UserError, match=r"ran out in validation. Close .* --resume, or lower the "
                       r"channels of the networks\.$"):
        training.run_training(
            CINGANConfig.create(num_iters=1), tmp_path, trainer, save_generator=None,
            strategy=None, draw=None, validated=identity, validate=fail, validation_bytes=0,
            on_validated=None)


def test_critic_learns_until_the_generator_is_done():
    """It does several updates for each of the generator's."""
    config = CINGANConfig.create(recipe="limited", generator_filters=4, critic_filters=4,
                                 num_iters=100, critic_steps=4, style_weight=0.0, seed=1)
    both = IntensityRange(0, 1)
    info = describe_generator(config, method="cin_gan", network="unet",
                              network_arguments={"filters": 4},
                              normalization={"Cells": TaskNormalization(both, both)})

    trainer = build_trainer(config, build_network(info), num_tasks=1)

    generator = rates(trainer.generator_optimizer, 50, 100)
    critic = rates(trainer.critic_optimizer, 4 * 50, 4 * 100)
    assert critic == pytest.approx([rate / 2 for rate in generator], abs=1e-9)
    assert generator[0] > 2e-4 and generator[1] < 1e-9
