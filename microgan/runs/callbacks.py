"""What happens beside the updates: history, validation, checkpoints, progress.

The order matters: `Recorder` before `Checkpoints`, so that a checkpoint holds the row of its
own update, and `BadSteps` before both, so that it holds its count, too.
"""

from __future__ import annotations

import csv
import io
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from microgan.runtime.amounts import Pace, duration, rate
from microgan.errors import Diverged, UserError
from microgan.files.whole import write_text
from microgan.runs.checkpoints import load_last_checkpoint, save_checkpoint, unreadable
from microgan.runs.guard import BAD_STEPS


class Recorder(keras.callbacks.Callback):
    """Validate at intervals, keep the best weights and write `history.csv`.

    Args:
        folder: the run folder.
        num_iters: updates of the whole run; the last one is always validated.
        validate_every: updates between validations.
        validate: gives the score to rank checkpoints by, larger is better, under "score",
            and whatever else belongs into the history.
        get_weights: the weights that were validated.
        on_best: called with the update and the weights when the score is the best so far.
        on_validated: called with the update and all history rows.
    """

    def __init__(self, folder: Path, *, num_iters: int, validate_every: int,
                 validate: Callable[[], dict[str, float]],
                 get_weights: Callable[[], list[np.ndarray]],
                 on_best: Callable[[int, list[np.ndarray]], None],
                 on_validated: Callable[[int, list[dict[str, float]]], None]) -> None:
        super().__init__()
        self.folder = folder
        self.num_iters = num_iters
        self.validate_every = validate_every
        self.validate = validate
        self.get_weights = get_weights
        self.on_best = on_best
        self.on_validated = on_validated
        self.rows: list[dict[str, float]] = []
        self.best_update = 0
        self.best_score = -math.inf
        self.best_weights: list[np.ndarray] = []
        self.seconds_before = 0.0
        self._sums: dict[str, float] = {}
        self._num_summed = 0
        self._num_bad = 0
        self._started = time.monotonic()

    def on_train_begin(self, logs: Any = None) -> None:
        self._started = time.monotonic()
        if self.best_weights:
            self.on_best(self.best_update, self.best_weights)
        self._write_history()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        losses = {name: float(loss) for name, loss in (logs or {}).items()}
        is_bad = losses.pop(BAD_STEPS) > 0
        for name, loss in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + (0.0 if is_bad else loss)
        self._num_bad += is_bad
        self._num_summed += not is_bad
        if batch % self.validate_every == 0 or batch == self.num_iters:
            self._record(batch)

    def _record(self, update: int) -> None:
        seconds, paused = self.seconds, time.monotonic()
        scores = self.validate()
        means = {f"{name}_loss": total / self._num_summed if self._num_summed else math.nan
                 for name, total in self._sums.items()}
        self.rows.append({"update": update, "seconds": round(seconds, 2),
                          BAD_STEPS: self._num_bad, **means, **scores})
        self._sums, self._num_summed, self._num_bad = {}, 0, 0
        # Some weights are kept even where no score is finite.
        if not self.best_update or scores["score"] > self.best_score:
            self.best_score = -math.inf if math.isnan(scores["score"]) else scores["score"]
            self.best_update = update
            self.best_weights = self.get_weights()
            self.on_best(update, self.best_weights)
        self._write_history()
        self.on_validated(update, self.rows)
        self._started += time.monotonic() - paused

    @property
    def seconds(self) -> float:
        """Time of the updates so far, without validations; of a resumed run, all sessions'."""
        return self.seconds_before + time.monotonic() - self._started

    def _write_history(self) -> None:
        if not self.rows:
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self.folder / "history.csv", text.getvalue())

    def to_json(self) -> dict[str, Any]:
        """What a checkpoint keeps besides the best weights."""
        return {"rows": self.rows, "best_update": self.best_update,
                "best_score": self.best_score if math.isfinite(self.best_score) else None,
                "seconds": self.seconds, "sums": self._sums, "num_summed": self._num_summed,
                "num_bad": self._num_bad}

    def restore(self, state: dict[str, Any], best_weights: list[np.ndarray]) -> None:
        """Undo `to_json`."""
        self.rows = state["rows"]
        self.best_update = state["best_update"]
        self.best_score = -math.inf if state["best_score"] is None else state["best_score"]
        self.best_weights = best_weights
        self.seconds_before = state["seconds"]
        self._sums, self._num_summed = state["sums"], state["num_summed"]
        self._num_bad = state["num_bad"]


class BadSteps(keras.callbacks.Callback):
    """Count the updates that were undone; stop the run after too many in a row.

    Args:
        max_in_a_row: of them, > 0.
    """

    def __init__(self, max_in_a_row: int) -> None:
        super().__init__()
        self.max_in_a_row = max_in_a_row
        self.total = 0
        self.since: int | None = None
        self.what = ""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if not float(logs[BAD_STEPS]):
            self.since = None
            return
        self.total += 1
        self.since = self.since or batch
        self.what = ", ".join(f"{name} loss {float(loss)}" for name, loss in logs.items()
                              if not math.isfinite(float(loss))) or "a gradient"

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Stop here, where all callbacks have taken note of the update before."""
        if self.since is not None and batch - self.since >= self.max_in_a_row:
            raise Diverged(f"every update since number {self.since} was undone, "
                           f"{batch - self.since} in a row: not finite ({self.what}).")

    def to_json(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"total": self.total, "since": self.since, "what": self.what}

    def restore(self, state: dict[str, Any]) -> None:
        """Undo `to_json`."""
        self.total, self.since, self.what = state["total"], state["since"], state["what"]


class Checkpoints(keras.callbacks.Callback):
    """Save the whole run at intervals and when training ends or is interrupted.

    Args:
        folder: of the checkpoints.
        variables: by owner, all that a resumed run needs.
        recorder: whose state is saved too.
        bad_steps: likewise.
        every: updates between checkpoints, > 0.
        minutes: between checkpoints, > 0; whichever comes first.
    """

    def __init__(self, folder: Path, variables: dict[str, list[Any]], recorder: Recorder,
                 bad_steps: BadSteps, *, every: int, minutes: float) -> None:
        super().__init__()
        self.folder = folder
        self.variables = variables
        self.recorder = recorder
        self.bad_steps = bad_steps
        self.every = every
        self.seconds_between = 60 * minutes
        self._last_time = time.monotonic()
        self._last_saved = self._last_update = 0

    def on_train_begin(self, logs: Any = None) -> None:
        self._last_time = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._last_update = batch
        is_due = time.monotonic() - self._last_time >= self.seconds_between
        if batch % self.every == 0 or is_due:
            self._save()

    def on_train_end(self, logs: Any = None) -> None:
        if self._last_update > self._last_saved:
            self._save()

    def _save(self) -> None:
        arrays = {owner: [np.asarray(variable) for variable in variables]
                  for owner, variables in self.variables.items()}
        arrays["best_weights"] = self.recorder.best_weights
        state = {**self.recorder.to_json(), "bad_steps": self.bad_steps.to_json()}
        save_checkpoint(self.folder, self._last_update, arrays, state)
        self._last_time, self._last_saved = time.monotonic(), self._last_update

    def restore(self) -> int:
        """Load the last checkpoint into the variables, the recorder and the bad steps.

        Returns:
            Updates done; 0 where there is no checkpoint.

        Raises:
            UserError: the checkpoint is damaged or belongs to other networks.
        """
        found = load_last_checkpoint(self.folder)
        if found is None:
            return 0
        arrays, state = found
        for owner, variables in self.variables.items():
            shapes = [tuple(variable.shape) for variable in variables]
            if [array.shape for array in arrays.get(owner, [])] != shapes:
                raise UserError(f"The checkpoint in {self.folder} does not fit the {owner}. Pass "
                                "the settings it was made with (config.json), or --overwrite.")
            for variable, array in zip(variables, arrays[owner]):
                variable.assign(array)
        try:
            self.recorder.restore(state, arrays["best_weights"])
            self.bad_steps.restore(state["bad_steps"])
            self._last_saved = self._last_update = int(state["update"])
        except KeyError as error:
            raise UserError(unreadable(self.folder, error)) from error
        except (TypeError, ValueError) as error:
            raise UserError(unreadable(self.folder, "its state is of the wrong type")) from error
        return self._last_update


class Progress(keras.callbacks.Callback):
    """Show updates done, images per second of the last minute, losses and time left at that pace.

    One line that is renewed on a terminal, else a line every half minute.

    Args:
        num_iters: updates of the whole run.
        batch_size: images an update.
        bad_steps: whose count is shown once there are any.
        clock: gives seconds.
    """

    def __init__(self, *, num_iters: int, batch_size: int, bad_steps: BadSteps,
                 clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.num_iters = num_iters
        self.batch_size = batch_size
        self.bad_steps = bad_steps
        self.is_terminal = sys.stdout.isatty()
        self._clock = clock
        self._pace = Pace()
        self._shown = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        print("Compiling the update; the first one takes longest.", flush=True)
        self._shown = self._clock()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        now = self._clock()
        updates_per_second = self._pace.mark(now, batch)
        if updates_per_second is None:  # the first update is spent compiling
            return
        if now - self._shown < (0.5 if self.is_terminal else 30) and batch < self.num_iters:
            return
        self._shown = now
        losses = "  ".join(f"{name} {float(loss):.4f}" for name, loss in (logs or {}).items()
                           if name != BAD_STEPS)
        bad = f"  {self.bad_steps.total} undone" if self.bad_steps.total else ""
        line = (f"update {batch}/{self.num_iters}  "
                f"{rate(self.batch_size * updates_per_second, 'images')}  {losses}{bad}  "
                f"{duration((self.num_iters - batch) / updates_per_second)} left")
        if self.is_terminal:
            print(f"\r\033[K{line}", end="", flush=True)
        else:
            print(line, flush=True)

    def on_train_end(self, logs: Any = None) -> None:
        if self.is_terminal:
            print(flush=True)
