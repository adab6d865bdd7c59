import numpy as np
import tensorflow as tf

from microgan.losses.intensity import NUM_BINS
from microgan.trainers.histogram_memory import HistogramMemory

CONDITION = np.zeros(1, np.int32)


def flat(value):
    return np.full((1, 16, 16, 1), value, np.float32)


def test_excess_counts_from_the_middle_of_each_intensity():
    memory = HistogramMemory(num_tasks=2)

    memory.add(flat(-9), flat(9), CONDITION)

    excess = memory.excess().numpy()
    np.testing.assert_allclose(excess[0, [0, 1, -2, -1]], [0.5, 1, 1, 0.5])
    np.testing.assert_array_equal(excess[1], 0)


def test_synthetic_images_fade_and_degraded_ones_do_not():
    memory = HistogramMemory(num_tasks=1)
    add = tf.function(memory.add, autograph=False)
    low, high, condition = (tf.constant(value) for value in (flat(-9), flat(9), CONDITION))
    add(low, low, condition)

    for _ in range(600):
        add(high, high, condition)

    of_synthetic, of_degraded = (np.asarray(each) for each in memory.variables)
    np.testing.assert_allclose(of_synthetic[0, [0, -1]], [0.995 ** 600, 200 * (1 - 0.995 ** 600)],
                               rtol=1e-3)
    np.testing.assert_array_equal(of_degraded[0, [0, NUM_BINS - 1]], [1, 600])
