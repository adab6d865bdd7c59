import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from microgan.evaluation import DEFECT_FILES
from microgan.estimation.measured_defect import Estimate, MeasuredDefect
from microgan.evaluation.defect_report import (
    CLEAN, HALVES, SYNTHETIC, DefectDistance, DefectImages, comes_nearer, fits_poorly,
    measure_defects, write_report)
from microgan.evaluation.defect_words import describe_defect
from microgan.simulation.degradation_model import Degradation, DegradationModel


@pytest.fixture
def smooth(random):
    """Images without noise, 0 to 1, (20, 64, 64)."""
    images = ndimage.gaussian_filter(random.normal(size=(20, 64, 64)), (0, 4, 4))
    return (images - images.min()) / np.ptp(images)


def test_report_starts_from_the_clean_images(smooth, random):
    noise = random.normal(0, 0.1, (2, *smooth.shape))
    found = measure_defects(DefectImages("Cells", smooth, smooth + noise[0], smooth + noise[1]))

    shares = {each.distance: each.share for each in found if each.images == SYNTHETIC}

    assert set(shares) == {"spectrum", "histogram", "noise", "direction"}
    assert shares["spectrum"] < 0.05 and shares["noise"] < 0.05 and shares["histogram"] < 0.05


def test_report_says_how_near_real_images_come_to_each_other(smooth):
    real = np.where(np.arange(20) % 2, 0.0, 0.1)[:, np.newaxis, np.newaxis] + smooth[:1]
    images = DefectImages("Cells", smooth[:1] + 0.5, smooth[:1] + 0.25, real)

    distances = {each.images: each for each in measure_defects(images)
                 if each.distance == "histogram"}

    assert distances[HALVES].n == 10
    assert distances[HALVES].value == pytest.approx(0.1)
    assert distances[SYNTHETIC].value == pytest.approx(0.2)
    assert distances[SYNTHETIC].share == pytest.approx(0.2 / 0.45)


def shifted(smooth, made, real):
    return DefectImages("Cells", [smooth[0] + 1], [smooth[0] + made],
                        [smooth[0] + each for each in real])


@pytest.mark.parametrize("offset, is_nearer", [(0.05, False), (0.5, True)])
def test_an_image_set_is_nearer_only_if_chance_is_excluded(smooth, offset, is_nearer):
    # Ten images whose mean is known to 0.06: being 0.05 nearer to it may be chance.
    real = offset + np.linspace(-0.3, 0.3, 10)

    assert comes_nearer(shifted(smooth, offset, real), shifted(smooth, 0, real)) == is_nearer
    assert not comes_nearer(shifted(smooth, 0, real), shifted(smooth, offset, real))


def test_a_single_image_tells_nothing_of_chance(smooth):
    assert not comes_nearer(shifted(smooth, 0.5, [0.5]), shifted(smooth, 0, [0.5]))


def distances(clean, synthetic, halves):
    return [DefectDistance("Cells", kind, 10, "spectrum", value, value / clean)
            for kind, value in ((CLEAN, clean), (SYNTHETIC, synthetic), (HALVES, halves))]


@pytest.mark.parametrize("synthetic, halves, is_poor", [
    (0.14, 0.01, False), (0.3, 0.16, False), (0.3, 0.14, True)])
def test_fit_is_poor_where_real_images_are_nearer_to_each_other(synthetic, halves, is_poor):
    assert fits_poorly(distances(1.0, synthetic, halves)) == is_poor


def measured(**settings):
    return MeasuredDefect(DegradationModel((Degradation(**settings),)), {
        "blur_x_px": Estimate(2.6, 2.4, 2.8, "px"), "blur_y_px": Estimate(0.4, 0.1, 0.5, "px"),
        "noise": Estimate(5.04, 4.1, float("inf"), "grey levels"),
        "haze": Estimate(0.08, 0.05, 0.1)}, notes=("The haze may be blur.",))


@pytest.mark.parametrize("settings, words", [
    ({"step_px": 5.0}, "every 5th column measured"),
    ({"step_px": 3.0, "step_axis": 0}, "every 3rd row measured"),
    ({"step_px": 10.2}, "one column in 10.2 measured, the others interpolated"),
    ({"is_stretched": True, "limits": (0, 255)}, "every image stretched by its own extremes"),
    ({"noise_transfer": (1.0,) * 33}, "not white"),
    ({"transfer": (1.0,) * 6 + (0.6, 0.3) + (0.22,) * 25}, "0.4 px (0.1 to 0.5) along Y, beyond "
     "which 22 % is left of the contrast of details of 8 px;"),
    ({"transfer": (1.0,) * 6 + (0.95,) * 27}, "0.4 px (0.1 to 0.5) along Y; 0.08"),
    ({}, "Blurred 2.6 px (2.4 to 2.8) along X and 0.4 px (0.1 to 0.5) along Y; 0.08 (0.05 to "
         "0.1) of the light out of focus; noise of 5 grey levels (4.1 or more) at the mean "
         "grey level.")])
def test_measured_defect_is_put_in_words(settings, words):
    assert words in describe_defect(measured(**settings))


def test_a_curve_is_said_with_its_interval():
    defect = measured(transfer=(1.0,) * 6 + (0.6, 0.3) + (0.22,) * 25)

    words = describe_defect(replace(defect, estimates={
        **defect.estimates, "contrast_left": Estimate(0.22, 0.1, 0.55)}))

    assert "beyond which 22 % (10 % to 55 %) is left of the contrast of details of 8 px;" in words


@pytest.mark.parametrize("name, estimate, words", [
    ("blur_y_px", Estimate(0.16, 0.0, 0.83, "px"), "px (2.4 to 2.8) along X and at most 0.83 px"),
    ("photons", Estimate(12.1, 9.6, 15.9), "some 12 photons (9.6 to 16) a pixel in bright places"),
    ("photons", Estimate(12.1, 9.6, 1e14), "some 12 photons (9.6 or more) a pixel"),
    ("photons", Estimate(1e14, 690.0, 1e17), "at least 690 photons a pixel"),
    ("photons", Estimate(5e4, 4e4, 9e4), "hardly any noise.")])
def test_numbers_are_said_as_far_as_they_are_known(name, estimate, words):
    defect = measured()

    assert words in describe_defect(replace(defect, estimates={
        **defect.estimates, name: estimate}))


@pytest.mark.parametrize("gain, floor, deviation, words", [
    (1e-15, 400.0, 20.0, "noise of 20 grey levels, mostly the same in dark places and bright"),
    (0.5, 400.0, 23.4, "noise of 23 grey levels, mostly the same in dark places and bright"),
    (2.0, 100.0, 22.6, "some 150 photons a pixel in bright places."),
    (1e-15, 4.0, 2.0, "hardly any noise.")])
def test_noise_is_said_in_photons_only_where_photons_explain_it(gain, floor, deviation, words):
    numbers = {"photons": 300 / gain, "noise_gain": gain, "noise_floor": floor,
               "noise": deviation}

    sentence = describe_defect(replace(measured(), estimates={
        name: Estimate(value, value, value, "grey levels" if name == "noise" else "")
        for name, value in numbers.items()}))

    assert words.lower() in sentence.lower()


def test_report_has_words_with_a_poor_fit_at_the_top(tmp_path, smooth, random, written):
    noisy = smooth + random.normal(0, 0.1, smooth.shape)
    images = [DefectImages("Cells", smooth, smooth, noisy, measured()),
              DefectImages("Dots", smooth, noisy[::-1], noisy, measured(), is_corrected=True)]

    printed = write_report(tmp_path, images, split="test")

    text = (tmp_path / "defect_report.md").read_text()
    assert text.startswith("# Defect report\n\n**Poor fit: Cells.** The synthetic images are")
    assert printed.startswith("**Poor fit: Cells.**")
    assert "and is off.\n\n- The haze may be blur.\n\n**Dots.** Blurred 2.6 px" in text
    assert text.count("chance would, and is kept.") == text.count("chance would, and is off.") == 1
    report = json.loads((tmp_path / "defect_report.json").read_text())
    assert report["poor_fit"] == ["Cells"]
    assert MeasuredDefect.from_json(report["measured"]["Dots"]) == measured()


def test_a_defect_that_does_not_explain_the_images_is_said_at_the_top(tmp_path, smooth):
    images = [DefectImages(name, smooth[:4], smooth[:4] + 0.1, smooth[4:8], replace(
        measured(), misfit=misfit)) for name, misfit in (("Cells", 1.01), ("Dots", 0.99))]

    printed = write_report(tmp_path, images, split="test")

    top = printed[:printed.index("**Cells.** Blurred")]
    assert "**Not explained: Cells.**" in top
    report = json.loads((tmp_path / "defect_report.json").read_text())
    assert report["unexplained"] == ["Cells"]


def test_report_is_written_as_numbers_and_figure(tmp_path, smooth, written):
    images = DefectImages("Cells", smooth, smooth, smooth)
    other = DefectImages("Dots", smooth[:3], 0.5 * smooth[:3], 0.5 * smooth[3:5] + 7)

    table = write_report(tmp_path, [images, other], split="test")

    assert written == list(DEFECT_FILES)
    assert re.search(r"\| Dots +\| synthetic +\| 3 +\|", table) and "(test)" in table
    rows = json.loads((tmp_path / "defect_report.json").read_text())["distances"]
    assert [row["share"] for row in rows[:8]] == [0] * 8
    assert [row["value"] for row in rows if row["distance"] == "noise"
            and row["images"] != "real, one half to the other"] == [0, 0, None, None]
    with open(tmp_path / "defect_report.csv") as file:
        assert next(csv.DictReader(file))["task"] == "Cells"
