"""`--dry_run` goes through everything, tells time and memory, and leaves nothing."""

import re

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from helpers import NARROW_CGAN, NARROW_CIN_GAN, NARROW_ZSE_GAN, write_pairs
from microgan.cli import train_cgan, train_cin_gan, train_zsegan

PROGRAMS = {"train_cGAN.py": (train_cgan, NARROW_CGAN),
            "train_CIN_GAN.py": (train_cin_gan, NARROW_CIN_GAN),
            "train_zsegan.py": (train_zsegan, NARROW_ZSE_GAN)}


@pytest.mark.parametrize("script", [
    "train_cGAN.py", *(pytest.param(script, marks=pytest.mark.slow)
                       for script in ("train_CIN_GAN.py", "train_zsegan.py"))])
def test_dry_run_tells_what_the_run_will_take_and_leaves_nothing(
        script, tmp_path, random, monkeypatch, capsys):
    program, flags = PROGRAMS[script]
    (tmp_path / "images").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    if program is train_zsegan:
        for number in range(3):
            stack = random.integers(0, 255, (13, 20, 20), np.uint8)
            np.save(tmp_path / "images" / f"{number}.npy", gaussian_filter(stack, 1))
    else:
        write_pairs(tmp_path / "images", "Blobs", 8, random, size=32)
        write_pairs(tmp_path / "images", "Blobs_test", 2, random, size=32)
    before = sorted(tmp_path.rglob("*"))

    status = program.main([script, *flags, "--data_dir=images", "--num_iters=1000", "--dry_run",
                           "--seed=1"])

    said, error = capsys.readouterr()
    assert (status, error) == (0, "")
    assert "of memory for 1000 updates" in said
    assert re.search(r"Two updates, a validation and a checkpoint are done. An update took "
                     r"[0-9.]+ s, so 1000 take .*; peak memory was [0-9.]+ [MG]B", said)
    assert "left no files" in said
    left = [path for path in tmp_path.rglob("*") if not path.name.startswith("__autograph")]
    assert sorted(left) == before  # TensorFlow removes its own files when the process ends
