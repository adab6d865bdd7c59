"""What a run that stops early tells its user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from microgan.config import TrainingConfig
from microgan.errors import Diverged, Interrupted, UserError, out_of_memory_errors, see
from microgan.runs.workers import this_worker


@contextmanager
def stops_explained(config: TrainingConfig, folder: Path) -> Iterator[None]:
    """Tell how to continue if the updates in the block stop early.

    Args:
        config: of the run; a dry run cannot be continued.
        folder: the run folder.

    Raises:
        Interrupted: stopped by a signal, after a checkpoint.
        UserError: too many updates in a row were skipped, or another worker is gone.
    """
    try:
        yield
    except Diverged as error:
        saved = "" if config.dry_run else (
            f"The last good state is saved in {folder}: continue with --resume and a higher "
            "--max_bad_steps, or start another run with ")
        raise UserError(f"Stopped: {error} {saved or 'Try '}a lower --learning_rate or "
                        f"--precision=float32. {see('NaN or diverged')}") from None
    except Interrupted as interruption:
        left = ("It was a dry run, which leaves no files." if config.dry_run else
                f"Everything is saved in {folder}: continue with --resume.")
        raise Interrupted(f"{interruption} {left}", interruption.status) from None
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.InternalError,
            tf.errors.CancelledError, tf.errors.DeadlineExceededError) as error:
        if this_worker().count == 1:
            raise
        again = "." if config.dry_run else f" with --resume: the last checkpoint is in {folder}."
        raise UserError(f"Another worker of this training is gone. Start all workers again{again}"
                        ) from error


@contextmanager
def memory_watched(config: TrainingConfig) -> Iterator[None]:
    """Tell which settings to lower if memory runs out in the block.

    Raises:
        UserError: it did.
    """
    with _memory_watched(f"at --batch_size={config.batch_size}, --patch_size={config.patch_size}",
                         "Lower one of them, or the channels of the networks."):
        yield


@contextmanager
def memory_watched_in_validation(config: TrainingConfig) -> Iterator[None]:
    """Tell what to do if memory runs out in the block, which scores the weights.

    Raises:
        UserError: it did.
    """
    with _memory_watched("in validation", "Close other programs" + (
            "" if config.dry_run else " and continue with --resume")
            + ", or lower the channels of the networks."):
        yield


@contextmanager
def memory_watched_afterwards(config: TrainingConfig, folder: Path) -> Iterator[None]:
    """Tell what is kept if memory runs out in the block, which follows the last update.

    Raises:
        UserError: it did.
    """
    with _memory_watched("after the last update", "Close other programs" + (
            ", or lower the channels of the networks." if config.dry_run else
            f" and continue with --resume: the trained weights are kept in {folder}. Or test its "
            "generator.h5 on fewer or smaller images with evaluate.py.")):
        yield


@contextmanager
def _memory_watched(where: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except out_of_memory_errors() as error:
        raise UserError(f"Memory ran out {where}. {remedy}") from error
