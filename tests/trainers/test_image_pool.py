import keras
import numpy as np
import pytest
import tensorflow as tf

from microgan.trainers.image_pool import ImagePool


def volumes(*numbers):
    return tf.constant(np.reshape(numbers, (-1, 1, 1, 1, 1)), tf.float32)


def query(pool, *numbers):
    """Return what the pool gives, after checking that each volume kept its number."""
    given, labels = pool.query(volumes(*numbers), tf.constant([10 * each for each in numbers]))
    assert labels.numpy().tolist() == (10 * given.numpy().ravel()).tolist()
    return given.numpy().ravel().tolist()


@pytest.fixture
def pool():
    return ImagePool(3, (1, 1, 1, 1), seed=keras.random.SeedGenerator(1))


def test_pool_that_is_not_full_keeps_and_returns_new_volumes(pool):
    assert query(pool, 1, 2) == [1, 2]
    assert query(pool, 3) == [3]

    assert pool.state[0].numpy().ravel().tolist() == [1, 2, 3]


def test_full_pool_returns_a_kept_volume_half_of_the_time(pool):
    query(pool, 1, 2, 3)

    kept = {1, 2, 3}
    num_new = 0
    for number in range(4, 104):
        (given,) = query(pool, number)
        if given == number:
            num_new += 1
        else:
            assert given in kept
            kept = kept - {given} | {number}
        assert set(pool.state[0].numpy().ravel()) == kept

    assert 30 < num_new < 70


def test_pool_with_the_state_of_another_continues_like_it(pool):
    query(pool, 1, 2, 3, 4)
    seed = keras.random.SeedGenerator(5)
    seed.state.assign(pool.seed.state)
    other = ImagePool(3, (1, 1, 1, 1), seed=seed)
    for variable, value in zip(other.state, pool.state):
        variable.assign(value)

    assert query(other, *range(5, 25)) == query(pool, *range(5, 25))


def test_capacity_must_be_positive():
    with pytest.raises(ValueError, match="Received: capacity=0"):
        ImagePool(0, (1, 1, 1, 1), seed=keras.random.SeedGenerator(1))
