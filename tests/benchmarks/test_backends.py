"""The table of backends has what each command took."""

import sys

import pytest

from benchmarks import backends, timing
from benchmarks.timing import Run, measured
from microgan.errors import UserError


def test_the_smallest_of_all_rounds_counts(monkeypatch):
    seconds = iter([(5.0, 4.0), (9.0, 8.0), (7.0, 6.0), (3.0, 5.0), (8.0, 9.0), (7.5, 6.5)])
    monkeypatch.setattr(backends, "write_files", lambda folder, sides: None)
    monkeypatch.setattr(timing, "measured", lambda command, folder: Run(*next(seconds), 0.0))

    rows = backends.rows([256], 2)

    assert [(row["seconds"], row["processor seconds"]) for row in rows] == [
        ("3.00", "4.00"), ("8.00", "8.00"), ("7.00", "6.00")]


def test_processor_time_is_that_of_the_command_and_failures_are_told(tmp_path):
    burn = "import time\nwhile time.process_time() < 0.3: pass"

    wall, used, _ = measured([sys.executable, "-c", burn], tmp_path)

    assert 0.3 <= used <= wall + 0.1
    with pytest.raises(UserError, match="failed"):
        measured([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)
