import csv
import json

import numpy as np
import pytest
from scipy import ndimage

from microgan.evaluation import DEFECT_FILES
from microgan.evaluation.defect_report import (
    LEARNED, SYNTHETIC, DefectImages, measure_defects, write_report)


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


def test_report_says_how_near_real_images_come(smooth):
    images = DefectImages("Cells", smooth + 0.5, smooth + 0.2, smooth, learned=smooth[:4] + 0.1)

    shares = {(each.images, each.n): each.share for each in measure_defects(images)
              if each.distance == "histogram"}

    assert shares[SYNTHETIC, 20] == pytest.approx(0.4)
    assert 0.1 < shares[LEARNED, 4] < 0.4


def test_report_is_written_as_numbers_and_figure(tmp_path, smooth, written):
    images = DefectImages("Cells", smooth, smooth, smooth)
    other = DefectImages("Dots", smooth[:3], 0.5 * smooth[:3], 0.5 * smooth[3:5] + 7)

    table = write_report(tmp_path, [images, other], split="test")

    assert written == list(DEFECT_FILES)
    assert "| Dots  | synthetic | 3  |" in table and "(test)" in table
    rows = json.loads((tmp_path / "defect_report.json").read_text())
    assert [row["share"] for row in rows[:8]] == [0] * 8
    assert [row["value"] for row in rows if row["distance"] == "noise"] == [0, 0, None, None]
    with open(tmp_path / "defect_report.csv") as file:
        assert next(csv.DictReader(file))["task"] == "Cells"
