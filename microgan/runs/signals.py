"""Signals that stop a run: the update under way is finished first."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


@contextmanager
def held_signals() -> Iterator[list[signal.Signals]]:
    """Collect the first Ctrl-C or termination signal; the second one acts as usual.

    Only the main thread gets signals; in others nothing is collected.
    """
    received: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def hold(number: int, frame: Any) -> None:
        received.append(signal.Signals(number))
        with suppress(OSError):  # nobody may be reading
            os.write(1, b"\nStopping after this update and, if due, its validation; a second "
                     b"signal stops at once, unsaved.\n")
        for each, handler in usual.items():
            signal.signal(each, handler)

    for number in usual:
        signal.signal(number, hold)
    try:
        yield received
    finally:
        for each, handler in usual.items():
            signal.signal(each, handler)
