"""train_zsegan.py from end to end, as a user runs it."""

import csv
import json

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from helpers import assert_mistake, files_in, run_script, run_without_tensorflow
from microgan.generator_file import load_generator

RUN = "ZSE-GAN_results"
NARROW = ("--recipe=limited", "--translator_filters=2", "--simulated_stacks=2", "--patch_size=16",
          "--num_gpu=0", "--precision=float32", "--num_iters=4", "--validate_every=2", "--seed=1")


def write_stacks(folder, count, random, suffix=".tif", depth=13, side=40):
    """16-bit stacks of blobs, blurred by their distance from the middle."""
    folder.mkdir()
    for number in range(count):
        sharp = ndimage.gaussian_filter(random.normal(size=(depth, side, side)), 1)
        stack = np.stack([ndimage.gaussian_filter(image, 0.5 * abs(z - depth // 2))
                          for z, image in enumerate(sharp)])
        stack = np.clip(2000 + 4000 * stack, 0, 65535).astype(np.uint16)
        if suffix == ".tif":
            tifffile.imwrite(folder / f"{number}.tif", stack, imagej=True, resolution=(2, 2),
                             metadata={"axes": "ZYX", "spacing": 1.0, "unit": "um"})
        else:
            np.savez(folder / f"{number}.npz", np.moveaxis(stack, 0, -1))


def train(tmp_path, *flags):
    return run_script("train_zsegan.py", *NARROW, *flags, cwd=tmp_path)


@pytest.mark.slow
def test_training_on_a_folder_of_stacks(tmp_path, random):
    write_stacks(tmp_path / "stacks", 3, random)

    result = train(tmp_path, "--data_dir=stacks")

    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert "2 stacks to learn from, 1 held out to look at" in result.stdout
    assert "Fitted microscope (fluorescence): focused at slice" in result.stdout
    folder = tmp_path / RUN
    assert files_in(folder) == {
        "config.json", "split.json", "history.csv", "history.png", "generator.h5", "report.html",
        "validation.md", "samples/update_000002_1.png", "samples/update_000004_1.png",
        "checkpoint/update_000004.npz"}
    with open(folder / "history.csv", newline="") as file:
        assert [row["update"] for row in csv.DictReader(file)] == ["2", "4"]
    # Another size than those it was trained on.
    other = random.integers(0, 5000, (13, 50, 22)).astype(np.uint16)
    np.save(tmp_path / "other.npy", other)
    result = run_script("restore.py", f"--generator={folder / 'generator.h5'}",
                        "--input=other.npy", "--precision=float32", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    sharpened = np.load(tmp_path / "restored" / "other.npy")
    assert sharpened.shape == other.shape and sharpened.dtype == other.dtype


@pytest.mark.slow
def test_test_stacks_are_reported_on_at_the_end(tmp_path, random):
    (tmp_path / "data").mkdir()
    write_stacks(tmp_path / "data" / "trainB", 2, random, depth=17)
    write_stacks(tmp_path / "data" / "testB", 2, random, depth=17)

    result = train(tmp_path, "--data_dir=data")

    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / RUN / "z_stack_report.json").read_text())
    assert report["stacks"] == ["0", "1"]
    page = (tmp_path / RUN / "z_stack_report.html").read_text()
    assert page.count("data:image/png;base64,") >= 6
    assert "recall of cells in y" in result.stdout
    for flags in ([], ["--dry_run"]):  # which reports on one stack
        again = run_without_tensorflow("train_zsegan", "--resume", *flags, cwd=tmp_path)
        assert again.returncode == 0, again.stderr
        assert "is finished: 4 updates" in again.stdout


def test_corrupt_stack_among_good_ones_is_named_before_training(tmp_path, random):
    write_stacks(tmp_path / "stacks", 3, random)
    path = tmp_path / "stacks" / "1.tif"
    path.write_bytes(path.read_bytes()[:5000])

    result = run_without_tensorflow("train_zsegan", "--data_dir=stacks", cwd=tmp_path)

    assert_mistake(result, "1.tif", "cannot be read")
    assert not (tmp_path / RUN).exists()


def test_test_stack_that_is_a_copy_of_a_training_stack_is_a_mistake(tmp_path, random):
    (tmp_path / "data").mkdir()
    write_stacks(tmp_path / "data" / "trainB", 2, random, depth=17)
    write_stacks(tmp_path / "data" / "testB", 2, random, ".npz", depth=17)
    # Another kind of file, the same voxels.
    copied = tifffile.imread(tmp_path / "data" / "trainB" / "0.tif")
    np.savez(tmp_path / "data" / "testB" / "1.npz", np.moveaxis(copied, 0, -1))

    result = run_without_tensorflow("train_zsegan", *NARROW, "--data_dir=data", cwd=tmp_path)

    assert_mistake(result, "data/testB/1.npz is a copy of 0.tif of the training",
                   "Remove one of the two")
    assert not (tmp_path / RUN).exists()


def test_stacks_too_shallow_for_vertical_sections_are_a_mistake(tmp_path, random):
    write_stacks(tmp_path / "stacks", 2, random, depth=9)

    result = run_without_tensorflow("train_zsegan", "--patch_size=32", "--data_dir=stacks",
                                    cwd=tmp_path)

    assert_mistake(result, "shallowest z-stack has 9 slices", "need 16", "--recipe=limited")


@pytest.mark.slow
def test_paper_recipe_trains_on_the_layout_of_the_authors_and_resumes(tmp_path, random):
    """Published networks at their full size, on few voxels."""
    (tmp_path / "data").mkdir()
    write_stacks(tmp_path / "data" / "trainB", 3, random, ".npz", depth=17)
    for name, size in (("trainA2D", (40, 40)), ("trainA29", (40, 17))):
        folder = tmp_path / "data" / name
        folder.mkdir()
        for number in range(2):
            tifffile.imwrite(folder / f"{number}.tif",
                             random.integers(0, 4000, size).astype(np.uint16))
    flags = ("--data_dir=data", "--patch_size=32", "--num_gpu=0", "--validate_every=2",
             "--seed=1", "--pool_size=2", "--precision=float32", "--deterministic")

    whole = run_script("train_zsegan.py", *flags, "--num_iters=4", "--dir=whole", cwd=tmp_path,
                       timeout=900)
    stopped = run_script("tests/stop_after_two.py", "train_zsegan.py", *flags, "--num_iters=4",
                         "--dir=halves", cwd=tmp_path, timeout=900)
    resumed = run_script("train_zsegan.py", "--resume", "--dir=halves", cwd=tmp_path, timeout=900)

    assert (whole.returncode, stopped.returncode, resumed.returncode) == (0, 143, 0), (
        whole.stderr, stopped.stderr, resumed.stderr)
    generators = []
    for name in ("whole", "halves"):
        generator, info = load_generator(tmp_path / name / RUN / "generator.h5", method="zse_gan")
        assert info.network == "published"
        generators.append(generator)
    for one, other in zip(*(generator.get_weights() for generator in generators)):
        np.testing.assert_array_equal(one, other)
