"""train_CIN_GAN.py from end to end, as a user runs it."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest
from scipy import ndimage

from helpers import (
    ROOT, assert_mistake, assert_printed_mistake, files_in, run_script, run_without_tensorflow,
    write_pairs, write_random_vgg)
from microgan.cli import train_cin_gan
from microgan.generator_file import load_generator
from microgan.restoration.in_memory import synthesise_degraded

RUN = "CIN-GAN_results"
NARROW = ("--recipe=limited", "--generator_filters=4", "--critic_filters=4", "--patch_size=32",
          "--batch_size=2", "--critic_steps=1", "--num_gpu=0", "--precision=float32",
          "--num_iters=4", "--validate_every=2", "--seed=1")


def train(tmp_path, data_dir, *flags):
    return run_script("train_CIN_GAN.py", *NARROW, f"--data_dir={data_dir}", *flags, cwd=tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A short run, shared by all that look at or compare with it: 10 degraded, 14 clean images."""
    folder = tmp_path_factory.mktemp("finished")
    images = folder / "images"
    images.mkdir()
    random = np.random.default_rng(7)
    for name in ("Blobs", "Stripes"):
        write_pairs(images, name, 14, random)
        np.save(images / f"{name}_X.npy", np.load(images / f"{name}_X.npy")[:10])
        write_pairs(images, f"{name}_test", 4, random)
    np.save(images / "Blobs_extra_Y.npy", np.load(images / "Blobs_Y.npy")[:2] // 2)
    result = train(folder, "images", "--deterministic")
    assert result.returncode == 0, result.stderr
    return folder, result


@pytest.mark.slow
def test_run_writes_every_promised_file(finished):
    assert files_in(finished[0] / RUN) == {
        "config.json", "split.json", "history.csv", "history.png", "generator.h5", "report.html",
        "defect_report.md", "defect_report.csv", "defect_report.json", "defect_report.png",
        "samples/update_000002.png", "samples/update_000004.png", "checkpoint/update_000004.npz"}


@pytest.mark.slow
def test_run_tells_its_parts_and_the_distances_left(finished):
    result = finished[1]

    assert ("Blobs: degraded 8 train, 2 validation, 4 test; clean 11 train, 3 validation, 4 test "
            "and 2 extra") in result.stdout
    assert "Distance from real degraded images (test images)" in result.stdout
    assert result.stderr == ""


@pytest.mark.slow
def test_history_has_all_losses_and_scores(finished):
    with open(finished[0] / RUN / "history.csv") as file:
        rows = list(csv.DictReader(file))

    assert [row["update"] for row in rows] == ["2", "4"]
    assert {"critic_loss", "penalty_loss", "adversarial_loss", "style_loss", "score",
            "closed_Blobs"} <= set(rows[0])


@pytest.mark.slow
def test_report_compares_with_the_test_images(finished):
    report = json.loads((finished[0] / RUN / "defect_report.json").read_text())

    rows = report["distances"]
    assert set(report["measured"]) == {"Blobs", "Stripes"}

    assert {(row["task"], row["distance"]) for row in rows} == {
        (task, distance) for task in ("Blobs", "Stripes")
        for distance in ("spectrum", "histogram", "noise", "direction")}
    assert {(row["images"], row["n"]) for row in rows} == {
        ("clean", 4), ("synthetic", 4), ("real, one half to the other", 2)}


@pytest.mark.slow
def test_saved_generator_makes_images_in_degraded_intensities(finished):
    model, info = load_generator(finished[0] / RUN / "generator.h5", method="cin_gan")
    clean = np.load(finished[0] / "images" / "Blobs_test_Y.npy")

    made = synthesise_degraded(model, info, "Blobs", list(clean), seed=1)

    assert info.tasks == tuple(info.degradation) == ("Blobs", "Stripes")
    assert made[0].shape == (32, 32) and 0 < np.mean(made) < 255


@pytest.mark.slow
def test_second_run_into_the_folder_is_refused(finished):
    assert_mistake(train(finished[0], "images"), "holds an earlier run", "--resume")


@pytest.mark.slow
def test_restoring_with_it_asks_which_defect(finished):
    result = run_script("restore.py", f"--generator={RUN}/generator.h5",
                        "--input=images/Blobs_X.npy", cwd=finished[0])

    assert_mistake(result, "adds defects", "--task=Blobs or --task=Stripes")


@pytest.mark.slow
def test_interrupted_run_goes_on_to_the_same_end(finished, tmp_path):
    whole, parts = finished[0], tmp_path
    shutil.copytree(whole / "images", parts / "images")

    stopped = run_script("tests/stop_after_two.py", "train_CIN_GAN.py", *NARROW,
                         "--data_dir=images", "--deterministic", cwd=parts)
    assert stopped.returncode == 143, stopped.stderr
    assert train(parts, "images", "--deterministic", "--resume").returncode == 0

    for name in ("defect_report.csv", "split.json"):
        assert (parts / RUN / name).read_text() == (whole / RUN / name).read_text()
    for one, other in zip(*(
            load_generator(folder / RUN / "generator.h5", method="cin_gan")[0].get_weights()
            for folder in (parts, whole))):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("flags, words", [
    (("--images_limit=50",), ("has 10 pairs", "training asks for 40")),
    (("--patch_size=64",), ("32 x 32", "--patch_size=32")),
    (("--critic_step=3",), ("--critic_steps",)),
])
def test_mistake_ends_in_one_line_and_leaves_nothing(tmp_path, data_dir, capsys, flags, words):
    status = train_cin_gan.main(["train_CIN_GAN.py", *NARROW, f"--data_dir={data_dir}",
                                 f"--dir={tmp_path}", *flags])

    assert_printed_mistake(status, capsys.readouterr(), *words)
    assert not (tmp_path / RUN).exists()


def test_last_file_that_is_checked_is_checked_without_tensorflow(tmp_path, data_dir):
    result = run_without_tensorflow("train_cin_gan", *NARROW, f"--data_dir={data_dir}",
                                    "--content_features=nowhere.npz", cwd=tmp_path)

    assert_mistake(result, "no file nowhere.npz")


@pytest.mark.slow
def test_paper_recipe_does_three_updates_at_full_size(tmp_path):
    """The published networks and losses, on VGG weights that are random but fit."""
    write_random_vgg(tmp_path / "vgg.npz")

    result = run_script(
        "train_CIN_GAN.py", f"--data_dir={ROOT / 'data'}", "--images_limit=10", "--batch_size=1",
        "--num_iters=3", "--content_features=vgg.npz", "--num_gpu=0", "--eval_limit=2",
        "--seed=1", cwd=tmp_path, timeout=900)

    assert result.returncode == 0, result.stderr
    model, info = load_generator(tmp_path / RUN / "generator.h5", method="cin_gan")
    assert model.count_params() == 14_946_817
    assert len(info.tasks) == 3


@pytest.mark.slow
def test_network_learns_lines_that_the_model_lacks(tmp_path):
    """Every row has its own offset, which no number of the model can be."""
    random = np.random.default_rng(3)

    def degrade(images):
        blurred = ndimage.gaussian_filter(images, (0, 1, 1))
        return (random.poisson(2 * blurred) / 2
                + random.normal(0, 12, (*images.shape[:2], 1))).astype(np.float32)

    cells = np.load(ROOT / "data" / "Drosophila_Y.npy").astype(float)
    np.save(tmp_path / "Cells_X.npy", degrade(cells[:10]))
    np.save(tmp_path / "Cells_Y.npy", cells[10:].astype(np.float32))

    result = run_script("train_CIN_GAN.py", "--recipe=limited", f"--data_dir={tmp_path}",
                        "--num_iters=100", "--batch_size=4", "--num_gpu=0", "--seed=1",
                        cwd=tmp_path, timeout=600)

    assert result.returncode == 0, result.stderr
    assert "Not explained" in result.stdout
    model, info = load_generator(tmp_path / RUN / "generator.h5", method="cin_gan")
    assert info.corrected == ("Cells",)
    alone, corrected = (
        synthesise_degraded(network, each, "Cells", list(cells[:5]), seed=1)
        for network, each in ((None, dataclasses.replace(info, corrected=())), (model, info)))

    def along_rows(images):
        """Return how vertical differences agree 8 px farther along the row."""
        steps = np.diff(images, axis=1)
        return np.mean(steps[..., 8:] * steps[..., :-8]) / np.mean(steps ** 2)

    assert along_rows(corrected) > along_rows(alone) + 0.1
