"""Scores per image and their summary: nothing is skipped in silence."""

import math

import numpy as np
import pytest

from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.evaluation.scores import (
    METRICS, PROTOCOLS, not_tested_rows, score_task, summarize)
from microgan.metrics import paired

NORMALIZATION = TaskNormalization(degraded=IntensityRange(100, 300), clean=IntensityRange(0, 50))


@pytest.fixture
def clean():
    return np.random.default_rng(0).uniform(0, 50, (4, 16, 20))


def rows_by_key(scores):
    return {(row["method"], row["protocol"]): row for row in summarize(scores)}


def test_range_scores_each_image_after_its_own_constants(clean):
    degraded = 100 + 4 * clean  # 0 to 50 became 100 to 300: perfect, in other units
    too_bright = clean + 5  # a tenth of the clean range off

    scores = score_task("A", "test", clean=clean, normalization=NORMALIZATION,
                        candidates={"raw input": degraded, "restored": too_bright})

    rows = rows_by_key(scores)
    assert rows["raw input", "range"]["psnr"] > 250
    assert rows["restored", "range"]["psnr"] == pytest.approx(20)
    assert rows["restored", "care"]["psnr"] > 250
    assert rows["restored", "range"]["n"] == 4


def test_one_entry_for_every_method_protocol_and_image(clean):
    scores = score_task("A", "validation", clean=clean, normalization=NORMALIZATION,
                        candidates={"raw input": clean, "restored": clean}, images=[3, 5, 8, 9])

    assert {(score.method, score.protocol, score.image) for score in scores} == {
        (method, protocol, image) for method in ("raw input", "restored")
        for protocol in PROTOCOLS for image in ("3", "5", "8", "9")}
    assert {score.split for score in scores} == {"validation"}


def test_scores_are_the_metrics_of_the_aligned_images(clean):
    restored = clean + np.random.default_rng(1).normal(0, 5, clean.shape)

    scores = score_task("A", "test", clean=clean[:1], candidates={"restored": restored[:1]},
                        normalization=NORMALIZATION)

    aligned = paired.align_care(clean[0], restored[0])
    care = next(score for score in scores if score.protocol == "care")
    assert care.psnr == paired.psnr(*aligned[:2], data_range=1)
    assert care.ssim == paired.ssim(*aligned[:2], data_range=1)
    assert care.nrmse == paired.nrmse(*aligned[:2])


def test_unknown_constants_leave_range_unscored_and_say_so(clean):
    scores = score_task("A", "test", clean=clean, candidates={"restored": clean + 1},
                        normalization=None)

    row = rows_by_key(scores)["restored", "range"]
    assert (row["n"], row["not_scored"], row["psnr"]) == (0, 4, None)
    assert row["problems"] == "the task has no intensity constants (4 of 4, not scored)"


@pytest.mark.parametrize("value, words", [
    (np.nan, "NaN or infinite pixels"), (-3.4e38, "pixels of -3.4e+38, a mark of missing data")])
def test_unmeasured_is_reported_and_left_out_of_the_mean_only(clean, value, words):
    restored = clean + 5
    restored[1, 2, 3] = value

    scores = score_task("A", "test", clean=clean, candidates={"restored": restored},
                        normalization=NORMALIZATION)

    row = rows_by_key(scores)["restored", "range"]
    assert (row["n"], row["not_scored"]) == (3, 1)
    assert row["psnr"] == pytest.approx(20)
    assert row["problems"] == f"the scored image has {words} (1 of 4, not scored)"


def test_constant_restoration_is_scored_where_that_has_a_meaning(clean):
    restored = clean.copy()
    restored[2] = 25

    scores = score_task("A", "test", clean=clean, candidates={"restored": restored},
                        normalization=NORMALIZATION)

    bad = {score.protocol: score for score in scores if score.image == "2"}
    assert bad["paper"].psnr is None
    assert bad["range"].psnr == pytest.approx(
        -10 * math.log10(np.mean((clean[2] / 50 - 0.5) ** 2)))
    assert bad["care"].frc == 16
    rows = rows_by_key(scores)
    assert rows["restored", "paper"]["problems"] == (
        "the scored image is constant (1 of 4, not scored)")
    assert rows["restored", "range"]["problems"] == (
        "the scored image is constant (1 of 4, scored all the same)")


def test_contrast_that_care_inverts_is_told(clean):
    inverted = clean.copy()
    inverted[1] = 50 - clean[1]

    rows = rows_by_key(score_task("A", "test", clean=clean, candidates={"restored": inverted},
                                  normalization=NORMALIZATION))

    assert rows["restored", "care"]["psnr"] > 250  # least squares, as published
    assert rows["restored", "care"]["problems"] == (
        "inverted to be scored, since it is dark where the clean image is bright "
        "(1 of 4, scored all the same)")
    assert rows["restored", "range"]["problems"] == ""


def test_constant_clean_image_and_small_image_are_reported():
    small = np.random.default_rng(0).uniform(size=(1, 6, 20))

    constant = score_task("A", "test", clean=np.ones((1, 9, 9)), normalization=None,
                          candidates={"restored": np.eye(9)[None]})
    tiny = score_task("A", "test", clean=small, candidates={"restored": small},
                      normalization=None)

    assert {score.problem for score in constant} == {"the clean image is constant"}
    assert {score.problem for score in tiny} == {"smaller than SSIM's window of 7 pixels"}
    assert all(score.psnr is None for score in constant + tiny)


def test_infinite_psnr_shows_in_the_mean(clean):
    restored = clean + 5
    restored[0] = clean[0]

    scores = score_task("A", "test", clean=clean, candidates={"restored": restored},
                        normalization=NORMALIZATION)

    row = rows_by_key(scores)["restored", "range"]
    assert row["psnr"] == math.inf
    assert row["psnr_std"] is row["psnr_low"] is row["psnr_high"] is None


def test_summary_is_mean_sample_deviation_and_seeded_interval(clean):
    offsets = np.array([2, 4, 6, 9]).reshape(4, 1, 1)
    scores = score_task("A", "test", clean=clean, candidates={"restored": clean + offsets},
                        normalization=NORMALIZATION)
    values = [score.psnr for score in scores if score.protocol == "range"]

    row = rows_by_key(scores)["restored", "range"]

    assert values == pytest.approx(list(-20 * np.log10(offsets.ravel() / 50)))
    assert row["psnr"] == pytest.approx(np.mean(values))
    assert row["psnr_std"] == pytest.approx(np.std(values, ddof=1))
    assert min(values) < row["psnr_low"] < row["psnr"] < row["psnr_high"] < max(values)
    assert rows_by_key(scores)["restored", "range"] == row


def test_bootstrap_interval_covers_the_normal_theory_one():
    # 200 errors of known spread: the interval of the mean is +- 1.96 std / sqrt(n).
    generator = np.random.default_rng(0)
    clean = generator.uniform(size=(200, 7, 7))
    scores = score_task("A", "test", clean=clean, normalization=None, candidates={
        "restored": clean + generator.normal(0, 0.1, clean.shape)})

    row = rows_by_key(scores)["restored", "care"]

    half_width = 1.96 * row["psnr_std"] / np.sqrt(200)
    assert row["psnr_high"] - row["psnr_low"] == pytest.approx(2 * half_width, rel=0.15)


def test_single_image_has_no_deviation(clean):
    scores = score_task("A", "test", clean=clean[:1], candidates={"restored": clean[:1] + 5},
                        normalization=NORMALIZATION)

    row = rows_by_key(scores)["restored", "range"]
    assert row["n"] == 1
    assert all(row[f"{metric}_std"] is None for metric in METRICS)


def test_images_that_do_not_pair_are_a_bug(clean):
    with pytest.raises(ValueError, match="one length"):
        score_task("A", "test", clean=clean, candidates={"restored": clean[:2]},
                   normalization=None)
    with pytest.raises(ValueError, match="shape"):
        score_task("A", "test", clean=clean, candidates={"restored": clean[:, :8]},
                   normalization=None)


def test_not_tested_rows_have_the_same_columns(clean):
    scored = summarize(score_task("A", "test", clean=clean, candidates={"restored": clean},
                                  normalization=None))

    rows = not_tested_rows("B", "test")

    assert len(rows) == 6
    assert all(list(row) == list(scored[0]) for row in rows)
    assert all((row["n"], row["problems"]) == (0, "not tested") for row in rows)
