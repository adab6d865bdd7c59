"""Trainings of a table: stopped, resumed and timed."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import cells
import training_time
from helpers import Trainings
from microgan.errors import Interrupted, UserError

# A training that reports its start, then exits as ours do on a signal, or after some seconds.
SCRIPT = """
import pathlib, signal, sys, time
flags = dict(flag[2:].split("=", 1) for flag in sys.argv[1:] if "=" in flag)
run = pathlib.Path(flags["dir"]) / "run"
run.mkdir(exist_ok=True)
(run / "config.json").write_text("{}")
heard = []
signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
(run / "begun").touch()
for _ in range(int(flags["tenths"])):
    time.sleep(0.1)
    if heard:
        time.sleep(0.5)
        (run / "heard").write_text(str(len(heard)))
        sys.exit(128 + heard[0])
print("what went wrong")
sys.exit(int(flags["status"]))
"""
PARENT = """
import pathlib, sys
sys.path[:0] = sys.argv[1:3]
import cells
from microgan.cli.command import run_command
from microgan.config import Config
class Settings(Config):
    pass
sys.exit(run_command(Settings, "", lambda _: cells.train(
    sys.argv[3], pathlib.Path(sys.argv[4]), ["--tenths=300", "--status=0"]), ["table"]))
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def test_failed_training_is_told_by_its_last_line(script, tmp_path):
    with pytest.raises(UserError, match="what went wrong .status 2 of .*log.txt"):
        cells.train(script, tmp_path / "cell", ["--tenths=0", "--status=2"])


def test_finished_training_gives_its_run_folder(script, tmp_path):
    run = cells.train(script, tmp_path / "cell", ["--tenths=0", "--status=0"])

    assert run == tmp_path / "cell" / "run"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("whom", ["process", "group"])
def test_signal_reaches_the_training_once_and_ends_the_table(script, tmp_path, number, whom):
    """Whether `kill` sends it to this process alone or a terminal to all of its group."""
    table = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(cells.ROOT), str(cells.ROOT / "benchmarks"),
         str(script), str(tmp_path / "cell")], start_new_session=True, stderr=subprocess.PIPE,
        text=True)
    run = tmp_path / "cell" / "run"
    while not (run / "begun").exists():
        assert table.poll() is None, table.stderr.read()
        time.sleep(0.05)

    (os.kill if whom == "process" else os.killpg)(table.pid, number)

    _, errors = table.communicate(timeout=60)
    assert table.returncode == 128 + number
    assert "was stopped; the same command continues it" in errors
    assert (run / "heard").read_text() == "1"


@pytest.mark.parametrize("status", [0, 1])
def test_table_that_was_stopped_ends_however_the_training_did(
        script, tmp_path, monkeypatch, status):
    """It may have been at its end, or not yet ready for signals."""
    class Deaf(subprocess.Popen):
        def wait(self, *arguments, **settings):
            if not hasattr(self, "stopped"):
                self.stopped = True
                raise KeyboardInterrupt
            return super().wait(*arguments, **settings)

        def send_signal(self, number):
            pass

    monkeypatch.setattr(cells.subprocess, "Popen", Deaf)

    with pytest.raises(Interrupted, match="was stopped"):
        cells.train(script, tmp_path / "cell", ["--tenths=0", f"--status={status}"])


def test_training_that_was_timed_on_a_busy_machine_says_so(tmp_path, capsys):
    class Faster(Trainings):
        """Slower than in its trial, at half a second per update."""

        def __call__(self, script, folder, flags):
            run = super().__call__(script, folder, flags)
            if folder.name == "cell":
                history = (run / "history.csv").read_text().splitlines()
                update, seconds = history[-1].split(",")
                (run / "history.csv").write_text(f"update,seconds\n{update},{int(seconds) / 2}\n")
            return run

    training_time.train_for(10, "train.py", tmp_path / "cell", [], times=tmp_path / "times",
                            train=Faster())

    assert "cell trained for 5.0 of 10 minutes" in capsys.readouterr().out


def test_speed_trial_that_was_stopped_starts_again(tmp_path):
    """Resumed, it would warm up in the half that is timed."""
    half = tmp_path / "updates_4" / "run"
    half.mkdir(parents=True)
    (half / "checkpoint").touch()
    trainings = Trainings()

    def train(folder, flags):
        assert not (folder / "run" / "checkpoint").exists()
        return trainings("train.py", folder, flags)

    assert training_time.seconds_per_update(tmp_path, train) == 1
    assert json.loads((tmp_path / "seconds_per_update.json").read_text()) == 1
