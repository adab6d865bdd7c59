import pytest

import cell_scores
from microgan.datasets.normalization import IntensityRange, TaskNormalization


@pytest.fixture
def clean(random):
    return list(random.random((3, 32, 32)) * 1000)


def test_rows_have_every_protocol_and_every_images_score(clean, monkeypatch):
    monkeypatch.setattr(cell_scores, "micro_ssim", lambda *images: 0.5)
    both = IntensityRange(0, 1000)
    restored = [image + error for image, error in zip(clean, (100, 10, 1))]

    rows = cell_scores.score_rows("Blobs", clean, restored, TaskNormalization(both, both),
                                  is_raw_input=False)

    by_protocol = {row["protocol"]: row for row in rows}
    assert set(by_protocol) == {"paper", "range", "care"}
    # Errors of 0.1, 0.01 and 0.001 of the range are 20, 40 and 60 dB.
    assert by_protocol["range"]["psnr_per_image"] == "20 40 60"
    assert by_protocol["range"]["psnr"] == "40.000000" and by_protocol["range"]["n"] == "3"


def test_stretched_tasks_have_no_range(clean, monkeypatch):
    monkeypatch.setattr(cell_scores, "micro_ssim", lambda *images: 0.5)

    rows = cell_scores.score_rows("Blobs", clean, clean[::-1], None, is_raw_input=False)

    assert {row["protocol"] for row in rows} == {"paper", "care"}


def test_feature_distance_is_blind_to_scale_and_offset(clean, random):
    noisy = [image + random.normal(0, 100, image.shape) for image in clean]

    same = cell_scores.feature_distance(clean, [3 * image + 7 for image in clean])

    assert same == pytest.approx(0, abs=0.05)
    assert cell_scores.feature_distance(clean, noisy) > 1


@pytest.mark.slow  # importing it takes seconds
def test_micro_ssim_of_the_truth_is_one(clean):
    pytest.importorskip("microssim")

    assert cell_scores.micro_ssim(clean, clean) == pytest.approx(1, abs=1e-6)
