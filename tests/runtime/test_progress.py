import sys
from types import ModuleType

import pytest

from microgan.runs.bad_steps import BadSteps
from microgan.runs.progress import UpdateProgress
from microgan.runtime.progress import Progress


class Bar:
    def __init__(self, total, bar_format):
        self.total, self.n, self.texts, self.is_closed = total, 0, [], False
        BARS.append(self)

    def set_description_str(self, text):
        self.texts.append((self.n, text))

    def close(self):
        self.is_closed = True


BARS = []


@pytest.fixture
def notebook(monkeypatch):
    """Let Python seem to run in a notebook that has tqdm."""
    BARS.clear()
    for name in ("ipykernel.zmqshell", "tqdm", "tqdm.auto"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr(sys.modules["tqdm.auto"], "tqdm", Bar, raising=False)


def show(shares, seconds):
    """Show shares of some work, each of which took some seconds."""
    now = 0.0
    progress = Progress("cells.tif", clock=lambda: now)
    for share in shares:
        now += seconds
        progress(share)


def test_progress_prints_a_line_every_ten_seconds(capsys):
    show([0.25, 0.5, 0.75, 1], seconds=6)

    assert capsys.readouterr().out == "cells.tif: 50 %, 12 s left\n"


def test_notebook_has_a_bar_instead_of_lines(notebook, capsys):
    show([0.25, 0.5, 0.75, 1], seconds=6)

    (bar,) = BARS
    assert bar.texts[0] == (0.25, "cells.tif: 25 %, 18 s left")
    assert bar.texts[-1] == (1, "cells.tif: 100 %")
    assert bar.is_closed and bar.total == 1
    assert capsys.readouterr().out == ""


def test_notebook_has_no_bar_for_what_takes_less_than_a_second(notebook):
    show([0.25, 0.5, 0.75, 1], seconds=0.2)

    assert BARS == []


def test_bar_of_updates_is_full_after_the_last_one(notebook, capsys):
    now = 0.0
    progress = UpdateProgress(20, 4, BadSteps(9), clock=lambda: now)

    for update in range(1, 21):
        now += 0.1
        progress(update, {"pixel": 0.5})

    (bar,) = BARS
    assert bar.total == 20 and bar.is_closed
    assert bar.texts[-1] == (20, "update 20/20  40 images/s  pixel 0.5000  0 s left")
    assert len(bar.texts) == 4  # every half second and at the end
    assert "update" not in capsys.readouterr().out.replace("Compiling the update", "")


def test_notebook_without_tqdm_has_lines(notebook, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)

    show([0.25, 0.5, 0.75, 1], seconds=6)

    assert capsys.readouterr().out == "cells.tif: 50 %, 12 s left\n"
