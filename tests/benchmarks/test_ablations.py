"""The study of the recipe, with trainings that only pretend."""

import json

import numpy as np
import pytest

import ablations
from cells import by_values, read_rows
from helpers import ROOT, Trainings, write_pairs
from microgan.cli.command import parse_flags
from microgan.config import CGANConfig
from microgan.datasets.normalization import TaskNormalization, fit_percentiles
from microgan.datasets.paired_arrays import PairedImages
from microgan.errors import UserError
from microgan.evaluation.scores import score_task


def test_every_change_is_flags_that_exist():
    recipe = CGANConfig.create(recipe="limited")
    for change in ablations.CHANGES:
        changed = parse_flags(CGANConfig, ["train_cGAN.py", "--recipe=limited",
                                           *ablations.flags_of(change, ["A", "B"])])
        assert (changed == recipe) == (change == ablations.RECIPE), change


def test_held_out_pairs_are_spread_over_those_whose_truth_no_part_of_the_run_has(random):
    clean = random.random((9, 4, 4))
    clean[8] = clean[4]  # another picture of what was learned
    pairs = PairedImages("A", clean, clean)
    split = {"train": [0, 4], "validation": [2], "test": [1, 3], "test_from": "A_test"}

    assert ablations.held_out(pairs, "A", split, at_most=9) == [1, 3, 5, 6, 7]
    assert ablations.held_out(pairs, "A", split, at_most=3) == [1, 5, 7]
    assert ablations.held_out(pairs, "A", {**split, "test_from": "A"}, at_most=9) == [5, 6, 7]


def test_gains_are_over_the_recipe_with_the_same_seed():
    def rows(change, seed, psnr, ssim):
        return [{"change": change, "seed": seed, "task": task, "protocol": "care",
                 "psnr": str(psnr + more), "ssim": str(ssim), "num_iters": "100"}
                for task, more in (("A", 0), ("B", 2))]

    lines = ablations.table(
        rows(ablations.RECIPE, "1", 20, 0.5) + rows(ablations.RECIPE, "2", 24, 0.7)
        + rows("no content loss", "1", 21, 0.4) + rows("no content loss", "2", 27, 0.8)
        + rows("half the channels", "3", 27, 0.8), "care").splitlines()

    assert lines[0] == "| change | flags | updates | seeds | A | B | mean |"
    # Means over seeds; the deviation of 20, 24 is 2.83. Gains: +1, +3 dB and -0.1, +0.1.
    assert lines[2] == ("| the recipe |  | 100 | 2 | 22.00 ± 2.83 / 0.600 ± 0.141 | "
                        "24.00 ± 2.83 / 0.600 ± 0.141 | 23.00 ± 2.83 / 0.600 ± 0.141 |")
    gain = "+2.00 ± 1.41 / +0.000 ± 0.141"
    assert lines[3] == ("| no content loss | `--content_weight=0` | 100 | 2 | "
                        f"{gain} | {gain} | {gain} |")
    assert len(lines) == 4  # seed 3 has no recipe to compare with


def test_docs_have_what_the_rows_of_the_recipe_give():
    tables = by_values(read_rows(ROOT / "benchmarks/results/ablations.csv"), ablations.TABLE)
    given = {line for rows in tables.values() for protocol in ("care", "range")
             for line in ablations.table(rows, protocol).splitlines()}
    docs = (ROOT / "docs/recipe.md").read_text(encoding="utf-8").partition(
        "Fifteen minutes, the recipe")[2]
    shown = [line for line in docs.splitlines() if line.startswith("|")]

    assert len(shown) > 20 and set(shown) <= given


def test_every_change_can_be_named_on_the_command_line():
    settings = parse_flags(ablations.Settings, [
        "ablations.py", f"--changes={','.join(ablations.CHANGES)}"])

    assert settings.changes == tuple(ablations.CHANGES)


def test_a_change_of_symmetries_is_one_of_every_task():
    flags = ablations.flags_of("no mirror images at all", ["A", "B"])

    changed = parse_flags(CGANConfig, ["train_cGAN.py", "--symmetries=A:all",
                                       "--recipe=limited", *flags])

    assert changed.symmetries == ("A:none", "B:none")


def test_finished_cells_are_kept_and_all_train_for_the_same_time(
        tmp_path, random, monkeypatch):
    write_pairs(tmp_path, "A", 2, random)
    trainings = Trainings()
    monkeypatch.setattr(ablations, "train", trainings)
    monkeypatch.setattr(ablations, "held_out_scores", lambda settings, run: [
        {"task": "A", "protocol": "care", "n": "4", "psnr": "20", "ssim": "0.5"}])
    settings = ablations.Settings(
        data_dir=str(tmp_path), changes=(ablations.RECIPE, "no content loss"), seeds=("1",),
        minutes=2.0, output=str(tmp_path / "rows.csv"), work=str(tmp_path / "work"))

    for _ in range(2):
        output = ablations.fill(settings)

    trained = [(name, flags) for _, name, flags in trainings.done
               if not name.startswith("updates_")]
    assert [(name, flags["num_iters"], flags.get("content_weight"))
            for name, flags in trained] == [
        ("the_recipe_seed1", "120", None), ("no_content_loss_seed1", "120", "0")]
    assert [(row["change"], row["num_iters"]) for row in read_rows(output)] == [
        (ablations.RECIPE, "120"), ("no content loss", "120")]


def test_scores_are_of_pairs_that_the_run_has_not_seen(tmp_path, random, monkeypatch):
    from microgan.generator_file import GeneratorInfo, build_network, save_generator

    write_pairs(tmp_path, "Blobs", 6, random)
    degraded, clean = (np.load(tmp_path / f"Blobs_{kind}.npy") for kind in "XY")
    info = GeneratorInfo("cgan", "unet", {"filters": 2, "depth": 1}, ("Blobs",), {
        "Blobs": TaskNormalization(fit_percentiles(degraded), fit_percentiles(clean))},
        "YX", "0", "0")
    save_generator(tmp_path / "generator.h5", build_network(info).get_weights(), info)
    (tmp_path / "split.json").write_text(json.dumps({"Blobs": {
        "train": [0, 1], "validation": [2], "test": [0], "test_from": "Blobs_test"}}))

    scored = []
    monkeypatch.setattr(ablations, "score_task", lambda task, split, **images: scored.append(
        images) or score_task(task, split, **images))
    settings = ablations.Settings(data_dir=str(tmp_path))

    rows = ablations.held_out_scores(settings, tmp_path)

    assert {(row["task"], row["protocol"], row["n"]) for row in rows} == {
        ("Blobs", "care", "3"), ("Blobs", "range", "3")}
    np.testing.assert_array_equal(scored[0]["clean"], clean[3:])
    assert scored[0]["normalization"] == TaskNormalization(
        fit_percentiles(degraded[:3]), fit_percentiles(clean[:3]))
    (tmp_path / "split.json").write_text(json.dumps({"Blobs": {
        "train": [0, 1, 2], "validation": [3, 4, 5], "test": [], "test_from": None}}))
    with pytest.raises(UserError, match="no pair left to score"):
        ablations.held_out_scores(settings, tmp_path)
