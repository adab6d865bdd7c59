"""Run a script and kill it, as a power cut would, at a moment in its training.

Arguments: the moment, the script, the script's arguments. Moments: `save:N` in the N-th
checkpoint, half-written; `flush:N` and `rename:N` before the N-th flush or rename of any
file; `update:N` after N updates; `seconds:S` that long after the first update; `start:S` that
long after the program's start, while it loads, compiles or reads the last checkpoint.
"""

import os
import runpy
import signal
import sys
import threading
from pathlib import Path

from microgan.runs import checkpoints
from microgan.runs.history import History

ROOT = Path(__file__).parent.parent


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(number, owner, name, act):
    """Call `act` with the `number`-th call's function and arguments, before it is done."""
    usual = getattr(owner, name)
    count = 0

    def counted(*arguments, **settings):
        nonlocal count
        count += 1
        if count == number:
            act(usual, *arguments, **settings)
        return usual(*arguments, **settings)

    setattr(owner, name, counted)


def write_half(savez, path, **arrays):
    savez(path, **arrays)
    os.truncate(path, path.stat().st_size // 2)
    die()


def start_timer(seconds):
    timer = threading.Timer(seconds, die)
    timer.daemon = True
    timer.start()


kind, _, when = sys.argv[1].partition(":")
if kind == "save":
    at_call(int(when), checkpoints.np, "savez", write_half)
elif kind in ("flush", "rename"):
    at_call(int(when), os, {"flush": "fsync", "rename": "replace"}[kind], die)
elif kind == "update":
    at_call(int(when), History, "add", die)
elif kind == "seconds":
    at_call(1, History, "add",
            lambda *_, **__: start_timer(float(when)))
else:
    start_timer(float(when))
sys.argv = sys.argv[2:]
if sys.argv[0].endswith(".py"):
    runpy.run_path(str(ROOT / sys.argv[0]), run_name="__main__")
else:
    runpy.run_module(sys.argv[0], run_name="__main__")
