"""The z-stack report: what it measures, what it demands, what it writes."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import structural_similarity

from microgan.evaluation import Z_STACK_FILES
from microgan.evaluation.z_stack_comparison import (
    against_filters, compare, judge_depth, winners)
from microgan.evaluation.z_stack_criteria import (
    judge, mean_curves, mean_of, published_slice, published_tissue)
from microgan.evaluation.z_stack_depth import measure_depth
from microgan.evaluation.z_stack_measures import (
    BLURRED, RECONSTRUCTED, SHARPENED, Conditions, PlantedResult, StackResult, central_third,
    check_cells, image_measures, measure_references, measure_stack, section, sections)
from microgan.evaluation.z_stack_report import criteria_table, write_report
from microgan.metrics.paired import align_care, mean_care_psnr, psnr

DEPTH, SIZE, FOCAL_PLANE = 15, 40, 7
CONDITIONS = Conditions(tissue=(2, 13), cell_radius_um=4.0)
CENTRES = np.array([[7, 8, 9], [6, 30, 12], [8, 20, 31], [7, 33, 33]])


def cells(centres=CENTRES):
    """Dark balls of radius 4 on a grainy bright ground, sharp everywhere."""
    voxels = np.moveaxis(np.indices((DEPTH, SIZE, SIZE)), 0, -1)[..., np.newaxis, :]
    distance = np.linalg.norm(voxels - centres, axis=-1).min(axis=-1)
    ground = np.random.default_rng(1).normal(200, 4, (DEPTH, SIZE, SIZE))
    return np.clip(ground - 150 / (1 + np.exp(2 * (distance - 4))), 0, 255)


def blurred(sharp):
    return np.stack([ndimage.gaussian_filter(image, 0.35 * abs(z - FOCAL_PLANE))
                     for z, image in enumerate(sharp)])


def result(name="stack", *, sharpened=None, truth=None):
    """A stack that was sharpened perfectly, unless said otherwise."""
    sharp = cells()
    stack = blurred(sharp)
    return StackResult(name, stack, sharp if sharpened is None else sharpened, stack,
                       FOCAL_PLANE, truth)


def criteria_of(*results):
    measures = [measure_stack(each, None, CONDITIONS) for each in results]
    curves = mean_curves([row for each in measures for row in each.slices])
    return {criterion.name: criterion
            for criterion in judge(measures, curves, CONDITIONS, FOCAL_PLANE)}


def met(criteria, *words):
    """Whether the only criterion whose name has all the words is met."""
    (found,) = [each for name, each in criteria.items() if all(word in name for word in words)]
    return found.is_met


def test_an_all_but_empty_truth_has_no_nearness_and_ends_nothing():
    truth = np.zeros((DEPTH, SIZE, SIZE))
    truth[DEPTH // 2, SIZE // 2, SIZE // 2] = 200

    rows = measure_stack(result(truth=truth), None, CONDITIONS).truth

    assert len(rows) == 4
    assert all(np.isnan([row["psnr"], row["ssim"]]).all() for row in rows)


def test_sections_lie_as_in_focus_crops_do():
    volume = np.arange(3 * 4 * 5).reshape(3, 4, 5)

    np.testing.assert_array_equal(section(volume, "xy", 2), volume[2])
    np.testing.assert_array_equal(section(volume, "xz", 1), volume[:, 1].T)
    np.testing.assert_array_equal(section(volume, "yz", 4), volume[:, :, 4].T)
    assert [position for position, _ in sections(volume, "xy")] == [0, 1, 2]
    assert [position for position, _ in sections(np.zeros((3, 64, 64)), "xz")] == list(
        range(2, 64, 4))


def test_published_slices_are_scaled_to_other_depths():
    assert [published_slice(number, 29) for number in (1, 15, 29)] == [0, 14, 28]
    assert [published_slice(number, 57) for number in (1, 15, 29)] == [0, 28, 56]
    assert published_tissue(29) == (4, 25)


def test_central_third_lies_around_the_focal_plane():
    stack = dataclasses.replace(result(), blurred=np.zeros((29, 8, 8)), focal_plane=14)

    assert central_third(stack) == (10, 19)
    assert central_third(dataclasses.replace(stack, focal_plane=1)) == (0, 6)


def test_gradient_is_on_minus_one_to_one():
    ramp = np.tile(np.arange(20.0), (20, 1))  # 1 of 255 a pixel

    assert image_measures(ramp, 255.0)["gradient"] == pytest.approx(2 / 255)


def test_rows_compare_the_same_section_of_both_volumes():
    stack, other = result(), result(sharpened=cells()[::-1])

    rows = measure_stack(stack, other, CONDITIONS).slices

    (row,) = [row for row in rows if row["volume"] == SHARPENED and row["plane"] == "xy"
              and row["position"] == 3]

    def ssim(image, to):
        return structural_similarity(image, to, data_range=255)

    assert row["ssim_to_blurred"] == pytest.approx(ssim(stack.sharpened[3], stack.blurred[3]))
    assert row["ssim_to_focal_plane"] == pytest.approx(
        ssim(stack.sharpened[3], stack.sharpened[FOCAL_PLANE]))
    assert row["ssim_to_other_stack"] == pytest.approx(
        ssim(stack.sharpened[3], other.sharpened[3]))
    unchanged = [row for row in rows if row["volume"] == RECONSTRUCTED]
    assert len(unchanged) == DEPTH
    assert all(row["ssim_to_blurred"] == pytest.approx(1) for row in unchanged)
    assert all(row["hellinger_to_blurred"] == 0 for row in unchanged)


def test_perfect_sharpening_keeps_every_cell():
    check = check_cells(result().blurred, cells(), (5, 10), CONDITIONS)

    assert (check.recall.share, check.precision.share) == (1, 1)
    assert len(check.original) == len(CENTRES)
    assert np.abs(check.recall.offsets).max() < 1.8
    assert check.num_outside_tissue == 0
    assert check.recall_by_chance < 0.6


def test_lost_and_invented_cells_are_counted():
    changed = cells(np.vstack([CENTRES[1:], [[7, 20, 8], [0, 20, 20]]]))

    check = check_cells(result().blurred, changed, (5, 10), CONDITIONS)

    assert check.recall.share == 3 / 4
    assert check.precision.share == 3 / 4
    assert check.num_outside_tissue == 1


def test_inverted_contrast_is_caught():
    criteria = criteria_of(result(sharpened=255 - cells()))

    assert not met(criteria, "recall") and not met(criteria, "SSIM of y to x")


def test_nothing_done_misses_sharpness_and_keeps_structure():
    stack = result().blurred

    criteria = criteria_of(result(sharpened=stack))

    assert not met(criteria, "gradient of y") and not met(criteria, "FM", "1000")
    assert not met(criteria, "vertical", "x-z")
    assert met(criteria, "recall") and met(criteria, "precision")
    assert met(criteria, "SSIM of G_B(y) to x")


def test_too_sharp_is_missed_as_well():
    noise = np.random.default_rng(0).normal(0, 60, cells().shape)

    criteria = criteria_of(result(sharpened=cells() + noise))

    assert not met(criteria, "FM", "150")


def test_truth_is_scored_over_the_tissue_after_care():
    measures = measure_stack(result(truth=cells()), None, CONDITIONS)

    inside = slice(*CONDITIONS.tissue)
    aligned = align_care(cells()[inside], result().blurred[inside])
    assert mean_of(measures.truth, "psnr", volume=BLURRED, part="tissue") == pytest.approx(
        psnr(aligned.clean, aligned.restored, data_range=1.0))
    assert mean_of(measures.truth, "ssim", volume=SHARPENED, part="tissue") == pytest.approx(1)
    assert mean_of(measures.truth, "psnr_by_slice", volume=BLURRED, part="tissue"
                   ) == pytest.approx(mean_care_psnr(cells()[inside], result().blurred[inside]))
    assert mean_of(measures.truth, "ssim_by_slice", volume=SHARPENED, part="tissue"
                   ) == pytest.approx(1)
    for measure in ("recall", "precision"):
        assert mean_of(measures.truth, measure, volume=SHARPENED, part="all slices") == 1
    assert met(criteria_of(result(truth=cells())), "SSIM to the known sharp volume")


def test_filters_stand_beside_the_sharpened_stack_and_the_best_is_named():
    sharp = cells()
    nearly = 0.8 * sharp + 0.2 * blurred(sharp)
    filtered = dataclasses.replace(result(sharpened=nearly, truth=sharp),
                                   filtered={"perfect": sharp, "idle": blurred(sharp)})
    measured = measure_stack(filtered, None, CONDITIONS)

    rows = compare([measured], mean_curves(measured.slices),
                   measure_depth(filtered, CONDITIONS), CONDITIONS, FOCAL_PLANE)

    assert [row["volume"] for row in rows] == [BLURRED, "perfect", "idle", SHARPENED]
    idle, made = rows[2], rows[3]
    assert idle["psnr"] == rows[0]["psnr"] < made["psnr"] < 1000
    assert idle["sharpness_error"] == rows[0]["sharpness_error"] > made["sharpness_error"]
    assert idle["vertical_gradient"] == 1 < made["vertical_gradient"]
    best = winners(rows)
    assert best["psnr"] == best["ssim"] == "perfect"
    assert best["recall_of_truth"] == "perfect, idle, sharpened"  # all found all
    assert best["sharpness_error"] == "perfect"
    psnr_criterion, ssim_criterion = against_filters(rows)
    assert "the best filter, perfect" in psnr_criterion.name and not psnr_criterion.is_met
    assert against_filters([row for row in rows if row["volume"] != "perfect"])[0].is_met


def test_without_filters_nothing_is_best():
    measured = measure_stack(result(), None, CONDITIONS)

    rows = compare([measured], mean_curves(measured.slices),
                   measure_depth(result(), CONDITIONS), CONDITIONS, FOCAL_PLANE)

    assert [row["volume"] for row in rows] == [BLURRED, SHARPENED]
    assert winners(rows) == {} and against_filters(rows) == []


def depth_of(**changes):
    """Measures and criteria of cells' places, of a stack with truth."""
    stack = result(truth=cells(), **changes)
    rows = measure_depth(stack, CONDITIONS)
    measured = measure_stack(stack, None, CONDITIONS)
    compared = compare([measured], mean_curves(measured.slices), rows, CONDITIONS, FOCAL_PLANE)
    return rows[-1], {each.name: each for each in judge_depth(compared, CONDITIONS)}


def test_the_truth_has_every_cell_at_its_depth():
    row, criteria = depth_of()

    assert (row["recall_in_3d"], row["precision_in_3d"]) == (1, 1)
    assert (row["depth_error_um"], row["inventions"]) == (0, 0)
    assert row["elongation"] == pytest.approx(1, abs=0.1)
    assert len(criteria) == 5
    assert met(criteria, "length") and met(criteria, "depth error") and met(criteria, "recall")


def test_cells_at_a_wrong_depth_are_caught():
    row, criteria = depth_of(sharpened=cells(CENTRES + [3, 0, 0]))

    assert row["depth_error_um"] == 3
    assert not met(criteria, "depth error")
    assert met(criteria, "recall")  # within 0.8 radii: 3.2 um


def test_cells_drawn_out_along_depth_and_cells_outside_the_tissue_are_caught():
    long = ndimage.gaussian_filter(cells(np.vstack([CENTRES, [[0, 20, 12]]])), (3, 0, 0))

    row, criteria = depth_of(sharpened=long)

    assert row["elongation"] > 1.5 and not met(criteria, "length")
    assert row["inventions"] == 1 and not met(criteria, "outside")


def test_planted_cells_are_looked_for_where_they_were_put():
    centres = CENTRES[:2]
    moved = cells(np.vstack([centres[:1], centres[1:] + [3, 0, 0]]))
    planted = PlantedResult(centres, {BLURRED: moved, "perfect": cells(), SHARPENED: moved})
    stack = dataclasses.replace(result(), filtered={"perfect": cells()}, planted=planted,
                                misfits={"perfect": 1.5})

    rows = {row["volume"]: row for row in measure_depth(stack, CONDITIONS)}

    assert {name: row["planted_recall"] for name, row in rows.items()} == {
        BLURRED: 0.5, "perfect": 1, SHARPENED: 0.5}
    assert rows["perfect"]["misfit"] == 1.5
    measured = measure_stack(stack, None, CONDITIONS)
    compared = compare([measured], mean_curves(measured.slices), list(rows.values()),
                       CONDITIONS, FOCAL_PLANE)
    criteria = {each.name: each for each in judge_depth(compared, CONDITIONS)}
    assert criteria["the same, y less the best of x and the filters"].value == "-0.50"
    assert not met(criteria, "planted cells")


def test_means_leave_out_what_could_not_be_measured():
    rows = [{"volume": "a", "plane": "xy", "position": 0, "stack": "s", "piqe": value}
            for value in (1.0, 3.0, float("nan"))]

    assert mean_curves(rows)["a", "xy", "piqe"] == [2]
    assert mean_of(rows, "piqe", volume="a") == 2
    assert np.isnan(mean_of(rows, "piqe", volume="b"))


def test_references_are_measured_as_images_and_crops():
    rows, gradients = measure_references([cells()[7]], [cells()[7][:, :DEPTH]], CONDITIONS)

    assert [row["plane"] for row in rows] == ["xy", "crop"]
    assert [shares.sum() for shares in gradients.values()] == pytest.approx([1, 1])
    assert measure_references([], [], CONDITIONS) == ([], {})


def test_stacks_of_different_depth_are_refused(tmp_path):
    shallow = dataclasses.replace(result(), blurred=result().blurred[:9])

    with pytest.raises(ValueError, match=r"one depth. Received: \[9, 15\]"):
        write_report(tmp_path, [result(), shallow], CONDITIONS)


def test_an_earlier_report_stays_until_all_is_measured(tmp_path, monkeypatch):
    (tmp_path / "z_stack_report.html").write_text("earlier")
    monkeypatch.setattr("microgan.evaluation.z_stack_report.measure_stack",
                        lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))

    with pytest.raises(KeyboardInterrupt):
        write_report(tmp_path, [result()], CONDITIONS)

    assert (tmp_path / "z_stack_report.html").read_text() == "earlier"


def test_an_earlier_report_goes_and_what_is_not_of_it_stays(tmp_path, monkeypatch):
    for name in ("z_stack_truth.csv", "z_stack_views_worst.png", "z_stack_1.tif"):
        (tmp_path / name).touch()
    monkeypatch.setattr("microgan.evaluation.z_stack_report._write_tables",
                        lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))

    with pytest.raises(KeyboardInterrupt):
        write_report(tmp_path, [result()], CONDITIONS)

    assert [path.name for path in tmp_path.iterdir()] == ["z_stack_1.tif"]


@pytest.mark.slow
def test_report_is_written_as_tables_figures_and_a_page(tmp_path):
    lines = []
    results = [result("one", truth=cells()), result("two", sharpened=cells()[:, ::-1])]

    criteria = write_report(tmp_path, results, CONDITIONS, in_focus_images=[cells()[7]],
                            in_focus_crops=[cells()[7][:, :DEPTH], cells()[7][:, :9]],
                            notes=["Generator: mine"], report=lines.append)

    assert {path.name for path in tmp_path.iterdir()} == set(Z_STACK_FILES)
    assert lines == ["one: measured, 1 of 2", "two: measured, 2 of 2"]
    content = json.loads((tmp_path / "z_stack_report.json").read_text())
    assert len(content["criteria"]) == len(criteria) == 17
    assert content["notes"][1].startswith("1 of 2 in-focus crops do not have the shape")
    page = (tmp_path / "z_stack_report.html").read_text()
    assert "Generator: mine" in page and "two (worst)" in page
    assert "http" not in page.replace("data:image", "")
    with open(tmp_path / "z_stack_structure.csv") as file:
        recall = {row["stack"]: float(row["recall"]) for row in csv.DictReader(file)
                  if row["volume"] == SHARPENED}
    assert recall["one"] == 1 and recall["two"] < 0.6
    assert "MISSED" in criteria_table(criteria)
