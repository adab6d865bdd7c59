"""What analyses find in restored images, on objects made by hand."""

import json

import numpy as np
import pytest

from benchmarks import analyses, cells, classical, downstream, downstream_picture
from microgan.errors import UserError

AREAS, NUCLEI, FILAMENTS = analyses.Areas(2), analyses.Nuclei(6), analyses.Filaments(1.5)
ROWS, COLUMNS = np.indices((64, 64))


def discs(*places, radius=6):
    image = np.zeros((64, 64))
    for row, column in places:
        image[np.hypot(ROWS - row, COLUMNS - column) <= radius] = 1
    return image


def labelled(*places):
    return sum((number + 1) * discs(place).astype(int) for number, place in enumerate(places))


def row_line(row, start=10, stop=50):
    lines = np.zeros((64, 64), bool)
    lines[row, start:stop] = True
    return lines


PLACES = ((12, 12), (12, 45), (40, 24), (40, 37))  # the last two touch once softened
SOFT = analyses.ndimage.gaussian_filter(discs(*PLACES), 0.7)


def test_nuclei_are_counted_and_outlined_whatever_the_intensities():
    labels = NUCLEI(100 + 30 * SOFT, 0.5, 0.9)

    assert NUCLEI.number(labels) == 4
    assert NUCLEI.agreement(labelled(*PLACES), labels) == (1, pytest.approx(1, abs=0.06))
    np.testing.assert_array_equal(NUCLEI(SOFT, 0.5, 0.9), labels)


def test_specks_are_no_nuclei_and_small_holes_are_filled():
    speckled = discs((30, 30)) + discs((10, 10), radius=1) - discs((30, 30), radius=1)

    labels = NUCLEI(speckled, 0, 0.8)

    np.testing.assert_array_equal(labels, discs((30, 30)))


def test_areas_are_bright_pixels_without_specks_and_small_holes():
    speckled = 5 + 2 * (discs((30, 30)) + discs((10, 10), radius=1) - discs((30, 30), radius=1))

    areas = AREAS(speckled, 0, 1.0)

    np.testing.assert_array_equal(areas, discs((30, 30)) > 0)
    assert AREAS.number(areas) == discs((30, 30)).sum()


def test_areas_agree_by_their_pixels_and_by_how_near_outlines_are():
    clean, larger = (discs((30, 30), radius=radius) > 0 for radius in (6, 8))
    none = np.zeros_like(clean)

    assert AREAS.agreement(clean, clean) == (1, 0)
    assert AREAS.agreement(clean, larger) == (
        pytest.approx(2 * clean.sum() / (clean.sum() + larger.sum())), pytest.approx(2, abs=0.3))
    assert AREAS.agreement(clean, none) == (0, 10)
    assert AREAS.agreement(none, none) == (1, 0)


def test_nuclei_that_are_missing_merged_or_elsewhere_are_not_the_same():
    clean = labelled(*PLACES[:3])

    assert NUCLEI.agreement(clean, labelled(*PLACES[:2])) == pytest.approx((0.8, 0.8), abs=0.01)
    assert NUCLEI.agreement(clean, (clean > 0).astype(int)) == (0, 1)
    assert NUCLEI.agreement(clean, np.roll(clean, 6, axis=0))[0] == 0
    assert NUCLEI.agreement(clean, np.zeros_like(clean)) == (0, 0)


def test_filaments_are_traced_along_their_middle_and_short_pieces_are_none():
    image = analyses.ndimage.gaussian_filter((row_line(20) | row_line(45, 10, 13)) * 1.0, 1.5)

    lines = FILAMENTS(7 + 3 * image, 1.5, 0.7)

    f1, distance = FILAMENTS.agreement(row_line(20), lines)
    assert f1 > 0.95 and distance < 0.5
    assert not lines[40:].any()
    assert FILAMENTS.number(lines) == pytest.approx(40, abs=6)


@pytest.mark.parametrize("found, f1, distance", [
    (row_line(21), 1, 1), (row_line(25), 0, 5), (row_line(40), 0, 10),
    (row_line(20) | row_line(40), 2 / 3, 2.5), (np.zeros((64, 64), bool), 0, 10)])
def test_lines_agree_by_the_pixels_that_are_near_and_by_how_near(found, f1, distance):
    assert FILAMENTS.agreement(row_line(20), found) == pytest.approx((f1, distance))


def test_errors_of_amounts_are_shares_and_not_a_number_without_any():
    missing = analyses.compare(NUCLEI, [SOFT], [discs(*PLACES[:3])], (0.0, 0.8))
    empty = discs((30, 30), radius=1)

    assert missing.amount_error == [0.25]
    assert np.isnan(analyses.compare(NUCLEI, [empty], [SOFT], (0.0, 0.8)).amount_error)


def test_best_setting_smooths_noise_away(random):
    noisy = SOFT + random.normal(0, 1, SOFT.shape)

    smoothing_px, _ = analyses.best_setting(NUCLEI, [SOFT], [noisy])

    assert smoothing_px >= 1


@pytest.fixture
def folder(tmp_path, random, monkeypatch):
    """Six pairs and two test pairs of discs; there is little to choose, which saves time."""
    monkeypatch.setattr(analyses.Nuclei, "settings", ((1.0, 0.8), (2.0, 0.8)))
    monkeypatch.setattr(classical, "best_setting", lambda *_: (0,))
    monkeypatch.setitem(classical.FILTERS, "Richardson-Lucy", (lambda image, _: image, []))
    for name, number in (("Cells", 6), ("Cells_test", 2)):
        clean = np.stack([100 + 50 * np.roll(SOFT, (number, 3 * k), axis=(0, 1))
                          for k in range(number)])
        np.save(tmp_path / f"{name}_Y.npy", clean.astype(np.float32))
        np.save(tmp_path / f"{name}_X.npy",
                (clean + random.normal(0, 25, clean.shape)).astype(np.float32))
    return tmp_path


def settings(folder, **changed):
    return downstream.Settings(**{
        "data_dir": str(folder), "nuclei": ("Cells:6",), "images_limit": 3,
        "output": str(folder / "rows.csv"), **changed})


def test_table_has_every_method_that_can_restore_and_grows_only_once(folder, capsys):
    chosen = settings(folder, figure=str(folder / "picture.png"))

    downstream.main(chosen)
    first = cells.read_rows(folder / "rows.csv")
    downstream.main(chosen)

    assert cells.read_rows(folder / "rows.csv") == first
    assert [row["method"] for row in first] == list(downstream.METHODS[:5])
    assert {row["n"] for row in first} == {"2"}
    assert {float(row["clean_amount"]) for row in first} == {4}
    assert (folder / "picture.png").exists()
    printed = capsys.readouterr().out
    assert "in a clean image: Cells 4.0." in printed
    assert "| clean images |  | 0 % / 1 / 1 |" in printed


def test_analysis_is_set_by_pairs_that_the_methods_did_not_see(folder):
    (images,) = downstream.read_sets(settings(folder))

    seen, choosing = ({image.tobytes() for image in images_of("1")[1]}
                      for images_of in (images.seen, images.choosing))

    assert len(seen) == len(choosing) == 3
    assert not seen & choosing


def test_only_the_images_that_show_it_are_taken(folder):
    (images,) = downstream.read_sets(settings(folder, every=("Cells:2",)))

    assert len(images.clean) == 1
    even = {image.tobytes() for image in np.load(folder / "Cells_Y.npy")[::2]}
    assert {image.tobytes() for image in images.choosing("1")[1]} <= even


def test_generator_of_other_pairs_is_refused(folder):
    run = folder / "run"
    run.mkdir()
    (run / "split.json").write_text(json.dumps({"Cells": {"train": [0], "validation": [1]}}))
    chosen = settings(folder, limited=str(run / "generator.h5"))
    (images,) = downstream.read_sets(chosen)

    with pytest.raises(UserError, match="2 pairs of 'Cells' that are not those of seed 1"):
        downstream.restorer(chosen, downstream.METHODS[-1], images, "1")


@pytest.mark.parametrize("changed, message", [
    ({"nuclei": ()}, "Nothing to analyse"), ({"nuclei": ("Cells",)}, "--nuclei takes NAME:NUMBER"),
    ({"every": ("Cells:1.5",)}, "--every takes"), ({"images_limit": 6}, "no pairs beside")])
def test_mistaken_flags_name_the_remedy(folder, changed, message):
    with pytest.raises(UserError, match=message):
        downstream.main(settings(folder, **changed))


def test_picture_shows_lines_over_the_image():
    drawn = np.zeros((4, 4), bool)
    drawn[0, 0] = True

    picture = downstream_picture.overlaid([[0, 5], [10, 20]], drawn, (0, 10))

    assert tuple(picture[0, 0]) == downstream_picture._COLOUR
    assert picture[1, 1].tolist() == [0, 0, 0]
    assert picture[3, 3].tolist() == [1, 1, 1]
