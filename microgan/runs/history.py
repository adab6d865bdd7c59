"""Losses and scores of a run so far, its best weights, and `history.csv`."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from microgan.errors import see
from microgan.files.whole import write_csv
from microgan.runs.bad_steps import BAD_STEPS


class History:
    """Average losses between validations, rank the scores and write `history.csv`.

    Args:
        folder: the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[dict[str, float]] = []
        self.best_update = 0
        self.best_score = -math.inf
        self.best_weights: list[np.ndarray] = []
        self._seconds_before = 0.0
        self._paused_at: float | None = None
        self._sums: dict[str, float] = {}
        self._num_summed = 0
        self._num_bad = 0
        self._started = time.monotonic()

    def start(self) -> None:
        """Start the clock of this session's updates."""
        self._started = time.monotonic()
        self.write()

    def add(self, losses: Mapping[str, Any]) -> None:
        """Note the losses of an update, scalars, and whether it was skipped."""
        values = {name: float(loss) for name, loss in losses.items()}
        is_bad = values.pop(BAD_STEPS) > 0
        # A checkpoint of an earlier version may have losses that are no longer computed.
        self._sums = {name: self._sums.get(name, 0.0) + (0.0 if is_bad else loss)
                      for name, loss in values.items()}
        self._num_bad += is_bad
        self._num_summed += not is_bad

    def record(self, update: int, scores: dict[str, float]) -> bool:
        """Add the row of a validation.

        Args:
            update: updates done.
            scores: "score" ranks the weights, larger is better.

        Returns:
            Whether it is the best so far. The first one is, so that some weights are kept
            even if no score is finite.
        """
        means = {f"{name}_loss": total / self._num_summed if self._num_summed else math.nan
                 for name, total in self._sums.items()}
        self.rows.append({"update": update, "seconds": round(self.seconds, 2),
                          BAD_STEPS: self._num_bad, **means, **scores})
        self._sums, self._num_summed, self._num_bad = {}, 0, 0
        is_best = not self.best_update or scores["score"] > self.best_score
        if is_best:
            self.best_score = -math.inf if math.isnan(scores["score"]) else scores["score"]
            self.best_update = update
        return is_best

    @property
    def seconds(self) -> float:
        """Time of all updates so far, without validations; of a resumed run, of all sessions."""
        now = time.monotonic() if self._paused_at is None else self._paused_at
        return self._seconds_before + now - self._started

    @contextmanager
    def clock_stopped(self) -> Iterator[None]:
        """Keep the block's time out of `seconds`."""
        self._paused_at = paused_at = time.monotonic()
        yield
        self._started += time.monotonic() - paused_at
        self._paused_at = None

    def write(self) -> None:
        """Write `history.csv`, once there is a row."""
        if self.rows:
            write_csv(self.folder / "history.csv", self.rows, self.rows[0])

    def to_json(self) -> dict[str, Any]:
        """Return what a checkpoint keeps besides the best weights."""
        return {"rows": self.rows, "best_update": self.best_update,
                "best_score": self.best_score if math.isfinite(self.best_score) else None,
                "seconds": self.seconds, "sums": self._sums, "num_summed": self._num_summed,
                "num_bad": self._num_bad}

    def restore(self, state: dict[str, Any], best_weights: list[np.ndarray]) -> None:
        """Restore what `to_json` returned."""
        self.rows = state["rows"]
        self.best_update = state["best_update"]
        self.best_score = -math.inf if state["best_score"] is None else state["best_score"]
        self.best_weights = best_weights
        self._seconds_before = state["seconds"]
        self._sums, self._num_summed = state["sums"], state["num_summed"]
        self._num_bad = state["num_bad"]


def told_fall(rows: Sequence[Mapping[str, float]], large: float) -> str:
    """Tell that the last score is far below the best, as after losses that grew; usually "".

    Args:
        rows: of the history.
        large: fall of the score that is worth a line.
    """
    if not rows:
        return ""
    best, last = max(rows, key=lambda row: row["score"]), rows[-1]
    if best["score"] - last["score"] <= large:
        return ""
    return (f"The validation score fell from {best['score']:.2f} at update {best['update']}, "
            f"whose weights are kept, to {last['score']:.2f} at update {last['update']}. If it "
            "fell at once, train anew with a lower --learning_rate; if slowly, fewer --num_iters "
            f"are enough. {see('NaN or diverged')}")
