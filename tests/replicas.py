"""Train with one and with two replicas and print by how much they differ, as JSON.

A program of its own: logical devices are made before TensorFlow starts.
"""

import itertools
import json
import sys

import keras
import numpy as np
import tensorflow as tf

from microgan.datasets.pipelines import DistributedBatches
from microgan.runs.compiled_update import compile_update
from narrow_trainers import TRAINERS

NUM_UPDATES = 20


def train(method, devices):
    """Losses of every update, and all variables at the end."""
    build, draw = TRAINERS[method]
    strategy = tf.distribute.MirroredStrategy(devices)
    with strategy.scope():
        keras.utils.set_random_seed(1)
        trainer = build()
    update = compile_update(trainer, strategy)
    batches = DistributedBatches(draw, strategy=strategy, first_update=0, num_iters=NUM_UPDATES)
    losses = [[float(loss) for loss in update(batch).values()] for batch in batches]
    return losses, [variable.numpy() for owned in trainer.state.values() for variable in owned]


keras.config.set_floatx("float64")
keras.config.set_dtype_policy("float64")
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
one, two = (train(sys.argv[1], devices) for devices in (["CPU:0"], ["CPU:0", "CPU:1"]))
differences = [float(np.max(np.abs(np.subtract(first, second, dtype=np.float64)), initial=0))
               for first, second in zip(itertools.chain(*one), itertools.chain(*two), strict=True)]
print(json.dumps({"differences": differences, "num_variables": len(one[1]),
                  "first_loss": one[0][0][0], "last_loss": one[0][-1][0]}))
