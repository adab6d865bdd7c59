"""The seam score sees steps at tile borders, and nothing else."""

import numpy as np
import pytest

from seams import seam_score


def test_ramp_has_no_seams_and_a_step_is_weighed_by_its_height():
    ramp = np.tile(np.arange(10.0), (4, 1))
    stepped = ramp + 2 * (np.arange(10) >= 5)

    assert seam_score(ramp, [[], [5]]) == pytest.approx(1 / ((3 * 10 * 0 + 4 * 8) / (30 + 32)))
    assert seam_score(stepped, [[], [5]]) == pytest.approx(3 * seam_score(ramp, [[], [5]]))


def test_noise_scores_one(random):
    image = random.normal(size=(300, 300))

    assert seam_score(image, [[100, 200], [100, 200]]) == pytest.approx(1, abs=0.05)
    image[100:200] += 3
    assert seam_score(image, [[100, 200], [100, 200]]) > 1.5


def test_no_border_is_an_error():
    with pytest.raises(ValueError, match="at least one border"):
        seam_score(np.zeros((4, 4)), [[], []])
