import numpy as np
import pytest
import tensorflow as tf

from microgan.datasets.pipelines import distributed_batches


def draw(update):
    return {"image": np.full((4, 2), update, np.float32) + np.arange(4)[:, np.newaxis] / 10,
            "condition": np.arange(4, dtype=np.int32)}


def test_batches_begin_and_end_where_asked():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])

    batches = list(distributed_batches(draw, strategy=strategy, first_update=3, num_iters=6))

    assert [float(batch["image"][0, 0]) for batch in batches] == [3, 4, 5]
    np.testing.assert_array_equal(batches[1]["image"], draw(4)["image"])
    assert batches[0]["condition"].dtype == tf.int32


def test_batch_that_cannot_be_shared_is_refused(monkeypatch):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    monkeypatch.setattr(type(strategy), "num_replicas_in_sync", 3)

    with pytest.raises(ValueError, match="4 images cannot be shared equally by 3 replicas"):
        distributed_batches(draw, strategy=strategy, first_update=0, num_iters=1)
