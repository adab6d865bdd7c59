import numpy as np
import pytest

from microgan.losses.z_stack import (
    adversarial_slice_weights, consistency_loss, consistency_slice_weights)

# Worked out by hand from the published formulas.
ADVERSARIAL = {0: 1.67, 14: 1.0, 28: 1.67}
CONSISTENCY = {0: 3.05, 14: 1.03, 28: 2.97}


@pytest.mark.parametrize("weights, expected", [
    (adversarial_slice_weights, ADVERSARIAL), (consistency_slice_weights, CONSISTENCY)])
def test_weights_of_29_slices_are_the_published_ones(weights, expected):
    found = weights(29, 14)

    assert found.shape == (29,)
    assert {z: round(float(found[z]), 2) for z in expected} == expected


def test_published_lists_step_by_step():
    def normal(x, sigma):
        return np.exp(-x ** 2 / (2 * sigma ** 2)) / (sigma * np.sqrt(2 * np.pi))

    nearer_end = np.minimum(np.arange(29), 28 - np.arange(29))
    adversarial = [round(3.4 * normal(0.2 * d, 1.6) + 0.1, 2) + 0.72 for d in nearer_end]
    near = [round(3.4 * normal(0.05 * d, 0.46) + 0.1, 2) for d in range(15)]
    far = [round(round(3.4 * normal(0.05 * (28 - z), 0.45) + 0.1, 2) - 0.01 * (z - 14), 2)
           for z in range(15, 29)]

    np.testing.assert_allclose(adversarial_slice_weights(29, 14), adversarial, rtol=1e-6)
    np.testing.assert_allclose(consistency_slice_weights(29, 14), near + far, rtol=1e-6)


@pytest.mark.parametrize("depth, focal_plane", [(61, 30), (9, 2), (5, 0), (5, 4)])
def test_weights_of_other_stacks_have_the_published_extremes(depth, focal_plane):
    adversarial = adversarial_slice_weights(depth, focal_plane)
    consistency = consistency_slice_weights(depth, focal_plane)

    assert adversarial.argmin() == focal_plane and consistency.argmin() == focal_plane
    assert adversarial[focal_plane] == pytest.approx(1.0)
    assert consistency[focal_plane] == pytest.approx(1.03)
    if focal_plane > 0:
        assert (adversarial[0], consistency[0]) == (pytest.approx(1.67), pytest.approx(3.05))
    if focal_plane < depth - 1:
        assert (adversarial[-1], consistency[-1]) == (pytest.approx(1.67), pytest.approx(2.97))


def test_focal_plane_outside_the_stack_is_refused():
    with pytest.raises(ValueError, match="from 0 to 4. Received: focal_plane=5"):
        adversarial_slice_weights(5, 5)


def test_consistency_loss_is_the_mean_or_the_worst_weighted_slice():
    stack = np.zeros((1, 3, 4, 4, 1), np.float32)
    other = stack + np.float32([1, 2, 6]).reshape(1, 3, 1, 1, 1)

    assert consistency_loss(stack, other).numpy() == pytest.approx([3])
    assert consistency_loss(stack, other, np.float32([[9, 2, 1]])).numpy() == pytest.approx([9])
