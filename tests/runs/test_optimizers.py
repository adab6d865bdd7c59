import numpy as np
import pytest

from benchmarks.rivals.care import CAREConfig
from microgan.config import CINGANConfig
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.methods.cin_gan import CINGAN
from microgan.runs.method import describe_generator
from microgan.runs.optimizers import adam


def rates(optimizer, *updates):
    """The learning rate before each of the given updates."""
    found = []
    for update in updates:
        optimizer.iterations.assign(update)
        found.append(float(optimizer.learning_rate))
    return found


@pytest.mark.parametrize("config", [
    CINGANConfig.create(recipe="limited", learning_rate_decay="cosine"),
    CAREConfig.create(learning_rate_decay="cosine")])
def test_learning_rate_rises_for_a_twentieth_and_falls_to_zero_at_the_end(config):
    optimizer = adam(config, 0.1, num_updates=200)

    np.testing.assert_allclose(rates(optimizer, 0, 10, 105, 200), [0.01, 0.1, 0.05, 0], atol=1e-6)


def test_critic_learns_until_the_generator_is_done():
    """It does several updates for each of the generator's."""
    config = CINGANConfig.create(recipe="limited", generator_filters=4, critic_filters=4,
                                 num_iters=100, critic_steps=4, style_weight=0.0, seed=1,
                                 measure_defect=False)
    both = IntensityRange(0, 1)
    info = describe_generator(config, method="cin_gan", network="unet",
                              network_arguments={"filters": 4},
                              normalization={"Cells": TaskNormalization(both, both)})
    method = CINGAN(config)
    method.prepare()

    trainer, _ = method.build(info)

    generator = rates(trainer.generator_optimizer, 50, 100)
    critic = rates(trainer.critic_optimizer, 4 * 50, 4 * 100)
    assert critic == pytest.approx([rate / 2 for rate in generator], abs=1e-9)
    assert generator[0] > 2e-4 and generator[1] < 1e-9
