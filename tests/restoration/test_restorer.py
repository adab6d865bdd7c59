"""Restoring keeps shape, type and axes, and undoes the normalisation exactly."""

import dataclasses
import itertools

import numpy as np
import pytest

import microgan
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.errors import UserError
from microgan.generator_file import GeneratorInfo, build_network, save_generator
from microgan.restoration.in_memory import InMemoryRestorer
from microgan.restoration.planes import to_type
from microgan.restoration.restorer import Restorer, load_restorer

NORMALIZATION = {
    "A": TaskNormalization(IntensityRange(0, 100), IntensityRange(0, 200)),
    "B": TaskNormalization(IntensityRange(50, 60), IntensityRange(-1, 1)),
}


def info(tasks=("A",)):
    return GeneratorInfo("cgan", "unet", {"filters": 2, "depth": 1}, tasks,
                         {task: NORMALIZATION[task] for task in tasks}, "YX", "0.1.0", "")


@pytest.fixture(scope="module")
def keras():
    from microgan.startup import import_tensorflow_quietly

    import_tensorflow_quietly()
    import keras

    return keras


@pytest.fixture(scope="module")
def darken(keras):
    """A CIN-GAN generator in form: it subtracts the number of the task."""
    image, noise_map = keras.Input((None, None, 1)), keras.Input((None, None, 1))
    task = keras.Input((), dtype="int32")
    number = keras.layers.Reshape((1, 1, 1))(keras.layers.Rescaling(1.0)(task))
    return keras.Model([image, task, noise_map], keras.layers.Subtract()([image, number]))


@pytest.fixture(scope="module")
def shift_right(keras):
    """A generator that moves each image by one pixel along X: it knows the axes apart."""
    image = keras.Input((None, None, 1))
    kernel = np.zeros((1, 3, 1, 1), np.float32)
    kernel[0, 0] = 1
    convolution = keras.layers.Conv2D(1, (1, 3), padding="same", use_bias=False)
    model = keras.Model(image, convolution(image))
    convolution.set_weights([kernel])
    return model


def silent(line):
    raise AssertionError(f"nothing to report expected, got: {line}")


def noise(shape, dtype="uint8"):
    return np.random.default_rng(0).integers(0, 101, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int8", "int16", "int32", "int64",
                                   "f4", "f8", ">u2"])
def test_intensities_go_from_the_degraded_to_the_clean_range(identity, dtype):
    image = noise((20, 30), dtype) // 2

    restored = Restorer(identity, info())(image, report=silent)

    assert restored.dtype == image.dtype
    np.testing.assert_allclose(restored, 2 * image.astype(float), atol=1e-4)


def test_calibrated_generator_gives_the_calibrated_intensities(identity):
    ranges = dataclasses.replace(NORMALIZATION["A"], calibrated=IntensityRange(10, 110))
    image = noise((20, 30), "float32")
    described = dataclasses.replace(info(), normalization={"A": ranges})

    restored = Restorer(identity, described)(image, report=silent)

    np.testing.assert_allclose(restored, image + 10, atol=1e-4)
    np.testing.assert_allclose(InMemoryRestorer(identity, described)("A", [image])[0],
                               image + 10, atol=1e-4)


@pytest.mark.parametrize("axes", ["".join(order) for order in itertools.permutations("ZYX")]
                         + ["YX", "XY", "TCZYX", "XTYC"])
def test_every_plane_is_restored_whatever_the_axes_order(shift_right, axes):
    sizes = {"Y": 18, "X": 25, "Z": 3, "T": 2, "C": 2}
    image = noise(tuple(sizes[axis] for axis in axes), "float32")
    # Half of the clean range, since zero padding is in the middle of the network's values.
    expected = np.full(image.shape, 100.0)
    np.moveaxis(expected, axes.index("X"), 0)[1:] = (
        2 * np.moveaxis(image, axes.index("X"), 0)[:-1])

    restored = Restorer(shift_right, info())(image, axes=axes, report=silent)

    np.testing.assert_allclose(restored, expected, atol=1e-4)


def test_integers_are_rounded_and_clipped_pixels_counted(identity):
    image = np.full((16, 16), 10, np.uint8)
    image[0, :3] = 128, 130, 140  # twice that is beyond 255
    lines = []

    restored = Restorer(identity, info())(image, report=lines.append)

    assert restored[0, :4].tolist() == [255, 255, 255, 20]
    assert lines == ["3 pixels (1.2 %) went beyond what uint8 can hold and were clipped."]


@pytest.mark.parametrize("clean, words", [
    ((2472, 36010), "run from 2472 to 36010, which uint8 cannot hold"),
    ((0, 1), "run from 0 to 1, which uint8 cannot resolve"),
    ((-200, 60), "which uint8 cannot hold"), ((-20, 300), None), ((0, 255), None)])
def test_integers_that_cannot_hold_what_is_restored_are_refused(identity, clean, words):
    ranges = TaskNormalization(IntensityRange(0, 255), IntensityRange(*clean))
    restore = Restorer(identity, dataclasses.replace(info(), normalization={"A": ranges}))
    image = noise((16, 16), "uint8")

    if words:
        with pytest.raises(UserError, match=f"{words}. Write float32: --output_type=float32"):
            restore(image, report=silent)
    else:
        restore(image, report=lambda line: None)  # some pixels may be clipped

    restored = restore(image.astype(np.float32), report=silent)
    np.testing.assert_allclose(restored, ranges.clean.undo(ranges.degraded.normalize(image)),
                               atol=0.02)


def test_conversion_rounds_to_the_nearest():
    converted, num_clipped = to_type(np.array([-0.6, -0.4, 1.4, 1.6, 254.7, 255.6]),
                                     np.dtype(np.uint8))

    assert converted.tolist() == [0, 0, 1, 2, 255, 255]
    assert num_clipped == 2


@pytest.mark.parametrize("dtype, low, high", [
    (np.float16, -65504, 65504), (np.int64, -2**63, 2**63 - 1024), (np.uint64, 0, 2**64 - 2048)])
def test_what_a_type_cannot_hold_is_clipped_and_counted(dtype, low, high):
    converted, num_clipped = to_type(np.array([-1e30, 7, 1e30]), np.dtype(dtype))

    assert converted.dtype == dtype
    assert converted.tolist() == [low, 7, high]
    assert num_clipped == 2


def test_named_task_gives_the_constants(identity):
    image = np.linspace(50, 60, 16 * 16).reshape(16, 16)

    restored = Restorer(identity, info(("A", "B")))(image, task="B", report=silent)

    np.testing.assert_allclose(restored, np.linspace(-1, 1, 256).reshape(16, 16), atol=1e-5)


@pytest.mark.parametrize("scale", ["8 of 12 bits", "fractions", "brighter"])
@pytest.mark.parametrize("task", [None, "A"])
def test_intensities_unlike_the_learned_ones_are_said(identity, scale, task):
    image = noise((20, 30), "float64")  # learned are 0 to 100
    other = {"8 of 12 bits": image / 25, "fractions": image / 100 - 3, "brighter": 4 * image}
    seen = []

    Restorer(identity, info())(image, task=task, report=silent)
    Restorer(identity, info())(other[scale], task=task, report=seen.append)

    (line,) = seen
    assert "'A' was learned on 0 to 100: " in line


def test_several_tasks_and_none_named_uses_the_images_own_percentiles_aloud(identity):
    image = noise((3, 20, 30), "float32")
    seen = []
    low, high = np.percentile(image, (0.1, 99.9))

    restored = Restorer(identity, info(("A", "B")))(image, report=seen.append)

    np.testing.assert_allclose(restored, image, atol=1e-3)
    assert len(seen) == 1
    assert f"{low:g} and {high:g}" in seen[0]
    assert "Known tasks: A, B" in seen[0]


def test_defects_are_made_of_the_task_that_is_named(darken):
    described = dataclasses.replace(info(("A", "B")), method="cin_gan")
    image = np.full((20, 30), 1.0)  # 1 in the network's values for clean images of B

    restored = Restorer(darken, described)(image, task="B", report=silent)

    np.testing.assert_allclose(restored, 55, atol=1e-4)  # 1 - 1 = 0 in those of degraded ones
    with pytest.raises(UserError, match="say which with --task=A or --task=B"):
        Restorer(darken, described)(image)


def test_unknown_task_lists_the_known(identity):
    with pytest.raises(UserError, match="no task 'C'.*A, B"):
        Restorer(identity, info(("A", "B")))(noise((20, 30)), task="C")


@pytest.mark.parametrize("image, message", [
    (np.full((20, 30), np.nan), "600 pixels are NaN"),
    (np.full((20, 30), 7.0), "7 nearly everywhere.*--task=A or --task=B"),
    (np.arange(20 * 8.0).reshape(20, 8), "20 x 8 pixels are too small"),
    (np.zeros((2, 2, 20, 30)), "--axes"),
    (np.zeros(20), "no image"),
])
def test_images_that_cannot_be_restored_are_refused(identity, image, message):
    with pytest.raises(UserError, match=message):
        Restorer(identity, info(("A", "B")))(image, report=lambda line: None)


def test_large_image_is_restored_in_tiles_and_says_so(shift_right):
    image = noise((70, 90, 3), "float32")
    lines, shares = [], []
    target = np.empty_like(image)

    Restorer(shift_right, info(), tile=32).restore_into(
        target, image, axes="YXZ", report=lines.append, progress=shares.append)

    np.testing.assert_allclose(
        target, Restorer(shift_right, info())(image, axes="YXZ", report=silent), atol=1e-4)
    assert lines == ["Restoring tiles of 32 pixels a side."]
    assert shares == sorted(shares)
    assert len(shares) == 3 * 3 * 3
    assert shares[-1] == 1


def test_out_of_memory_halves_the_tile_and_goes_on(identity, monkeypatch):
    restorer = Restorer(identity, info())
    network = restorer._network
    run = network._apply_whole, network._apply_tile

    def fails_when_large(number):
        def apply(tensor):
            if tensor.shape[1] * tensor.shape[2] > 200 * 200:
                raise MemoryError
            return run[number](tensor)
        return apply

    monkeypatch.setattr(network, "_apply_whole", fails_when_large(0))
    monkeypatch.setattr(network, "_apply_tile", fails_when_large(1))
    monkeypatch.setattr("microgan.restoration.restorer.PIXELS_PER_BATCH", 1)
    image = noise((400, 300))
    lines = []

    restored = restorer(image, report=lines.append)

    np.testing.assert_array_equal(restored, 2 * image)
    assert lines == [f"{text} tiles of {side} pixels a side." for side in (362, 256)
                     for text in ("Out of memory: going on with", "Restoring")]


def test_memory_that_does_not_suffice_for_any_tile_is_said(identity, monkeypatch):
    restorer = Restorer(identity, info())

    def fail(tensor):
        raise MemoryError

    monkeypatch.setattr(restorer._network, "_apply_whole", fail)
    monkeypatch.setattr(restorer._network, "_apply_tile", fail)

    with pytest.raises(UserError, match="Memory does not suffice"):
        restorer(noise((100, 100)), report=lambda line: None)


def test_tiles_are_chosen_from_free_memory(keras, monkeypatch):
    def side(free):
        monkeypatch.setattr("microgan.restoration.restorer.memory.free_bytes", lambda: free)
        return Restorer(build_network(info()), info())._side((10**5, 10**5))

    assert side(1e12) == 2048
    assert side(1e7) < side(1e8) < 2048
    assert side(0) == 64


def test_saved_generator_restores_as_the_network_in_memory(keras, tmp_path):
    model = build_network(info())
    generator = np.random.default_rng(0)
    model.set_weights([generator.normal(0, 0.1, weight.shape) for weight in model.weights])
    save_generator(tmp_path / "generator.h5", model.get_weights(), info())
    image = noise((21, 30), "float32")

    restored = load_restorer(tmp_path / "generator.h5", precision="float32")(image)

    np.testing.assert_allclose(restored, Restorer(model, info())(image), atol=1e-4)
    assert np.abs(restored - 2 * image).max() > 1


def test_no_tensor_gets_too_long_however_much_memory_there_is(keras, monkeypatch):
    monkeypatch.setattr("microgan.restoration.restorer.memory.free_bytes", lambda: 1e15)
    monkeypatch.setattr("microgan.restoration.restorer._ENOUGH_BYTES", 1e15)
    wide = dataclasses.replace(info(), network_arguments={"filters": 64, "depth": 1})
    restorer = Restorer(build_network(wide), wide, tile=4096)

    # Joined with the skipped features there are 128 channels at full resolution.
    assert 128 * 4096**2 == 2**31
    assert restorer._side((8192, 8192)) == 2048


@pytest.mark.parametrize("method, network, arguments, plane_axes", [
    ("cgan", "unet", {"filters": 2, "depth": 1}, "YX"),
    ("cin_gan", "resnet", {"filters": 2, "num_blocks": 0}, "YX"),
    ("zse_gan", "residual", {"filters": 2, "num_blocks": 0}, "ZYX")])
def test_every_kind_of_generator_is_loaded_and_used_alike(keras, tmp_path, method, network,
                                                          arguments, plane_axes):
    described = GeneratorInfo(method, network, arguments, ("A",), {"A": TaskNormalization(
        IntensityRange(0, 100), IntensityRange(0, 100))}, plane_axes, "0.1.0", "")
    save_generator(tmp_path / "generator.h5", build_network(described).get_weights(), described)
    image = noise((2, 20, 5, 30), "uint16")

    restorer = microgan.load_restorer(tmp_path / "generator.h5", precision="float32")
    restored = restorer(image, axes="TYZX", report=silent)

    assert (restored.shape, restored.dtype) == (image.shape, image.dtype)
    in_order = restorer(image.swapaxes(1, 2), axes="TZYX", report=silent)
    np.testing.assert_array_equal(restored, in_order.swapaxes(1, 2))
    if method != "cin_gan":  # untrained, the others give their input back
        np.testing.assert_array_equal(restored, image)
