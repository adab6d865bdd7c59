import keras
import numpy as np
import pytest
import tensorflow as tf

from microgan.layers import (
    ConditionalInstanceNorm, CropLike, InstanceNormalization, PadToMultiple, ReflectionPadding2D)
from microgan.layers.stacks import DepthCoordinate, ScaleSlices, Slicewise, ZeroEnds


def test_instance_norm_gives_hand_worked_numbers():
    layer = InstanceNormalization(epsilon=0.5)
    image = np.array([1, 3, 1, 3], np.float32).reshape(1, 2, 2, 1)
    layer.build(image.shape)
    layer.gamma.assign([3])
    layer.beta.assign([10])

    output = layer(image)

    # mean 2, deviation 1: (x - 2) / 1.5 * 3 + 10
    np.testing.assert_allclose(np.ravel(output), [8, 12, 8, 12], atol=1e-6)


def test_instance_norm_treats_each_image_and_channel_alone(random):
    images = random.normal(5, 3, (2, 6, 5, 3)).astype(np.float32)

    together = np.asarray(InstanceNormalization(affine=False, epsilon=1e-9)(images))

    np.testing.assert_allclose(together.mean((1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(together.std((1, 2)), 1, atol=1e-5)


def test_instance_norm_statistics_stay_float32_under_bfloat16():
    # 256 + 1 has no bfloat16: statistics in bfloat16 would lose the pattern.
    image = tf.constant([[[[256.0]], [[258.0]]]])
    layer = InstanceNormalization(dtype="mixed_bfloat16", affine=False)

    output = layer(image)

    assert output.dtype == tf.bfloat16
    np.testing.assert_allclose(np.ravel(tf.cast(output, tf.float32)), [-1, 1], atol=0.01)


def test_instance_norm_of_constant_image_has_finite_gradient():
    image = tf.zeros((1, 4, 4, 2))
    layer = InstanceNormalization()

    with tf.GradientTape() as tape:
        tape.watch(image)
        total = tf.reduce_sum(layer(image) ** 2)

    assert np.isfinite(tape.gradient(total, image)).all()


def test_instance_norm_config_is_the_same_before_and_after_build():
    layer = InstanceNormalization(epsilon=0.1, affine=False)
    before = layer.get_config()

    layer.build((None, 8, 8, 3))

    assert layer.get_config() == before
    assert InstanceNormalization.from_config(before).epsilon == 0.1


@pytest.mark.parametrize("epsilon", [0, -1])
def test_instance_norm_refuses_epsilon_that_is_not_positive(epsilon):
    with pytest.raises(ValueError, match="`epsilon` must be positive"):
        InstanceNormalization(epsilon=epsilon)


def test_instance_norm_refuses_input_without_spatial_axis():
    with pytest.raises(ValueError, match="at least one spatial"):
        InstanceNormalization().build((None, 3))


def conditional_norm(random, num_tasks=3, channels=2):
    """The layer with random rows."""
    layer = ConditionalInstanceNorm(num_tasks)
    layer.build(((None, 4, 4, channels), (None,)))
    layer.set_weights([random.normal(size=(num_tasks, channels)) for _ in range(2)])
    return layer


def test_conditional_norm_gives_hand_worked_numbers():
    layer = ConditionalInstanceNorm(2, epsilon=0.5)
    image = np.array([1, 3, 1, 3], np.float32).reshape(1, 2, 2, 1)
    layer.build((image.shape, (1,)))
    layer.set_weights([np.array([[3], [6]]), np.array([[10], [-1]])])

    output = layer([np.concatenate([image, image]), np.array([1, 0])])

    # mean 2, deviation 1: (x - 2) / 1.5 * 6 - 1 for task 1, * 3 + 10 for task 0
    np.testing.assert_allclose(np.ravel(output), [-5, 3, -5, 3, 8, 12, 8, 12], atol=1e-5)


@pytest.mark.parametrize("size", [(6, 5), (3, 6, 5)], ids=["2D", "3D"])
def test_conditional_norm_is_instance_norm_with_the_row_of_each_image(size, random):
    images = random.normal(5, 3, (4, *size, 2)).astype(np.float32)
    condition = np.array([2, 0, 2, 1])
    layer = conditional_norm(random)

    output = layer([images, condition])

    for index, task in enumerate(condition):
        plain = InstanceNormalization()
        plain.build((1, *size, 2))
        plain.set_weights([weight[task] for weight in layer.get_weights()])
        np.testing.assert_allclose(output[index], plain(images[index:index + 1])[0], atol=1e-5)


def test_conditional_norm_gradient_reaches_only_the_tasks_of_the_batch(random):
    layer = conditional_norm(random)

    with tf.GradientTape() as tape:
        output = layer([random.normal(size=(2, 4, 4, 2)).astype(np.float32), np.array([0, 2])])
        total = tf.reduce_sum(output ** 2)
    gradients = tape.gradient(total, layer.trainable_variables)

    for gradient in map(tf.convert_to_tensor, gradients):
        assert np.all(gradient[1] == 0)
        assert np.all(gradient[0] != 0) and np.all(gradient[2] != 0)


def test_conditional_norm_statistics_stay_float32_under_bfloat16():
    layer = ConditionalInstanceNorm(1, dtype="mixed_bfloat16")

    output = layer([tf.constant([[[[256.0]], [[258.0]]]]), tf.constant([0])])

    assert output.dtype == tf.bfloat16
    np.testing.assert_allclose(np.ravel(tf.cast(output, tf.float32)), [-1, 1], atol=0.01)


def test_conditional_norm_config_is_the_same_before_and_after_build(random):
    layer = ConditionalInstanceNorm(4, epsilon=0.1)
    before = layer.get_config()

    layer.build(((None, 8, 8, 3), (None,)))

    assert layer.get_config() == before
    assert ConditionalInstanceNorm.from_config(before).num_tasks == 4


@pytest.mark.parametrize("arguments, message", [
    ({"num_tasks": 0}, "`num_tasks` must be at least 1. Received: num_tasks=0"),
    ({"num_tasks": 1, "epsilon": 0}, "`epsilon` must be positive"),
])
def test_conditional_norm_refuses_numbers_that_are_not_positive(arguments, message):
    with pytest.raises(ValueError, match=message):
        ConditionalInstanceNorm(**arguments)


@pytest.mark.parametrize("shapes, message", [
    (((None, 3), (None,)), "at least one spatial"),
    (((None, 8, 8, 3), (None, 1)), "one task per image"),
])
def test_conditional_norm_refuses_shapes_that_do_not_fit(shapes, message):
    with pytest.raises(ValueError, match=message):
        ConditionalInstanceNorm(2).build(shapes)


def test_conditional_norm_refuses_a_condition_that_is_not_an_integer():
    with pytest.raises(ValueError, match="must be integers"):
        ConditionalInstanceNorm(2)([np.zeros((1, 4, 4, 1), np.float32), np.zeros(1, np.float32)])


def test_padding_reflects_bottom_and_right():
    row = np.arange(5, dtype=np.float32).reshape(1, 1, 5, 1)
    image = np.concatenate([row, row + 10], axis=1)

    padded = PadToMultiple(2)(image)

    np.testing.assert_array_equal(padded[0, 0, :, 0], [0, 1, 2, 3, 4, 3])
    assert padded.shape == (1, 2, 6, 1)


def test_padding_of_a_stack_has_a_multiple_for_each_axis(random):
    stack = random.normal(size=(1, 5, 6, 7, 2)).astype(np.float32)
    layer = PadToMultiple((1, 4, 4))

    padded = layer(stack)

    np.testing.assert_array_equal(
        padded, np.pad(stack, [(0, 0), (0, 0), (0, 2), (0, 1), (0, 0)], "reflect"))
    assert layer.compute_output_shape((None, 5, 6, None, 2)) == (None, 5, 8, None, 2)
    np.testing.assert_array_equal(CropLike()([padded, stack]), stack)


def test_depth_coordinate_runs_from_first_to_last_slice(random):
    stack = random.normal(size=(2, 5, 3, 4, 1)).astype(np.float32)

    result = DepthCoordinate()(stack).numpy()

    np.testing.assert_array_equal(result[..., :1], stack)
    np.testing.assert_allclose(result[1, :, 2, 3, 1], [-1, -0.5, 0, 0.5, 1], atol=1e-6)


@pytest.mark.parametrize("share, num_zero", [(0.14, 4), (0.0, 0), (0.49, 14)])
def test_zero_ends_leaves_the_middle(share, num_zero, random):
    stack = random.normal(size=(2, 29, 3, 4, 1)).astype(np.float32)

    result = ZeroEnds(share)(stack).numpy()

    middle = slice(num_zero, 29 - num_zero)
    np.testing.assert_array_equal(result[:, middle], stack[:, middle])
    assert np.count_nonzero(result) == stack[:, middle].size


@pytest.mark.parametrize("depth", range(2, 40))
def test_zero_ends_rounds_as_python_does(depth):
    ends = ZeroEnds(0.14)(np.ones((1, depth, 1, 1, 1), np.float32)).numpy().ravel() == 0

    assert ends.sum() == 2 * round(0.14 * depth)


def test_zero_ends_refuses_half_of_the_stack():
    with pytest.raises(ValueError, match="share=0.5"):
        ZeroEnds(0.5)


def test_every_slice_gets_its_own_factor(random):
    stack = random.normal(size=(2, 3, 4, 5, 1)).astype(np.float32)
    layer = ScaleSlices([0.5, 0, 2])

    result = layer(stack).numpy()

    np.testing.assert_array_equal(result, stack * np.reshape([0.5, 0, 2], (1, 3, 1, 1, 1)))
    assert ScaleSlices.from_config(layer.get_config()).factors == [0.5, 0, 2]
    with pytest.raises(ValueError, match="must not be empty"):
        ScaleSlices([])


def test_slicewise_layer_treats_every_slice_as_an_image(random):
    stack = random.normal(size=(2, 3, 8, 10, 1)).astype(np.float32)
    conv = keras.layers.Conv2D(4, 3, strides=2, padding="same")
    layer = Slicewise(conv)

    result = layer(stack)

    assert layer.compute_output_shape((None, None, 8, 10, 1)) == (None, None, 4, 5, 4)
    for index in range(3):
        np.testing.assert_allclose(result[:, index], conv(stack[:, index]), rtol=1e-5, atol=1e-6)


def test_padding_refuses_multiple_that_is_not_positive():
    with pytest.raises(ValueError, match="`multiple` must be positive"):
        PadToMultiple(0)


def test_reflection_padding_mirrors_all_four_sides():
    image = np.arange(12, dtype=np.float32).reshape(1, 3, 4, 1)

    padded = ReflectionPadding2D(2)(image)

    np.testing.assert_array_equal(padded[0, ..., 0], np.pad(image[0, ..., 0], 2, "reflect"))
    assert ReflectionPadding2D(2).compute_output_shape((None, 3, None, 1)) == (None, 7, None, 1)


def test_reflection_padding_refuses_margin_that_is_not_positive():
    with pytest.raises(ValueError, match="`margin` must be positive. Received: margin=0"):
        ReflectionPadding2D(0)


@pytest.mark.parametrize("size", [(8, 8), (9, 13)])
def test_cropping_undoes_padding(size, random):
    image = random.normal(size=(2, *size, 1)).astype(np.float32)

    cropped = CropLike()([PadToMultiple(8)(image), image])

    np.testing.assert_array_equal(cropped, image)


def test_model_with_all_layers_gives_the_same_after_saving(tmp_path, random):
    image = keras.Input((None, None, 1))
    condition = keras.Input((), dtype="int32")
    normalized = InstanceNormalization()(ReflectionPadding2D(2)(PadToMultiple(4)(image)))
    normalized = ConditionalInstanceNorm(2)([normalized, condition])
    model = keras.Model([image, condition], CropLike()([normalized, image]))
    model.set_weights([random.normal(size=weight.shape) for weight in model.weights])
    example = [random.normal(size=(2, 6, 7, 1)).astype(np.float32), np.array([1, 0])]

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")

    np.testing.assert_array_equal(loaded(example), model(example))


def test_model_of_stacks_gives_the_same_after_saving(tmp_path, random):
    stack = keras.Input((None, None, None, 1))
    features = Slicewise(keras.layers.Conv2D(2, 3, padding="same"))(DepthCoordinate()(stack))
    model = keras.Model(stack, ZeroEnds(0.4)(features))
    example = random.normal(size=(1, 3, 8, 9, 1)).astype(np.float32)

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")

    np.testing.assert_array_equal(loaded(example), model(example))
