import keras
import numpy as np
import pytest
import tensorflow as tf

from microgan.config import CGANConfig
from microgan.runtime.compilation import compiled_once
from microgan.runs import estimates
from microgan.runs.estimates import (
    Speed, UpdateCost, estimated_memory, estimated_seconds, measure_speed, print_estimate,
    restoring_memory, update_cost)


def cost_of(function, *shapes):
    specs = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    return update_cost(tf.function(function).get_concrete_function(*specs).graph)


def test_convolution_costs_two_operations_a_weight_and_pixel():
    cost = cost_of(lambda image, kernel: tf.nn.conv2d(image, kernel, 2, "SAME"),
                   (2, 8, 8, 3), (5, 5, 3, 4))

    assert cost.flop == 2 * (2 * 4 * 4) * (5 * 5 * 3 * 4)


def test_gradients_of_a_convolution_cost_twice_the_convolution():
    def gradients(image, kernel):
        with tf.GradientTape() as tape:
            tape.watch([image, kernel])
            total = tf.reduce_sum(tf.nn.conv2d(image, kernel, 1, "SAME") ** 2)
        return tape.gradient(total, [image, kernel])

    forward = 2 * (8 * 8) * (3 * 3 * 3 * 4)
    assert cost_of(gradients, (1, 8, 8, 3), (3, 3, 3, 4)).flop == 3 * forward


def test_matrix_product_costs_two_operations_a_term():
    assert cost_of(tf.matmul, (3, 5), (5, 7)).flop == 2 * 3 * 5 * 7


def test_devices_share_the_work_that_the_graph_holds_for_all():
    spec = [tf.TensorSpec(shape, tf.float32) for shape in ((3, 5), (5, 7))]
    graph = tf.function(tf.matmul).get_concrete_function(*spec).graph

    whole, shared = update_cost(graph), update_cost(graph, num_devices=2)

    assert (shared.flop, shared.bytes_written) == (whole.flop / 2, whole.bytes_written / 2)


def test_functions_count_as_often_as_they_are_called():
    def twice(image, kernel):
        convolve = compiled_once(lambda image: tf.nn.conv2d(image, kernel, 1, "SAME"))
        with tf.GradientTape() as tape:
            tape.watch([image, kernel])
            total = tf.reduce_sum(convolve(convolve(image)))
        return tape.gradient(total, [image, kernel])

    forward = 2 * (8 * 8) * (3 * 3 * 3 * 3)
    assert cost_of(twice, (1, 8, 8, 3), (3, 3, 3, 3)).flop == 2 * 3 * forward


def test_time_is_that_of_arithmetic_and_of_writing(monkeypatch):
    """With matrix units the arithmetic alone foretold a quarter of the time."""
    monkeypatch.setattr(estimates, "measure_speed", lambda: Speed(7.6e11, 1.7e9))

    # Updates of the cGAN's limited recipe, measured on one core with such units: 0.050 s, and
    # of its paper recipe with 4 images: 1.5 s.
    assert 0.050 / 1.5 < estimated_seconds(UpdateCost(1.018e10, 1.477e8)) < 0.050 * 1.5
    assert 1.5 / 1.5 < estimated_seconds(UpdateCost(3.587e11, 5.509e9)) < 1.5 * 1.5


def test_speed_is_measured():
    speed = measure_speed()

    assert speed.flop > speed.bytes_written > 1e6


def test_memory_grows_with_the_variables():
    cost = cost_of(tf.matmul, (3, 5), (5, 7))
    variable = keras.Variable(np.zeros(1_000_000, np.float32))

    more = estimated_memory(cost, {"net": [variable]}, 0) - estimated_memory(cost, {}, 0)

    assert more == pytest.approx(28e6 / 3)


def test_memory_is_that_of_a_validation_where_it_takes_more_than_an_update():
    cost = cost_of(tf.matmul, (3, 5), (5, 7))
    image = keras.Input((None, None, 1))
    network = keras.Model(image, keras.layers.Conv2D(10, 3, padding="same")(image))
    validation_bytes = restoring_memory(network, 1000)

    more = estimated_memory(cost, {}, validation_bytes) - estimated_memory(cost, {}, 0)

    # The result has 10 numbers of 4 bytes a pixel; a part is kept.
    assert 0 < validation_bytes < 1000 * 10 * 4
    assert more == pytest.approx(validation_bytes, rel=0.01)
    assert estimated_memory(cost, {}, 1) == estimated_memory(cost, {}, 0)


@pytest.mark.parametrize("settings, speed, named", [
    ({}, 1e12, "without a GPU: the published method, trained because no --recipe was given"),
    ({"resume": True}, 1e12, None),
    ({"recipe": "paper"}, 1e12, None),
    ({"recipe": "paper"}, 1e-3, "That is long. --recipe=limited"),
    ({"recipe": "limited"}, 1e-3, None)])
def test_a_recipe_that_nobody_chose_is_told_to_take_its_time(monkeypatch, capsys, settings, speed,
                                                             named):
    monkeypatch.setattr(estimates, "measure_speed", lambda: Speed(speed, speed))
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [])
    spec = [tf.TensorSpec(shape, tf.float32) for shape in ((3, 5), (5, 7))]
    graph = tf.function(tf.matmul).get_concrete_function(*spec).graph

    print_estimate(graph, CGANConfig.create(**settings), {}, num_updates=10**6, num_devices=1,
                   validation_bytes=0)

    first, *rest = capsys.readouterr().out.splitlines()
    assert "for 1000000 updates" in first
    assert (named in rest[0] and "--recipe=limited" in rest[0]) if named else rest == []


def test_trainings_that_follow_are_told(monkeypatch, capsys):
    monkeypatch.setattr(estimates, "estimated_seconds", lambda cost: 2.0)
    graph = tf.function(lambda: tf.zeros(3)).get_concrete_function().graph

    print_estimate(graph, CGANConfig.create(recipe="limited"), {}, num_updates=30, num_devices=1,
                   validation_bytes=0, later_updates=150)

    assert "60 s and " in (out := capsys.readouterr().out)
    assert "for 30 updates. With the trainings that follow: 6 min for 180." in out


def test_a_recipe_that_nobody_chose_is_taken_on_a_gpu(monkeypatch, capsys):
    monkeypatch.setattr(estimates, "measure_speed", lambda: Speed(1e12, 1e12))
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["GPU:0"])
    graph = tf.function(lambda: tf.zeros(3)).get_concrete_function().graph

    print_estimate(graph, CGANConfig.create(), {}, num_updates=9, num_devices=1,
                   validation_bytes=0)

    assert "recipe" not in capsys.readouterr().out
