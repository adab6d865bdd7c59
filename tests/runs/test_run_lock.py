"""Two programs in one run folder: the second is refused, unless the first is gone."""

import os
import signal
import subprocess
import sys

import pytest

from helpers import ROOT, files_in
from microgan.cli.command import run_command
from microgan.config import CGANConfig
from microgan.errors import UserError
from microgan.runs.run_folder import working_folder

HOLD = """
import pathlib, sys, time
from microgan.config import CGANConfig
from microgan.runs.run_folder import working_folder
with working_folder(pathlib.Path(sys.argv[1]), CGANConfig.create()):
    print("working", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Another process that works in the folder `run` until its input ends."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / "run"], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert process.stdout.readline() == "working\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("how", [{}, {"resume": True}, {"overwrite": True}])
def test_second_program_is_refused_while_the_first_works(other, tmp_path, how):
    with pytest.raises(UserError, match="Another program is training in .*run. Wait .* --dir"):
        with working_folder(tmp_path / "run", CGANConfig.create(**how)):
            raise AssertionError("it works there, too")


@pytest.mark.parametrize("end", ["itself", signal.SIGTERM, signal.SIGKILL])
def test_folder_is_free_when_the_first_is_gone(other, tmp_path, end):
    if end == "itself":
        other.communicate()
    else:
        other.send_signal(end)
        other.wait()

    with working_folder(tmp_path / "run", CGANConfig.create()) as folder:
        (folder / "config.json").write_text("{}")

    assert files_in(tmp_path / "run") == {"config.json"}


def test_a_dry_run_may_go_beside(other, tmp_path):
    with working_folder(tmp_path / "run", CGANConfig.create(dry_run=True)) as folder:
        assert folder != tmp_path / "run"


def test_file_system_without_locks_is_said(tmp_path, monkeypatch, capsys):
    def acquire(*_, **__):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("filelock.FileLock.acquire", acquire)

    with working_folder(tmp_path / "run", CGANConfig.create()):
        pass

    assert "has no locks (Operation not supported): make sure" in capsys.readouterr().out


def test_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(UserError, match="Cannot create .*file/run: .*file is a file.* --dir"):
        with working_folder(tmp_path / "file" / "run", CGANConfig.create()):
            pass


def test_folder_that_may_not_be_written_to_is_one_line(tmp_path, monkeypatch, capsys):
    def acquire(*_, **__):
        raise PermissionError(13, "Permission denied", str(tmp_path / "run" / ".lock"))

    monkeypatch.setattr("filelock.FileLock.acquire", acquire)

    def work(config):
        with working_folder(tmp_path / "run", config):
            raise AssertionError("it works without the right to")

    assert run_command(CGANConfig, "", work, ["train_cGAN.py"]) == 2
    assert "run/.lock: Permission denied. Check the path" in capsys.readouterr().err
