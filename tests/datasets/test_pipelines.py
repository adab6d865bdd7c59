import time

import numpy as np
import pytest
import tensorflow as tf

from microgan.datasets.pipelines import DistributedBatches


def draw(update):
    return {"image": np.full((4, 2), update, np.float32) + np.arange(4)[:, np.newaxis] / 10,
            "condition": np.arange(4, dtype=np.int32)}


@pytest.fixture
def strategy():
    return tf.distribute.MirroredStrategy(["CPU:0"])


def local(strategy, batch, name):
    (array,) = strategy.experimental_local_results(batch[name])
    return array


def test_batches_begin_and_end_at_the_given_updates(strategy):
    batches = list(DistributedBatches(draw, strategy=strategy, first_update=3, num_iters=6))

    images = [local(strategy, batch, "image") for batch in batches]
    assert [float(image[0, 0]) for image in images] == [3, 4, 5]
    np.testing.assert_array_equal(images[1], draw(4)["image"])
    assert local(strategy, batches[0], "condition").dtype == tf.int32


def test_spec_is_that_of_every_batch(strategy):
    batches = DistributedBatches(draw, strategy=strategy, first_update=0, num_iters=3)
    traced = []

    @tf.function
    def total(batch):
        traced.append(1)
        return strategy.run(lambda batch: tf.reduce_sum(batch["image"]), args=(batch,))

    total.get_concrete_function(batches.element_spec)
    for batch in batches:
        total(batch)

    assert len(traced) == 1


def test_errors_in_drawing_are_raised_unchanged(strategy):
    def fails(update):
        if update:
            raise MemoryError("of a synthetic pair")
        return draw(update)

    with pytest.raises(MemoryError, match="of a synthetic pair"):
        list(DistributedBatches(fails, strategy=strategy, first_update=0, num_iters=2))


def test_nothing_is_drawn_after_iteration_stops(strategy):
    drawn = []
    batches = iter(DistributedBatches(lambda update: drawn.append(update) or draw(update),
                                      strategy=strategy, first_update=0, num_iters=1000))
    next(batches)
    batches.close()

    count = len(drawn)
    time.sleep(0.05)
    assert len(drawn) == count <= 5


def test_batch_that_cannot_be_shared_is_refused(strategy, monkeypatch):
    monkeypatch.setattr(type(strategy), "num_replicas_in_sync", 3)

    with pytest.raises(ValueError, match="4 images cannot be shared equally by 3 replicas"):
        DistributedBatches(draw, strategy=strategy, first_update=0, num_iters=1)
