"""The table of what the embedded generator does without training, with another that pretends."""

import numpy as np

from benchmarks import without_training
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
