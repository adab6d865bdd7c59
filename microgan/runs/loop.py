"""The one training loop, for every method."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import keras
import tensorflow as tf

from microgan.errors import Diverged, Interrupted
from microgan.runs.guard import guarded


class Trainer(Protocol):
    """What the loop needs of a trainer."""

    @property
    def state(self) -> dict[str, list[Any]]:
        """All variables a resumed run needs, by owner."""

    def train_step(self, batch: Any) -> dict[str, tf.Tensor]:
        """Do one update; return losses whose sums over replicas are means over the batch."""


def compile_update(trainer: Trainer, strategy: tf.distribute.Strategy) -> Any:
    """Compile one update of a trainer for all replicas.

    Args:
        trainer: its `train_step` runs on each replica's share of a batch.
        strategy: under which the trainer's variables were made.

    Returns:
        A `tf.function`, distributed batch -> losses summed over replicas and `BAD_STEPS`,
        scalar tensors; see `guard.guarded`.
    """
    def update(batch: Any) -> dict[str, tf.Tensor]:
        losses = strategy.run(trainer.train_step, args=(batch,))
        return {name: strategy.reduce(tf.distribute.ReduceOp.SUM, loss, axis=None)
                for name, loss in losses.items()}

    variables = [variable for owned in trainer.state.values() for variable in owned]
    return tf.function(guarded(update, variables, strategy), autograph=False)


def run_updates(update: Callable[[Any], dict[str, tf.Tensor]], batches: Iterable[Any], *,
                first_update: int, callbacks: keras.callbacks.CallbackList) -> None:
    """Do an update with every batch, with Keras callbacks.

    Callbacks hear `on_train_begin`, `on_train_batch_begin(number)`,
    `on_train_batch_end(number, losses)` and `on_train_end`; `number` is the count of
    updates done, from `first_update + 1`, and losses are scalar tensors.

    Args:
        update: from `compile_update`.
        batches: one an update.
        first_update: updates done before, by an interrupted run.
        callbacks: see above.

    Raises:
        Interrupted: Ctrl-C or a termination signal came; the update under way was
            finished and `on_train_end` called before.
        Diverged: raised by a callback; `on_train_end` was called before.
    """
    callbacks.on_train_begin()
    with _held_signals() as received:
        try:
            for number, batch in enumerate(batches, start=first_update + 1):
                callbacks.on_train_batch_begin(number)
                callbacks.on_train_batch_end(number, update(batch))
                if received:
                    break
        except Diverged:
            callbacks.on_train_end()
            raise
    callbacks.on_train_end()
    if received:
        raise Interrupted(f"stopped by {received[0].name} after {number} updates.",
                          128 + received[0])


@contextmanager
def _held_signals() -> Iterator[list[signal.Signals]]:
    """Collect the first Ctrl-C or termination signal; the second one acts as usual.

    In a thread other than the main one, which hears no signals, there is nothing to collect.
    """
    received: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def hold(number: int, frame: Any) -> None:
        received.append(signal.Signals(number))
        with suppress(OSError):  # nobody may be reading
            os.write(1, b"\nStopping after this update and, if it is due, its validation; once "
                     b"more stops at once, unsaved.\n")
        for each, handler in usual.items():
            signal.signal(each, handler)

    for number in usual:
        signal.signal(number, hold)
    try:
        yield received
    finally:
        for each, handler in usual.items():
            signal.signal(each, handler)
