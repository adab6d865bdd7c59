"""What a cGAN run does with its images once training is over."""

import numpy as np

from microgan.config import CGANConfig
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.datasets.paired_arrays import PairedImages
from microgan.datasets.splits import Split
from microgan.methods.cgan import CGAN
from microgan.methods.paired_data import TaskData


def test_intensities_are_calibrated_on_pairs_that_taught_nothing(random):
    degraded, clean = random.uniform(0, 100, (2, 30, 16, 16))
    constants = TaskNormalization(IntensityRange(0, 100), IntensityRange(0, 100))
    method = CGAN(CGANConfig.create(recipe="limited", seed=1))
    method.tasks = {"A": TaskData(
        PairedImages("A", degraded, clean), None,
        Split((0, 1), tuple(range(2, 29)), (29,), "A"), constants, "flips")}

    found = method.calibration_pairs("A")

    chosen = np.round(np.linspace(2, 28, 16)).astype(int)
    for images, of_all in zip(found, (degraded, clean)):
        np.testing.assert_array_equal(images, of_all[chosen])
