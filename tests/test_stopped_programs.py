"""A signal at an awkward moment, or a full disk: one line, nothing half-written or lost."""

import contextlib
import os
import signal

import numpy as np
import pytest

from helpers import NARROW_CGAN, files_in, write_pairs
from microgan.cli import train_cgan
from microgan.runs.checkpoints import load_last_checkpoint

RUN = "Microscopy_cGAN_results"
# By moment: what is called first then.
MOMENTS = {"import": "microgan.runs.run.import_tensorflow_quietly",
           "compile": "microgan.runs.compiled_update.compile_update",
           "report": "microgan.programs.scoring.write_report"}


@pytest.fixture
def train(tmp_path, monkeypatch, capsys):
    """A function that trains, and sends this process a signal at a moment."""
    (tmp_path / "images").mkdir()
    write_pairs(tmp_path / "images", "Blobs", 6, np.random.default_rng(7), size=16)
    monkeypatch.chdir(tmp_path)

    def run(moment, number, *flags):
        with monkeypatch.context() as patch:
            if moment:
                patch.setattr(MOMENTS[moment], lambda *_, **__: os.kill(os.getpid(), number))
            status = train_cgan.main(["train_cGAN.py", *NARROW_CGAN, "--data_dir=images",
                                      "--seed=1", "--num_iters=2", "--validate_every=1", *flags])
        return status, capsys.readouterr().err

    return run


@pytest.mark.parametrize("moment, number, status", [
    ("import", signal.SIGINT, 130), ("import", signal.SIGTERM, 143),
    ("compile", signal.SIGTERM, 143)])
def test_signal_before_the_first_update_ends_in_one_line(
        train, tmp_path, moment, number, status):
    found, message = train(moment, number, "--resume")

    assert found == status
    assert message.startswith("train_cGAN.py: stopped.") and message.count("\n") == 1
    assert files_in(tmp_path) <= {"images/Blobs_X.npy", "images/Blobs_Y.npy",
                                  f"{RUN}/config.json", f"{RUN}/split.json"}


def test_signal_in_a_dry_run_leaves_nothing(train, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))

    status, _ = train("compile", signal.SIGTERM, "--dry_run")

    assert status == 143
    assert not (tmp_path / RUN).exists()
    assert not list((tmp_path / "temporary").glob("microgan*"))


@pytest.mark.slow
def test_signal_in_the_report_loses_nothing_and_resuming_writes_it(train, tmp_path):
    status, message = train("report", signal.SIGTERM)

    assert status == 143
    assert message.count("\n") == 1 and "continue with --resume" in message
    assert load_last_checkpoint(tmp_path / RUN / "checkpoint")[1]["update"] == 2
    assert not (tmp_path / RUN / "scores.json").exists()
    assert train(None, None, "--resume") == (0, "")
    assert (tmp_path / RUN / "scores.json").exists()


@pytest.mark.slow
def test_disk_filled_in_a_save_ends_the_run_which_goes_on_once_there_is_room(
        train, small_disk, monkeypatch):
    checkpoints = small_disk / RUN / "checkpoint"
    flags = (f"--dir={small_disk}", "--checkpoint_every=1")
    save = np.savez

    def save_on_full_disk(path, **arrays):
        if "update_000002" in path.name:
            fill(small_disk / "filler")
        save(path, **arrays)

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", save_on_full_disk)
        status, message = train(None, None, *flags)

    assert status == 2 and message.count("\n") == 1
    assert "update_000002.npz: No space left on device" in message
    assert [path.name for path in checkpoints.iterdir()] == ["update_000001.npz"]
    (small_disk / "filler").unlink()
    assert train(None, None, *flags, "--resume") == (0, "")
    assert load_last_checkpoint(checkpoints)[1]["update"] == 2


def fill(path):
    """Write a file until the disk is full to the last byte."""
    with open(path, "wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
