import keras
import numpy as np
import pytest

from microgan.datasets.normalization import IntensityRange
from microgan.errors import UserError
from microgan.networks import zse_gan
from microgan.restoration.stacks import translate_stacks


def build_doubling():
    """Sharpened: twice the network value; reconstructed: the value itself."""
    stack = keras.Input((None, None, None, 1))
    return keras.Model(stack, [2 * stack, 1 * stack])


def test_stacks_of_any_size_and_type_keep_both(random):
    stacks = [random.integers(0, 255, (5, 17, 20)).astype(np.uint8),
              random.integers(0, 4000, (7, 16, 16)).astype(np.uint16),
              random.normal(size=(3, 16, 18))]

    sharpened, reconstructed = translate_stacks(build_doubling(), stacks, IntensityRange(0, 255))

    for stack, *results in zip(stacks, sharpened, reconstructed):
        assert {(each.shape, each.dtype) for each in results} == {(stack.shape, stack.dtype)}
        np.testing.assert_allclose(results[1], stack, atol=1e-3)


def test_normalisation_is_undone_and_integers_are_cut_off():
    stack = np.array([0, 64, 128, 192, 255], np.uint8).reshape(5, 1, 1)

    (sharpened,), _ = translate_stacks(build_doubling(), [stack], IntensityRange(0, 256))

    # Twice as far from the middle, 128.
    assert sharpened.ravel().tolist() == [0, 0, 128, 255, 255]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_stacks_that_are_not_finite_are_refused_never_cast(dtype):
    stack = keras.Input((None, None, None, 1))
    generator = keras.Model(stack, [stack * 3e38 * 3e38, 1 * stack])

    with pytest.raises(UserError, match="makes 1280 pixels NaN or infinite"):
        translate_stacks(generator, [np.full((5, 16, 16), 200, dtype)], IntensityRange(0, 255))


def test_network_is_traced_once_for_all_validations(random):
    traces = []

    class Traced(keras.layers.Layer):
        def call(self, values):
            traces.append(values.shape)
            return values

    stack = keras.Input((None, None, None, 1))
    generator = keras.Model(stack, [Traced()(stack), 1 * stack])
    stacks = [random.integers(0, 255, (5, 16, 16)).astype(np.uint8)]
    traces.clear()

    for _ in range(3):
        translate_stacks(generator, stacks, IntensityRange(0, 255))

    assert traces == [(1, 5, 16, 16, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("network", ["published", "residual"])
def test_a_deep_stack_that_is_not_square_goes_through(network, random):
    stack = random.integers(0, 4000, (61, 300, 200)).astype(np.uint16)
    generator = getattr(zse_gan, f"build_{network}_generator")(filters=2, num_blocks=1)

    (sharpened,), (reconstructed,) = translate_stacks(generator, [stack],
                                                      IntensityRange(0, 4000))

    assert sharpened.shape == reconstructed.shape == stack.shape
    if network == "residual":  # untrained, it changes nothing
        np.testing.assert_array_equal(sharpened, stack)
