"""The programs that train rivals, from end to end."""

import csv

import pytest

from helpers import files_in, run_script, write_pairs
from microgan.generator_file import load_generator

NARROW = ("--patch_size=32", "--batch_size=1", "--num_gpu=0", "--precision=float32",
          "--generator_filters=4", "--num_iters=4", "--validate_every=2", "--seed=1")
FLAGS = {"care": ("--plateau_updates=1",),
         "deblurgan": ("--critic_filters=2", "--critic_steps=2", "--content_features=embedded"),
         "cyclegan": ("--discriminator_filters=2", "--pool_size=2")}
FOLDERS = {"care": "CARE_results", "deblurgan": "DeblurGAN_results",
           "cyclegan": "CycleGAN_results"}


@pytest.mark.slow
@pytest.mark.parametrize("rival", FLAGS)
def test_rival_trains_resumes_and_writes_what_our_scripts_write(rival, tmp_path, random):
    write_pairs(tmp_path, "Blobs", 10, random)
    write_pairs(tmp_path, "Blobs_test", 3, random)
    flags = (*NARROW, *FLAGS[rival], "--data_dir=.")

    result = run_script(f"benchmarks/train_{rival}.py", *flags, cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    folder = tmp_path / FOLDERS[rival]
    assert {"config.json", "split.json", "history.csv", "generator.h5", "scores.md",
            "scores.json", "samples/update_000004.png",
            "checkpoint/update_000004.npz"} <= files_in(folder)
    with open(folder / "history.csv", newline="") as file:
        assert [row["update"] for row in csv.DictReader(file)] == ["2", "4"]
    _, info = load_generator(folder / "generator.h5", method=rival)
    assert info.tasks == ("Blobs",)
    again = run_script(f"benchmarks/train_{rival}.py", "--resume", cwd=tmp_path)
    assert again.returncode == 0 and "is finished: 4 updates" in again.stdout
