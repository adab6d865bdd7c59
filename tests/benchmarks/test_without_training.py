"""The table of what the embedded generator does without training, with another that pretends."""

from itertools import islice

import numpy as np

from benchmarks import without_training
from helpers import write_pairs
from microgan.metrics.paired import mean_care_psnr


def test_a_row_counts_images_that_became_worse_or_are_unlike(random):
    clean = list(random.random((3, 32, 32)))
    degraded = [image + random.normal(0, 0.1, image.shape) for image in clean]
    results = iter([(clean[0] + 0.01 * degraded[0], True), (degraded[1] * 2, False),
                    (random.random((32, 32)), True)])

    row = without_training.row("Noise", clean, degraded, lambda image: next(results))

    name, number, before, after, worse, unlike = row.strip("| ").split(" | ")
    assert (name, number, worse, unlike) == ("Noise", "3", "1", "2")
    assert float(before) == round(mean_care_psnr(clean, degraded), 2)


def test_photographs_and_patterns_span_0_to_1_and_differ():
    for images in (without_training.photographs(), without_training.patterns()):
        assert len(images) >= 8
        for image in images:
            assert (image.min(), image.max(), image.shape) == (0, 1, (160, 160))
        assert np.abs(np.corrcoef([image.ravel() for image in images])
                      - np.eye(len(images))).max() < 0.99


def test_clean_images_of_a_set_get_hardly_any_noise(tmp_path, random):
    for name in ("Blobs", "Blobs_test"):
        write_pairs(tmp_path, name, 3, random)
    settings = without_training.Settings(data_dirs=(str(tmp_path),))

    (name, clean, _), (other, sharp, noisy) = islice(without_training._all_images(settings), 2)

    assert (name, other) == ("Blobs", "Blobs, clean, with hardly any noise")
    for unit, image, measured in zip(sharp, clean, noisy):
        np.testing.assert_allclose(unit, (image - image.min()) / np.ptp(image))
        assert 30 < mean_care_psnr([unit], [measured]) < 60
