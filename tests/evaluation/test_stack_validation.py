import numpy as np
import pytest
from scipy import ndimage

from microgan.evaluation.stack_validation import mean_axial_gradient, mean_scores, score_stack
from microgan.evaluation.stack_views import save_orthogonal_views


@pytest.fixture
def sharp(random):
    """A texture that is equally sharp at every depth."""
    return ndimage.gaussian_filter(random.normal(size=(9, 48, 48)), 1)


@pytest.fixture
def blurred(sharp):
    return np.stack([ndimage.gaussian_filter(image, 0.7 * abs(z - 4))
                     for z, image in enumerate(sharp)])


def score(blurred, sharpened, reconstructed, sharp):
    return score_stack(blurred, sharpened, reconstructed, 4,
                       axial_gradient=mean_axial_gradient(sharp))


def test_truth_scores_near_one_and_above_doing_nothing(sharp, blurred):
    truth = score(blurred, sharp, blurred, sharp)
    nothing = score(blurred, blurred, blurred, sharp)

    assert truth["ssim_at_focus"] == truth["ssim_reconstructed"] == 1
    assert truth["error_vertical"] == 0
    assert truth["score"] > 0.9
    assert truth["score"] > nothing["score"] + 0.2


@pytest.mark.parametrize("spoil", [
    lambda sharp, random: -sharp,
    lambda sharp, random: sharp + random.normal(0, 0.5, sharp.shape),
    lambda sharp, random: 1.5 * sharp])
def test_spoilt_stack_scores_below_the_truth(spoil, sharp, blurred, random):
    truth = score(blurred, sharp, blurred, sharp)["score"]

    assert score(blurred, spoil(sharp, random), blurred, sharp)["score"] < truth - 0.1


def test_lost_information_costs(sharp, blurred):
    lost = score(blurred, sharp, np.zeros_like(blurred), sharp)

    assert lost["ssim_reconstructed"] < 0.5


def test_mean_scores_are_means_of_each_entry():
    assert mean_scores([{"score": 1.0, "b": 2.0}, {"score": 3.0, "b": 2.0}]) == {
        "score": 2.0, "b": 2.0}


def test_views_are_written(sharp, blurred, tmp_path):
    save_orthogonal_views(tmp_path / "views.png", {"input": blurred, "sharpened": sharp},
                          title="stack")

    assert (tmp_path / "views.png").stat().st_size > 10_000
