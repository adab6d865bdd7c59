"""Progress of a run's updates."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from microgan.runs.bad_steps import BAD_STEPS, BadSteps
from microgan.runtime.amounts import Pace, duration, rate
from microgan.runtime.progress import notebook_bar


class UpdateProgress:
    """Show updates done, images per second over the last minute, losses and time left.

    On a terminal one line is updated, in a notebook a bar; otherwise a line is printed every
    half minute.

    Args:
        num_iters: updates of the whole run.
        batch_size: images per update.
        bad_steps: their number is shown if there are any.
        clock: gives seconds.
    """

    def __init__(self, num_iters: int, batch_size: int, bad_steps: BadSteps,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.num_iters = num_iters
        self.batch_size = batch_size
        self.bad_steps = bad_steps
        self.is_terminal = sys.stdout.isatty()
        self._bar = notebook_bar(num_iters)
        self._clock = clock
        self._pace = Pace()
        print("Compiling the update; the first one takes longest.", flush=True)
        self._shown = clock()

    def __call__(self, update: int, losses: Mapping[str, Any]) -> None:
        now = self._clock()
        updates_per_second = self._pace.mark(now, update)
        if updates_per_second is None:  # the first update includes compiling
            return
        wait = 0.5 if self.is_terminal or self._bar else 30
        if now - self._shown < wait and update < self.num_iters:
            return
        self._shown = now
        shown = "  ".join(f"{name} {float(loss):.4f}" for name, loss in losses.items()
                          if name != BAD_STEPS)
        bad = f"  {self.bad_steps.total} skipped" if self.bad_steps.total else ""
        line = (f"update {update}/{self.num_iters}  "
                f"{rate(self.batch_size * updates_per_second, 'images')}  {shown}{bad}  "
                f"{duration((self.num_iters - update) / updates_per_second)} left")
        if self._bar:
            self._bar.draw(update, line)
        elif self.is_terminal:
            print(f"\r\033[K{line}", end="", flush=True)
        else:
            print(line, flush=True)

    def end(self) -> None:
        """End the line."""
        if self.is_terminal:
            print(flush=True)
