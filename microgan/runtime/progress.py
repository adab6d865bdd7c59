"""Progress of long work."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from microgan.runtime.amounts import Pace, duration, percent

_SECONDS_BETWEEN_LINES = 10


def notebook_bar(total: float) -> NotebookBar | None:
    """Return a progress bar where Python runs in a notebook that has tqdm, otherwise None.

    Args:
        total: what is done when the bar is full.
    """
    if "ipykernel.zmqshell" not in sys.modules:  # as tqdm.auto finds a notebook
        return None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return NotebookBar(functools.partial(tqdm, total=total, bar_format="{bar} {desc}"), total)


class NotebookBar:
    """A bar of tqdm with a text beside it, which appears when it is first drawn.

    Args:
        make: makes the bar.
        total: what is done when the bar is full.
    """

    def __init__(self, make: Callable[[], Any], total: float) -> None:
        self._make = make
        self._total = total
        self._bar: Any = None

    @property
    def is_drawn(self) -> bool:
        """Whether it has appeared."""
        return self._bar is not None

    def draw(self, done: float, text: str) -> None:
        """Draw the bar up to `done`, from 0 to `total`."""
        if self._bar is None:
            self._bar = self._make()
        self._bar.n = done
        self._bar.set_description_str(text)
        if done >= self._total:
            self._bar.close()


class Progress:
    """Shows how much of some work is done, and the time left.

    Prints a line every ten seconds; in a notebook, work of more than a second has a bar.

    Args:
        name: of the work.
        clock: returns seconds.

    Call arguments:
        share: done so far, 0 to 1.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._bar = notebook_bar(1)
        self._shown = clock()
        self._pace = Pace()
        self._pace.mark(self._shown, 0)

    def __call__(self, share: float) -> None:
        now = self._clock()
        pace = self._pace.mark(now, share)
        is_due = now - self._shown >= (1 if self._bar else _SECONDS_BETWEEN_LINES)
        left = f", {duration((1 - share) / pace)} left" if pace and share < 1 else ""
        text = f"{self._name}: {percent(share)}{left}"
        if self._bar and (is_due if share < 1 else self._bar.is_drawn):
            self._bar.draw(share, text)
            self._shown = now
        elif not self._bar and is_due and 0 < share < 1:
            print(text, flush=True)
            self._shown = now

    def steps(self, number: int) -> Iterator[Callable[[float], None]]:
        """Yield a function for each of `number` steps, called with the share of it done."""
        for done in range(number):
            yield functools.partial(self._step, done, number)

    def _step(self, done: int, number: int, share: float) -> None:
        self((done + share) / number)
