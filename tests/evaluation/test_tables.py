"""Tables hold every row, in files that any reader of their format can read."""

import csv
import json
import math

import numpy as np
import pytest

from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.evaluation import SCORE_FILES
from microgan.evaluation.scores import not_tested_rows, score_task, summarize
from microgan.evaluation.tables import full_report, overview_table, write_scores


@pytest.fixture
def scores():
    clean = np.random.default_rng(0).uniform(0, 1, (3, 16, 16))
    unit = IntensityRange(0, 1)
    restored = clean + 0.05
    restored[2] = np.nan
    return score_task("Microtubules", "test", clean=clean,
                      candidates={"raw input": clean + 0.1, "restored": restored},
                      normalization=TaskNormalization(unit, unit))


def test_overview_has_one_line_per_task_and_method_raw_input_first(scores):
    lines = overview_table(summarize(scores) + not_tested_rows("B", "test")).splitlines()

    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:8]]
    assert cells[0] == ["task", "method", "n", "paper", "range", "care"]
    assert [row[:3] for row in cells[2:]] == [
        ["Microtubules", "raw input", "3"], ["Microtubules", "restored", "2"],
        ["B", "raw input", "0"], ["B", "restored", "0"]]
    assert cells[2][4].startswith("20.00 / ")  # an offset of 0.1 on a range of 1
    assert cells[3][4].startswith("26.02 / ")
    assert cells[4][3:] == ["not tested"] * 3
    assert lines[-1] == ("- Microtubules, restored, paper/range/care: the scored image has NaN "
                         "or infinite pixels (1 of 3, not scored)")


def test_overview_fits_a_terminal(scores):
    longest_shipped_name = not_tested_rows("Synthetic_tubulin_tubules", "test")

    lines = overview_table(summarize(scores) + longest_shipped_name).splitlines()

    assert max(len(line) for line in lines if line.startswith("|")) <= 100


def of_split(split, images=("a.tif", "b.tif")):
    clean = np.random.default_rng(0).uniform(0, 1, (len(images), 16, 16))
    unit = IntensityRange(0, 1)
    return score_task("Cells", split, clean=clean, images=images,
                      normalization=TaskNormalization(unit, unit),
                      candidates={"raw input": clean + 0.1, "restored": clean})


def test_scores_that_are_no_plain_test_say_what_they_are():
    def overview(*splits):
        return overview_table(summarize([
            score for split in splits for score in of_split(split)]))

    assert "(validation):" in overview("validation")
    assert "these pairs chose the weights, so their scores are too good" in overview("validation")
    assert "but without it" in overview("cross-validation")
    assert "\n- " not in overview("test")
    both = overview("test", "cross-validation")
    assert "(test and cross-validation):" in both
    assert "| Cells (test)             | raw input |" in both
    assert "| Cells (cross-validation) | restored  |" in both


def test_full_report_lists_few_images_by_name(scores):
    report = full_report(summarize(scores), [
        *scores, *of_split("cross-validation"), *of_split("test", [*map(str, range(21))])])

    assert "## Cells, cross-validation, by image: PSNR in dB / SSIM under `care`" in report
    assert "\n| b.tif | " in report and "Cells, test, by image" not in report
    (line,) = [line for line in report.splitlines() if line.startswith("| 2     |")]
    assert line.rstrip("| ").endswith("| not scored")


def test_full_report_explains_every_protocol(scores):
    report = full_report(summarize(scores))

    for protocol in ("paper", "range", "care"):
        assert f"\n## {protocol}: " in report
    assert "| 20.00 ± 0.00 [20.00, 20.00] |" in report


def test_files_hold_what_was_scored(scores, tmp_path, written):
    rows = summarize(scores)

    write_scores(tmp_path, rows, scores)

    assert written == list(SCORE_FILES)
    assert json.loads((tmp_path / "scores.json").read_text()) == rows
    with open(tmp_path / "scores.csv", newline="") as file:
        read = list(csv.DictReader(file))
    assert [float(row["psnr"]) for row in read] == [row["psnr"] for row in rows]
    with open(tmp_path / "scores_per_image.csv", newline="") as file:
        images = list(csv.DictReader(file))
    assert len(images) == len(scores) == 18
    assert sum(image["psnr"] == "" for image in images) == 3


def test_infinity_survives_json_and_csv(tmp_path):
    clean = np.random.default_rng(0).uniform(size=(1, 16, 16))
    unit = IntensityRange(0, 1)
    scores = score_task("A", "test", clean=clean, candidates={"restored": clean},
                        normalization=TaskNormalization(unit, unit))

    write_scores(tmp_path, summarize(scores), scores)

    row = next(row for row in json.loads((tmp_path / "scores.json").read_text())
               if row["protocol"] == "range")
    assert (float(row["psnr"]), row["ssim"], row["psnr_std"]) == (math.inf, 1, None)
    assert ",inf," in (tmp_path / "scores.csv").read_text()


def test_what_beats_the_network_without_training_is_recommended():
    random = np.random.default_rng(0)
    clean = random.uniform(0, 1, (3, 16, 16))
    noisy, filtered, better = (clean + random.normal(0, sigma, clean.shape)
                               for sigma in (0.2, 0.1, 0.05))

    def overview(restored):
        return overview_table(summarize(score_task(
            "Cells", "test", clean=clean, normalization=None, candidates={
                "raw input": noisy, "linear filter": filtered, "restored": restored})))

    assert "- Cells: the linear filter, which needs no training, beats the network by" in (
        overview(noisy))
    assert "linear filter, which" not in overview(better)
