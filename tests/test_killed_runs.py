"""A training or pretraining killed at any moment and resumed leaves the files of one undisturbed.

So the same seed gives the same files, too.
"""

import signal
from dataclasses import dataclass
from random import Random

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from helpers import (
    NARROW_CGAN, NARROW_CIN_GAN, NARROW_ZSE_GAN, assert_same_run, files_in, run_script,
    write_pairs)


@dataclass(frozen=True)
class Program:
    """A training script or module, its run folder and flags that make it fast."""

    script: str
    folder: str
    flags: tuple[str, ...]
    num_endured: int


_DATA = "--data_dir=images"
PROGRAMS = {
    "cgan": Program("train_cGAN.py", "Microscopy_cGAN_results", (*NARROW_CGAN, _DATA), 20),
    "cin_gan": Program("train_CIN_GAN.py", "CIN-GAN_results", (*NARROW_CIN_GAN, _DATA), 4),
    "zse_gan": Program("train_zsegan.py", "ZSE-GAN_results", (*NARROW_ZSE_GAN, _DATA), 4),
    "pretraining": Program("benchmarks.pretraining", "Pretraining_results", (
        "--num_specimens=3", "--num_validated=4", "--generator_filters=2", "--patch_size=16",
        "--batch_size=2", "--num_gpu=0", "--precision=float32"), 4),
}
ALWAYS = ("--seed=1", "--deterministic", "--checkpoint_every=1")


@pytest.fixture(params=PROGRAMS)
def program(request):
    return PROGRAMS[request.param]


@pytest.fixture
def images(tmp_path, program):
    """Tiny images for two runs; the folder in which each is to appear."""
    for name in ("whole", "killed"):
        folder = tmp_path / name / "images"
        folder.mkdir(parents=True)
        random = np.random.default_rng(7)
        if program.script == "train_zsegan.py":
            for number in range(3):
                stack = random.integers(0, 255, (13, 20, 20), np.uint8)
                np.save(folder / f"{number}.npy", gaussian_filter(stack, 1))
        else:
            write_pairs(folder, "Blobs", 6, random, size=32)
    return tmp_path / "whole", tmp_path / "killed"


def train(program, folder, *flags, moment=None):
    command = (program.script,) if moment is None else ("tests/killed_script.py", moment,
                                                        program.script)
    return run_script(*command, *program.flags, *ALWAYS, *flags, cwd=folder, timeout=1800)


def kill_resume_and_compare(program, images, moments, flags):
    whole, killed = images
    # Resumed, too, so that both have the same flags; there is nothing yet.
    assert train(program, whole, *flags, "--resume").returncode == 0
    for moment in moments:
        result = train(program, killed, *flags, "--resume", moment=moment)
        assert result.returncode == -signal.SIGKILL, (moment, result.stdout, result.stderr)
        if moment.startswith("save"):
            assert list(killed.rglob("checkpoint/.*.partial.npz")), moment
    result = train(program, killed, *flags, "--resume")
    assert result.returncode == 0, result.stderr
    assert_same_run(whole / program.folder, killed / program.folder)
    assert_same_files(whole / program.folder, killed / program.folder)
    assert not list(killed.rglob("*.partial*"))


def assert_same_files(one, other):
    """Bit for bit, but for what holds times or the run's own command: history, page, state."""
    names = files_in(one)
    assert names == files_in(other)
    for name in names:
        if name.startswith("checkpoint/"):
            first, second = (np.load(folder / name) for folder in (one, other))
            for key in set(first.files) - {"state"}:
                np.testing.assert_array_equal(first[key], second[key], err_msg=name)
        elif name not in ("history.csv", "report.html"):
            assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.slow
def test_run_killed_twice_ends_as_if_it_had_not_been(program, images):
    """Once in the second checkpoint, half-written, and once soon after the first update."""
    kill_resume_and_compare(program, images, ["save:2", "seconds:0.01"],
                            ("--num_iters=40", "--validate_every=20"))


@pytest.mark.endurance
def test_run_killed_many_times_ends_as_if_it_had_not_been(program, images):
    chance = Random(1)
    kinds = {"rename": lambda: chance.randint(1, 10), "save": lambda: chance.randint(1, 5),
             "seconds": lambda: chance.uniform(0, 1), "start": lambda: chance.uniform(0, 10),
             "flush": lambda: chance.randint(1, 20), "update": lambda: chance.randint(1, 10)}
    moments = [f"{kind}:{when()}" for number in range(program.num_endured)
               for kind, when in [list(kinds.items())[number % len(kinds)]]]

    # Long enough that no kill comes after the end: ten seconds of start hold a hundred updates.
    num_iters = 100 * program.num_endured
    kill_resume_and_compare(program, images, moments,
                            (f"--num_iters={num_iters}", "--validate_every=7"))
