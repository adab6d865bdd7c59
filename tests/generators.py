"""Narrow generators with random weights, in files."""

import numpy as np

from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.generator_file import GeneratorInfo, build_network, save_generator

RANGES = TaskNormalization(IntensityRange(100, 900), IntensityRange(0, 4000),
                           IntensityRange(30, 3800))


def write_generator(path, method, network, tasks=("A", "B"), augments=False, **arguments):
    """Write a narrow generator with random weights."""
    info = GeneratorInfo(method, network, arguments, tasks, dict.fromkeys(tasks, RANGES),
                         "ZYX" if method == "zse_gan" else "YX", "0.1.0", "",
                         test_time_augmentation=augments)
    random = np.random.default_rng(0)
    weights = []
    for variable in build_network(info).weights:
        if "seed" in variable.path:
            weights.append(variable.numpy())
        elif len(variable.shape) > 1:
            fan_in = np.prod(variable.shape[:-1])
            weights.append(random.normal(0, 1.4 / np.sqrt(fan_in), variable.shape))
        else:
            weights.append(random.normal(0.5, 0.5, variable.shape))
    save_generator(path, weights, info)
    return path
