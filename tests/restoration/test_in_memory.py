"""Images of any number and size through a network, few pixels at a time."""

import keras
import numpy as np
import pytest

from helpers import with_random_weights
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.errors import UserError
from microgan.generator_file import GeneratorInfo, build_network
from microgan.networks import zse_gan
from microgan.networks.cin_gan import build_resnet_generator, build_unet_generator
from microgan.restoration import in_memory
from microgan.restoration.in_memory import (
    InMemoryRestorer, synthesise_degraded, translate_stacks)
from microgan.restoration.tiled_network import TiledNetwork
from microgan.simulation.degradation_model import Degradation, DegradationModel

RANGE = IntensityRange(0, 100)
INFO = GeneratorInfo("cgan", "unet", {"filters": 2, "depth": 1}, ("A", "B"),
                     {name: TaskNormalization(RANGE, RANGE) for name in "AB"}, "YX", "0", "",
                     test_time_augmentation=True)
CLEAN, DEGRADED = IntensityRange(0, 100), IntensityRange(10, 30)


@pytest.fixture(scope="module")
def unet():
    return with_random_weights(build_network(INFO))


@pytest.fixture
def pixels_at_once(monkeypatch):
    """How many pixels each call of a network got."""
    counts = []
    apply_network, restored = in_memory.apply_network, TiledNetwork._restored

    def applied(model, inputs, *, training):
        counts.append(inputs[..., 0].size)
        return apply_network(model, inputs, training=training)

    def tile_restored(self, network, images, *arguments):
        counts.append(images.size)
        return restored(self, network, images, *arguments)

    monkeypatch.setattr(in_memory, "apply_network", applied)
    monkeypatch.setattr(TiledNetwork, "_restored", tile_restored)
    return counts


def limit_batches(monkeypatch, pixels):
    for module in ("runtime.batching", "restoration.in_memory", "restoration.restorer"):
        monkeypatch.setattr(f"microgan.{module}.PIXELS_PER_BATCH", pixels)


def images_of(random, *shapes):
    return [random.uniform(0, 100, shape) for shape in shapes]


def test_images_of_many_sizes_keep_their_order(identity, random):
    planes = images_of(random, *((size, 20) for size in (16, 30, 16, 17, 30, 18)))

    restored = InMemoryRestorer(identity, INFO)("A", planes)

    for plane, image in zip(planes, restored, strict=True):
        np.testing.assert_allclose(image, plane, atol=1e-4)


def test_batches_make_no_difference(identity, random, monkeypatch):
    planes = images_of(random, *[(16, 20)] * 7)
    restore = InMemoryRestorer(identity, INFO)
    at_once = restore("A", planes)

    limit_batches(monkeypatch, 3 * 16 * 20)

    np.testing.assert_array_equal(restore("A", planes), at_once)


def test_large_images_go_in_tiles_and_agree_with_the_whole(unet, random, monkeypatch,
                                                           pixels_at_once):
    planes = images_of(random, (180, 203), (30, 20), (203, 180))
    whole = InMemoryRestorer(unet, INFO)("A", planes)
    assert max(pixels_at_once) >= 180 * 203
    pixels_at_once.clear()
    limit_batches(monkeypatch, 100 * 100)
    monkeypatch.setattr("microgan.runtime.memory.free_bytes", lambda: 0.0)

    tiled = InMemoryRestorer(unet, INFO)("A", planes)

    assert max(pixels_at_once) <= 100 * 100
    for image, expected in zip(tiled, whole, strict=True):
        assert image.dtype == expected.dtype == np.float64
        np.testing.assert_allclose(image, expected, atol=1e-3)


def test_large_images_are_compiled_for_once(unet, random, monkeypatch):
    built, usual = [], in_memory.Restorer

    def counted(*arguments):
        built.append(arguments)
        return usual(*arguments)

    monkeypatch.setattr(in_memory, "Restorer", counted)
    limit_batches(monkeypatch, 16 * 16)
    restore = InMemoryRestorer(unet, INFO)

    for task in "AB":
        restore(task, images_of(random, (20, 24), (24, 20)))

    assert built == [(unet, INFO)]


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


@pytest.fixture(params=["resnet", "unet"])
def degrader(request, random):
    if request.param == "resnet":
        return build_resnet_generator(num_tasks=2, filters=4, num_blocks=1)
    model = build_unet_generator(num_tasks=2, filters=4, depth=2)
    model.set_weights([random.normal(0, 0.3, weight.shape) for weight in model.weights])
    return model


@pytest.fixture
def planes(random):
    return [random.uniform(0, 100, size) for size in ((16, 20), (24, 24), (16, 20))]


def degrade(model, planes, seed=5, task=1):
    return synthesise_degraded(model, describe_degrader(), f"task{task}", planes, seed=seed)


def describe_degrader(**models):
    tasks = ("task0", "task1")
    return GeneratorInfo(
        method="cin_gan", network="unet", network_arguments={}, tasks=tasks, axes="YX",
        normalization=dict.fromkeys(tasks, TaskNormalization(DEGRADED, CLEAN)),
        microgan_version="0", config_hash="", **models)


MODEL = DegradationModel((Degradation(blur_px=(0.0, 2.0), scale=0.2, offset=10, noise_gain=0.5,
                                      limits=(0, 255), is_whole=True),))
MODELS = {"degradation": dict.fromkeys(("task0", "task1"), MODEL)}


def test_measured_model_degrades_before_a_network_that_changes_nothing(planes):
    identity = build_unet_generator(num_tasks=2, filters=4, depth=2)
    corrected = describe_degrader(**MODELS, corrected=("task1",))

    through_network = synthesise_degraded(identity, corrected, "task1", planes, seed=5)
    alone = synthesise_degraded(None, corrected, "task0", planes, seed=5)

    for index, (network, model, plane) in enumerate(zip(through_network, alone, planes)):
        np.testing.assert_array_equal(
            model, MODEL.apply(np.random.default_rng([5, index]), plane))
        np.testing.assert_allclose(network, model, atol=1e-4)


def test_part_of_an_image_is_degraded_as_in_the_whole(planes):
    info = describe_degrader(**MODELS)
    part = (slice(2, 12), slice(3, 16))

    whole = synthesise_degraded(None, info, "task0", planes, seed=5)
    parts = synthesise_degraded(None, info, "task0", planes, seed=5, parts=[part] * len(planes))

    for one, other in zip(whole, parts):
        np.testing.assert_array_equal(one[part], other)


def test_intensities_go_from_the_clean_to_the_degraded_range(planes):
    identity = build_unet_generator(num_tasks=2, filters=4, depth=2)

    for plane, synthetic in zip(planes, degrade(identity, planes)):
        np.testing.assert_allclose(synthetic, 10 + 0.2 * plane, atol=1e-4)


def test_seed_repeats_and_changes_synthetic_images(degrader, planes):
    first, again = degrade(degrader, planes), degrade(degrader, planes)
    other = degrade(degrader, planes, seed=6)

    for one, same, different in zip(first, again, other):
        np.testing.assert_array_equal(one, same)
        assert np.abs(one - different).max() > 1e-3


def test_same_image_twice_gets_different_noise(degrader, planes):
    first, second = degrade(degrader, [planes[0], planes[0]])

    assert np.abs(first - second).max() > 1e-3


def test_synthetic_images_that_are_not_finite_are_refused(planes):
    model = build_unet_generator(num_tasks=2, filters=4, depth=2)
    model.set_weights([np.full(weight.shape, 3e38) for weight in model.weights])

    with pytest.raises(UserError, match="NaN or infinite: its weights"):
        degrade(model, planes)
