"""The training scripts from end to end, as a user runs them."""

import csv
import json
import shutil

import numpy as np
import pytest

from helpers import (
    NARROW, NARROW_CGAN, ROOT, assert_mistake, assert_printed_mistake, files_in, run_script,
    run_without_tensorflow, write_pairs, write_random_vgg)
from microgan.cli import evaluate, train_cgan
from microgan.generator_file import load_generator, read_info

RUN = "Microscopy_cGAN_results"
WHOLE = ("--images_limit=10", "--deterministic")  # of the run that all tests share


def train(tmp_path, data_dir, *flags, script="train_cGAN.py"):
    return run_script(script, *NARROW, f"--data_dir={data_dir}", "--num_iters=4",
                      "--validate_every=2", "--seed=1", *flags, cwd=tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A short run, shared by the tests that look at it or compare with it."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "images").mkdir()
    random = np.random.default_rng(7)
    for name in ("Blobs", "Stripes"):
        write_pairs(folder / "images", name, 10, random)
    write_pairs(folder / "images", "Blobs_test", 4, random)
    result = train(folder, "images", *WHOLE)
    assert result.returncode == 0, result.stderr
    return folder, result


def test_run_writes_every_promised_file(finished):
    assert files_in(finished[0] / RUN) == {
        "config.json", "split.json", "history.csv", "history.png", "generator.h5", "report.html",
        "scores.md", "scores.csv", "scores.json", "scores_per_image.csv", "scores_Blobs.png",
        "scores_Stripes.png",
        "samples/update_000002.png", "samples/update_000004.png", "checkpoint/update_000004.npz"}


def test_run_records_config_versions_seed_and_split(finished):
    folder = finished[0] / RUN
    record = json.loads((folder / "config.json").read_text())
    split = json.loads((folder / "split.json").read_text())

    assert record["config"]["seed"] == 1 and record["config"]["num_iters"] == 4
    assert record["versions"]["tensorflow"].startswith("2.")
    assert sorted(split["Blobs"]["train"] + split["Blobs"]["validation"]) == list(range(10))
    assert split["Blobs"]["test_from"] == "Blobs_test"


def test_history_has_a_row_a_validation_and_num_iters_is_exact(finished):
    with open(finished[0] / RUN / "history.csv") as file:
        rows = list(csv.DictReader(file))

    assert [row["update"] for row in rows] == ["2", "4"]
    assert {"pixel_loss", "adversarial_loss", "score", "psnr_Blobs"} <= set(rows[0])


def test_scores_have_the_raw_input_and_say_what_chose_the_weights(finished):
    rows = json.loads((finished[0] / RUN / "scores.json").read_text())
    by_key = {(row["task"], row["method"], row["protocol"]): row for row in rows}

    assert by_key["Blobs", "raw input", "range"]["n"] == 4
    assert by_key["Blobs", "restored", "care"]["psnr"] > 0
    assert by_key["Blobs", "raw input", "range"]["split"] == "test"
    assert by_key["Stripes", "restored", "care"]["n"] == 2
    assert by_key["Stripes", "restored", "care"]["split"] == "validation"
    assert "so their scores are too good" in finished[1].stdout


def test_run_tells_device_estimate_and_table_and_no_chatter(finished):
    result = finished[1]

    assert "CPU:0 in float32" in result.stdout
    assert "Estimated on this machine" in result.stdout
    assert "raw input" in result.stdout
    assert result.stderr == ""


def test_saved_generator_loads_with_its_constants(finished):
    model, info = load_generator(finished[0] / RUN / "generator.h5")

    assert info.tasks == ("Blobs", "Stripes")
    assert all(ranges.calibrated for ranges in info.normalization.values())
    assert "Blobs: restored intensities" in finished[1].stdout
    assert model(np.zeros((1, 20, 30, 1), np.float32)).shape == (1, 20, 30, 1)


def test_degraded_images_with_fewer_pixels_are_enlarged(tmp_path, random, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("Blobs", "Blobs_test"):
        write_pairs(tmp_path, name, 4, random, size=32)
        np.save(f"{name}_X.npy", np.load(f"{name}_X.npy")[:, ::2, ::2])
    flags = ["train_cGAN.py", *NARROW_CGAN, "--data_dir=.", "--num_iters=1", "--seed=1"]
    assert train_cgan.main(flags) == 2
    assert "pass --upsample=True" in capsys.readouterr().err

    assert train_cgan.main([*flags, "--upsample=True"]) == 0

    generator = f"{RUN}/generator.h5"
    assert read_info(generator).upsample == 2
    assert evaluate.main(["evaluate.py", f"--generator={generator}", "--data_dir=."]) == 0
    trained, again = ([row["psnr"] for row in json.loads(
        (tmp_path / folder / "scores.json").read_text()) if row["method"] == "restored"]
        for folder in (RUN, "evaluation"))
    # Two networks of the same weights, compiled apart, round differently.
    assert len(again) > 1 and again == pytest.approx(trained, abs=1e-3)


def test_second_run_into_the_folder_is_refused(finished):
    before = (finished[0] / RUN / "config.json").read_text()

    result = train(finished[0], "images")

    assert_mistake(result, "holds an earlier run", "--resume", "--overwrite")
    assert (finished[0] / RUN / "config.json").read_text() == before


def test_finished_run_says_so_and_resuming_needs_no_other_flag(finished):
    result = run_without_tensorflow("train_cgan", "--resume", cwd=finished[0])

    assert result.returncode == 0, result.stderr
    assert "is finished: 4 updates" in result.stdout


def test_images_may_have_moved_when_a_run_is_resumed(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / "images").rename(tmp_path / "moved")

    result = run_without_tensorflow("train_cgan", "--resume", "--data_dir=moved", cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    assert "is finished: 4 updates" in result.stdout


def test_resuming_on_other_images_is_refused(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    path = tmp_path / "images" / "Blobs_X.npy"
    np.save(path, np.load(path)[::-1])

    result = run_without_tensorflow("train_cgan", "--resume", cwd=tmp_path)

    assert_mistake(result, "images of 'Blobs' are not those")


def test_overwriting_never_deletes_what_is_not_of_a_run(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / RUN / "thesis.txt").write_text("precious")

    result = train(tmp_path, "images", "--overwrite")

    assert_mistake(result, "thesis.txt", "--dir")
    assert (tmp_path / RUN / "generator.h5").exists()


@pytest.mark.slow
def test_run_killed_while_its_folder_was_made_can_start_again(data_dir, tmp_path):
    (tmp_path / RUN / "samples").mkdir(parents=True)

    result = train(tmp_path, data_dir, "--resume")

    assert result.returncode == 0, result.stderr
    assert "Nothing to resume" in result.stdout


def test_tasks_that_share_truths_unevenly_are_refused(data_dir, tmp_path):
    for letter in "XY":
        np.save(data_dir / f"Part_{letter}.npy", np.load(data_dir / f"Blobs_{letter}.npy")[:6])
        (data_dir / f"Blobs_test_{letter}.npy").unlink()

    result = train(tmp_path, data_dir, "--datasets=Blobs,Part")

    assert_mistake(result, "also learned from in", "--datasets")


def test_validation_image_that_cannot_be_scored_is_named(data_dir, tmp_path):
    clean = np.zeros((10, 64, 64), np.uint8)
    clean[np.arange(10), np.arange(10), 0] = 9  # one bright pixel each, 0.02 % of the image
    np.save(data_dir / "Dots_Y.npy", clean)
    np.save(data_dir / "Dots_X.npy", clean + np.arange(64, dtype=np.uint8))

    result = train(tmp_path, data_dir, "--datasets=Dots", "--normalization=min_max")

    assert_mistake(result, "of 'Dots' is for validation", "--seed")


@pytest.mark.slow
def test_interrupted_run_goes_on_to_the_same_end(finished, tmp_path):
    """Stop after two updates by cutting the run short, resume, and compare bit for bit."""
    whole, parts = finished[0], tmp_path
    shutil.copytree(whole / "images", parts / "images")

    stopped = run_script("tests/stop_after_two.py", "train_cGAN.py", *NARROW, "--data_dir=images",
                         "--num_iters=4", "--validate_every=2", "--seed=1", *WHOLE, cwd=parts)
    assert stopped.returncode == 143, stopped.stderr
    assert "continue with --resume" in stopped.stderr
    assert train(parts, "images", *WHOLE, "--resume").returncode == 0

    def history(folder):
        with open(folder / RUN / "history.csv") as file:
            return [{name: value for name, value in row.items() if name != "seconds"}
                    for row in csv.DictReader(file)]
    assert history(parts) == history(whole)
    for one, other in zip(*(load_generator(folder / RUN / "generator.h5")[0].get_weights()
                            for folder in (parts, whole))):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("flags, words", [
    (("--datasets=Nothing",), ("No images of 'Nothing'", "--datasets")),
    (("--images_limit=50",), ("has 10 pairs", "training asks for 40", "validation for 10")),
    (("--patch_size=64",), ("32 x 32", "--patch_size=32")),
    (("--symmetries=Nobody:all",), ("'Nobody'", "Blobs, Stripes")),
])
def test_mistake_ends_in_one_line_and_leaves_nothing(tmp_path, data_dir, capsys, flags, words):
    status = train_cgan.main(["train_cGAN.py", *NARROW, f"--data_dir={data_dir}",
                              f"--dir={tmp_path}", *flags])

    assert_printed_mistake(status, capsys.readouterr(), *words)
    assert not (tmp_path / RUN).exists()


def test_last_file_that_is_checked_is_checked_without_tensorflow(tmp_path, data_dir):
    result = run_without_tensorflow("train_cgan", *NARROW, f"--data_dir={data_dir}",
                                    "--content_features=nowhere.npz", cwd=tmp_path)

    assert_mistake(result, "no file nowhere.npz")


def test_original_readme_command_parses_and_names_the_missing_gpus(
        tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)

    status = train_cgan.main(["train_cGAN.py", "--batch_size=100", "--num_iters=3000",
                              "--num_gpu=2", "--images_limit=50", f"--dir={tmp_path}"])

    assert_printed_mistake(status, capsys.readouterr(), "--num_gpu=2 asks for 2 GPUs",
                           "--num_gpu=0", "microgan[gpu]")
    assert files_in(tmp_path) == set()


@pytest.mark.slow
def test_paper_recipe_does_twenty_updates_at_full_size(tmp_path):
    """The published networks, losses and sizes, on VGG weights that are random but fit."""
    write_random_vgg(tmp_path / "vgg.npz")

    result = run_script(
        "train_cGAN.py", f"--data_dir={ROOT / 'data'}", "--images_limit=10", "--batch_size=2",
        "--num_iters=20", "--validate_every=10", "--content_features=vgg.npz", "--num_gpu=0",
        "--eval_limit=2", "--seed=1", cwd=tmp_path, timeout=900)

    assert result.returncode == 0, result.stderr
    with open(tmp_path / RUN / "history.csv") as file:
        first, last = csv.DictReader(file)
    assert float(last["content_loss"]) < float(first["content_loss"])
    model, info = load_generator(tmp_path / RUN / "generator.h5")
    assert model.count_params() == 11_376_129
    assert len(info.tasks) == 3


@pytest.mark.slow
def test_limited_recipe_beats_the_raw_input_on_shipped_data(tmp_path):
    """A few of its updates are enough for that."""
    result = run_script("train_cGAN.py", "--recipe=limited", f"--data_dir={ROOT / 'data'}",
                        "--images_limit=10", "--num_iters=150", "--seed=1", "--num_gpu=0",
                        cwd=tmp_path, timeout=1500)

    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / RUN / "scores.json").read_text())
    scores = {(row["task"], row["protocol"], row["method"]): row for row in rows}
    for (task, protocol, method), row in scores.items():
        if method == "restored" and protocol != "paper":
            raw = scores[task, protocol, "raw input"]
            assert row["psnr"] > raw["psnr"] and row["ssim"] > raw["ssim"], (task, protocol)
