import numpy as np

from microgan.losses.adversarial import discriminator_loss, generator_loss


def test_undecided_discriminator_has_loss_log_2():
    zeros = np.zeros((2, 3, 3, 1), np.float32)

    np.testing.assert_allclose(discriminator_loss(zeros, zeros), np.log(2) * np.ones(2), rtol=1e-6)


def test_right_and_sure_discriminator_has_loss_zero_and_fools_nobody():
    sure = np.full((1, 1), 50, np.float32)

    np.testing.assert_allclose(discriminator_loss(sure, -sure), 0, atol=1e-6)
    np.testing.assert_allclose(generator_loss(-sure), 50)
    np.testing.assert_allclose(generator_loss(sure), 0, atol=1e-6)


def test_losses_stay_finite_for_huge_logits():
    huge = np.full((1, 1), 1e4, np.float32)

    assert np.isfinite(discriminator_loss(-huge, huge)).all()
