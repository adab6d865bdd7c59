"""Progress of long work."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator

from microgan.runtime.amounts import Pace, duration, percent

_SECONDS_BETWEEN_LINES = 10


class Progress:
    """Prints how much of some work is done, and the time left, every ten seconds.

    Args:
        name: of the work.
        clock: returns seconds.

    Call arguments:
        share: done so far, 0 to 1.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._printed = clock()
        self._pace = Pace()
        self._pace.mark(self._printed, 0)

    def __call__(self, share: float) -> None:
        now = self._clock()
        pace = self._pace.mark(now, share)
        if now - self._printed >= _SECONDS_BETWEEN_LINES and 0 < share < 1:
            left = f", {duration((1 - share) / pace)} left" if pace else ""
            print(f"{self._name}: {percent(share)}{left}", flush=True)
            self._printed = now

    def steps(self, number: int) -> Iterator[Callable[[float], None]]:
        """Yield a function for each of `number` steps, called with the share of it done."""
        for done in range(number):
            yield functools.partial(self._step, done, number)

    def _step(self, done: int, number: int, share: float) -> None:
        self((done + share) / number)
