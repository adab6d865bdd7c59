"""Restoring keeps shape, type and axes, and undoes the normalisation exactly."""

import dataclasses
import functools
import itertools
import pickle
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import microgan
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.errors import UserError
from microgan.generator_file import GeneratorInfo, build_network, save_generator
from microgan.restoration.in_memory import InMemoryRestorer
from microgan.restoration.planes import to_type
from microgan.restoration.restorer import Restorer, load_restorer
from microgan.simulation.degradation_model import Degradation, DegradationModel

NORMALIZATION = {
    "A": TaskNormalization(IntensityRange(0, 100), IntensityRange(0, 200)),
    "B": TaskNormalization(IntensityRange(50, 60), IntensityRange(-1, 1)),
}


def info(tasks=("A",)):
    return GeneratorInfo("cgan", "unet", {"filters": 2, "depth": 1}, tasks,
                         {task: NORMALIZATION[task] for task in tasks}, "YX", "0.1.0", "")


@pytest.fixture(scope="module")
def keras():
    from microgan.runtime.startup import import_tensorflow_quietly

    import_tensorflow_quietly()
    import keras

    return keras


@pytest.fixture(scope="module")
def darken(keras):
    """Like a CIN-GAN generator: it subtracts the number of the task."""
    image, noise_map = keras.Input((None, None, 1)), keras.Input((None, None, 1))
    task = keras.Input((), dtype="int32")
    number = keras.layers.Reshape((1, 1, 1))(keras.layers.Rescaling(1.0)(task))
    return keras.Model([image, task, noise_map], keras.layers.Subtract()([image, number]))


@pytest.fixture(scope="module")
def shift_right(keras):
    """A generator that moves each image by one pixel along X, which tells the axes apart."""
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


@pytest.mark.parametrize("count, words", [
    (1, "1 pixel (0.02 %) went beyond what uint8 can hold and was clipped."),
    (5119, "5119 pixels (99.9 %) went"), (5120, "5120 pixels (100 %) went")])
def test_share_of_clipped_pixels_is_written_as_people_write_it(identity, count, words):
    image = np.full((64, 80), 10, np.uint8)
    image.flat[:count] = 200
    lines = []

    Restorer(identity, info())(image, report=lines.append)

    assert lines[-1].startswith(words)


@pytest.mark.parametrize("clean, words", [
    ((2472, 36010), "range from 2472 to 36010, which uint8 cannot hold"),
    ((0, 1), "range from 0 to 1, which uint8 cannot resolve"),
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
def test_intensities_unlike_the_learned_ones_are_reported(identity, scale, task):
    image = noise((20, 30), "float64")  # learned are 0 to 100
    other = {"8 of 12 bits": image / 25, "fractions": image / 100 - 3, "brighter": 4 * image}
    seen = []

    Restorer(identity, info())(image, task=task, report=silent)
    Restorer(identity, info())(other[scale], task=task, report=seen.append)

    (line,) = seen
    assert "'A' was learned on 0 to 100: " in line


def test_intensities_are_said_without_exponents(identity):
    seen = []

    Restorer(identity, info(("A", "B")))(noise((20, 30), "float64") * 1e6, report=seen.append)

    assert not re.search(r"\de[+-]\d", seen[0]), seen


def test_a_mark_of_missing_data_is_said_with_all_its_digits(identity):
    image = noise((20, 30), "int32")
    image[0, 0] = -2**31
    seen = []

    Restorer(identity, info())(image, nodata=-2**31, report=seen.append)

    assert seen == ["Kept 1 pixel (0.17 %) of -2147483648, missing data."]


def test_several_tasks_and_none_named_uses_the_images_own_percentiles_aloud(identity):
    image = noise((3, 20, 30), "float32")
    seen = []
    low, high = np.percentile(image, (0.1, 99.9))

    restored = Restorer(identity, info(("A", "B")))(image, report=seen.append)

    np.testing.assert_allclose(restored, image, atol=1e-3)
    assert len(seen) == 1
    assert f"{low:g} and {high:g}" in seen[0]
    assert "Known tasks: A, B" in seen[0]


def test_the_defect_of_the_named_task_is_added(darken):
    described = dataclasses.replace(info(("A", "B")), method="cin_gan")
    image = np.full((20, 30), 1.0)  # 1 in the network's values for clean images of B

    restored = Restorer(darken, described)(image, task="B", report=silent)

    np.testing.assert_allclose(restored, 55, atol=1e-4)  # 1 - 1 = 0 in those of degraded ones
    with pytest.raises(UserError, match="choose one with --task=A or --task=B"):
        Restorer(darken, described)(image)


def measured_info(corrected=()):
    """Described like `darken`, with a measured model."""
    model = DegradationModel((Degradation(blur_px=(1.0, 2.0), noise_gain=0.5, step_px=3.0),))
    return dataclasses.replace(info(("A", "B")), method="cin_gan", corrected=corrected,
                               degradation=dict.fromkeys("AB", model))


def test_a_measured_model_degrades_each_plane_and_tiles_do_not_show(darken):
    image = np.random.default_rng(1).uniform(50, 200, (2, 150, 170))
    model = measured_info().degradation["A"]

    one, tiled = (Restorer(darken, measured_info(), tile=tile)(image, task="A", report=silent,
                                                               seed=3) for tile in (None, 64))

    np.testing.assert_array_equal(one, tiled)
    for number in (0, 1):
        wanted = model.apply(np.random.default_rng([3, number]), image[number])
        np.testing.assert_allclose(one[number], wanted, rtol=1e-4)


def test_the_network_follows_the_model_where_it_comes_nearer(darken):
    image = np.random.default_rng(1).uniform(50, 60, (20, 30))

    alone, corrected = (
        Restorer(darken, measured_info(names))(image, task="B", report=print)
        for names in ((), ("B",)))

    np.testing.assert_allclose(corrected, alone - 5, atol=1e-3)  # one network unit


def test_missing_pixels_are_kept_by_a_measured_model(darken):
    image = np.random.default_rng(1).uniform(50, 200, (40, 50))
    image[5:9, 5:9] = -7

    degraded = Restorer(darken, measured_info())(image, task="A", nodata=-7, report=lambda _: None)

    assert (degraded[5:9, 5:9] == -7).all() and (degraded > 0).sum() == image.size - 16


def test_unknown_task_lists_the_known(identity):
    with pytest.raises(UserError, match="not know the task 'C'.*A, B"):
        Restorer(identity, info(("A", "B")))(noise((20, 30)), task="C")


@pytest.mark.parametrize("image, message", [
    (np.full((20, 30), np.nan), "600 pixels are NaN"),
    (np.full((20, 30), 7.0), "7 nearly everywhere.*--task=A or --task=B"),
    (np.arange(20 * 8.0).reshape(20, 8), "20 x 8 pixels are too small"),
    (np.zeros((2, 2, 20, 30)), "--axes"),
    (np.zeros(20), "not an image"),
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


def test_out_of_memory_halves_the_tile_and_continues(identity, monkeypatch):
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
                     for text in ("Out of memory: continuing with", "Restoring")]


def test_too_little_memory_for_any_tile_is_reported(identity, monkeypatch):
    restorer = Restorer(identity, info())

    def fail(tensor):
        raise MemoryError

    monkeypatch.setattr(restorer._network, "_apply_whole", fail)
    monkeypatch.setattr(restorer._network, "_apply_tile", fail)

    with pytest.raises(UserError, match="not enough memory"):
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


def no_data_image(dtype, nodata):
    """Measured everywhere but in a frame and a hole, as a stitched image."""
    image = noise((90, 100), dtype)
    if np.dtype(dtype).kind != "f":
        image[image == nodata] = 50
    image[:7] = image[:, 90:] = nodata
    image[50:52, 40:60] = nodata
    return image


@pytest.fixture(scope="module")
def of_mirrors(keras):
    """A U-Net that treats no two mirror images alike, averaged over them, and no norm."""
    described = dataclasses.replace(info(), test_time_augmentation=True)
    model = build_network(described)
    random = np.random.default_rng(0)
    model.set_weights([random.normal(0, 0.1, weight.shape) for weight in model.weights])
    return model, described


@pytest.mark.parametrize("dtype, nodata", [
    ("float32", np.nan), ("float32", -3.4e38), ("float64", -9999), ("uint8", 0), ("uint8", 255),
    ("int16", -32768), ("float16", np.nan)])
def test_missing_pixels_are_kept_and_change_no_others(of_mirrors, dtype, nodata):
    image = no_data_image(dtype, nodata)
    missing = np.isnan(image) if np.isnan(nodata) else image == image.dtype.type(nodata)
    plain = image.copy()
    plain[missing] = 50
    lines = []

    restored = Restorer(*of_mirrors)(image, nodata=nodata, report=lines.append)
    tiled = Restorer(*of_mirrors, tile=32)(image, nodata=nodata, report=silent_but_tiles)
    expected = Restorer(*of_mirrors)(plain, report=lambda line: None)

    assert restored.dtype == image.dtype
    np.testing.assert_array_equal(restored[missing], image[missing])
    assert np.isfinite(restored[~missing]).all()
    assert not np.isin(restored[~missing], [nodata]).any()
    np.testing.assert_allclose(tiled.astype(float), restored.astype(float), atol=1.01 if
                               image.dtype.kind != "f" else 0.2)
    far = np.s_[20:40, 10:80]  # further from missing pixels than the network sees
    np.testing.assert_array_equal(restored[far], expected[far])
    assert lines[0].startswith("Kept 1570 pixels (17 %) of ")


def silent_but_tiles(line):
    assert "tiles" in line or "Kept" in line or "clipped" in line


def test_missing_pixels_are_not_counted_as_clipped(identity):
    image = np.full((20, 30), 10, np.uint8)
    image[0] = 255  # twice that is beyond
    lines = []

    restored = Restorer(identity, info())(image, nodata=255, report=lines.append)

    assert restored[:2, 0].tolist() == [255, 20]
    assert lines == ["Kept 30 pixels (5 %) of 255, missing data."]


@pytest.mark.parametrize("nodata", [np.nan, -9999.0])
def test_percentiles_used_as_constants_are_of_measured_pixels(identity, nodata):
    image = no_data_image("float32", nodata)
    measured = image[(image != nodata) & ~np.isnan(image)]
    lines = []

    Restorer(identity, info(("A", "B")))(image, nodata=nodata, report=lines.append)

    low, high = np.percentile(measured, (0.1, 99.9))
    assert f"{low:g} and {high:g}" in lines[0]


@pytest.mark.parametrize("value, words", [
    (-3.4e38, r"1 pixel is -3.4e\+38.*--nodata=-3.4e\+38, or fix"),
    (-9999, "--nodata=-9999; if they were measured, pass --nodata=nan, or fix"),
    (np.nan, "--nodata=nan, or fix")])
def test_pixels_that_no_camera_measures_are_refused_by_name(identity, value, words):
    image = noise((20, 30), "float32")
    image[5, 5] = value

    with pytest.raises(UserError, match=words):
        Restorer(identity, info())(image, report=silent)


def test_a_target_that_cannot_hold_missing_pixels_is_refused(identity):
    image = noise((20, 30), "float32")
    image[0] = np.nan

    with pytest.raises(UserError, match="uint8 cannot hold --nodata=nan"):
        Restorer(identity, info()).restore_into(np.zeros((20, 30), np.uint8), image,
                                                nodata=np.nan, report=silent)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32"])
def test_results_that_are_not_finite_are_refused_never_cast(keras, dtype):
    image = keras.Input((None, None, 1))
    model = keras.Model(image, keras.layers.Rescaling(3e38)(keras.layers.Rescaling(3e38)(image)))

    with pytest.raises(UserError, match="makes 600 pixels NaN or infinite"):
        Restorer(model, info())(noise((20, 30), dtype), report=silent)


@pytest.mark.parametrize("make", [
    np.ndarray.tolist, lambda image: list(image), lambda image: tuple(image),
    np.asfortranarray, lambda image: image.astype(">f4"), lambda image: image[:, ::-1][:, ::-1],
    lambda image: np.broadcast_to(image[0], image.shape), memoryview])
def test_what_numpy_makes_an_array_of_is_restored(identity, make):
    image = noise((3, 20, 30), "float32")
    given = make(image)
    array = np.asarray(given)

    restored = Restorer(identity, info())(given, report=silent)

    assert type(restored) is np.ndarray and restored.flags.writeable
    assert restored.dtype == array.dtype
    np.testing.assert_allclose(restored, 2 * array.astype(float), atol=1e-4)


def test_read_only_and_mapped_arrays_are_restored(identity, tmp_path):
    image = noise((20, 30))
    np.save(tmp_path / "a.npy", image)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    image.setflags(write=False)

    for given in (image, mapped):
        restored = Restorer(identity, info())(given, report=silent)
        assert type(restored) is np.ndarray
        np.testing.assert_array_equal(restored, 2 * image)


def test_colours_are_channels_each_restored_as_a_plane(shift_right):
    image = noise((20, 30, 3))
    restore = Restorer(shift_right, info())

    restored = restore(image, axes="YXC", report=silent)

    for channel in range(3):
        np.testing.assert_array_equal(restored[..., channel],
                                      restore(image[..., channel].copy(), report=silent))


@pytest.mark.parametrize("image, words", [
    (np.zeros((20, 30), bool), "holds bool values"),
    (np.zeros((20, 30), complex), "holds complex128 values"),
    (np.full((20, 30), None), "holds object values"),
    (np.zeros((20, 30), "datetime64[s]"), "holds datetime64"),
    (np.zeros((20, 30), [("a", "f4")]), "holds .* values"),
    (np.zeros((20, 30), np.longdouble), "of at most 64 bits"),
    ([[1, 2], [3]], "cannot be read as one array"),
    ([np.zeros((20, 30)), np.zeros((21, 30))], "one by one"),
    (np.ma.masked_equal(np.ones((20, 30)), 1), "masked array.*nodata=-1"),
    ([np.ma.masked_equal(np.ones((20, 30)), 1)], "masked array"),
    ("a.tif", "holds <U5 values"), (None, "holds object values"), (7, "is not an image"),
    ([], "is empty"), (np.zeros((0, 20)), "is empty: shape"),
    (noise((20, 30, 3)), "20 x 30|30 x 3 pixels are too small")])
def test_anything_but_an_image_of_numbers_is_refused(identity, image, words):
    with pytest.raises(UserError, match=words) as caught:
        Restorer(identity, info())(image, report=silent)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("arguments, words", [
    ({"axes": ("Y", "X")}, "axes must be one letter per axis"), ({"axes": "YY"}, "once each"),
    ({"axes": "YXZ"}, "do not fit"), ({"seed": -1}, "seed must"), ({"seed": 1.5}, "seed must"),
    ({"nodata": "0"}, "nodata must be a number"), ({"task": 3}, "not know the task")])
def test_arguments_of_the_wrong_type_are_refused(identity, arguments, words):
    with pytest.raises(UserError, match=words):
        Restorer(identity, info())(noise((20, 30)), report=silent, **arguments)


@pytest.mark.parametrize("arguments, words", [
    ({"precision": "float16"}, "precision must be one of"), ({"tile": 3}, "tile must"),
    ({"tile": "64"}, "tile must"), ({"backend": "onx"}, "backend must be tensorflow or onnx"),
    ({"path": None}, "path of a generator.h5")])
def test_loading_refuses_arguments_of_the_wrong_type(arguments, words):
    with pytest.raises(UserError, match=words):
        load_restorer(**{"path": "generator.h5", **arguments})


@pytest.mark.parametrize("make, words", [
    (lambda image: np.zeros((20, 31)), "target has shape"),
    (lambda image: image, "target is the image"),
    (lambda image: np.zeros(image.shape, complex), "target is of type complex128"),
    (lambda image: np.broadcast_to(np.uint8(0), image.shape), "read-only")])
def test_targets_that_cannot_hold_the_result_are_refused(identity, make, words):
    image = noise((20, 30))

    with pytest.raises(UserError, match=words):
        Restorer(identity, info()).restore_into(make(image), image, report=silent)


def test_threads_may_share_a_restorer(shift_right, monkeypatch):
    monkeypatch.setattr("microgan.restoration.restorer.PIXELS_PER_BATCH", 1)
    restore = Restorer(shift_right, info(), tile=32)
    images = [noise((70, 60), "float32") + number for number in range(8)]

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(functools.partial(restore, report=lambda line: None), images))

    for image, restored in zip(images, together):
        np.testing.assert_array_equal(restored, restore(image, report=lambda line: None))


def test_a_restorer_is_not_sent_to_other_processes(identity):
    with pytest.raises(UserError, match="load_restorer in each process.*'spawn'"):
        pickle.dumps(Restorer(identity, info()))


@pytest.mark.parametrize("tile", [None, 32])
@pytest.mark.parametrize("nodata", [np.nan, -3.4e38])
def test_missing_pixels_count_in_no_instance_norm(keras, tile, nodata):
    from microgan.layers import InstanceNormalization

    pixels = keras.Input((None, None, 1))
    restore = Restorer(keras.Model(pixels, InstanceNormalization()(pixels)), info(), tile=tile)
    measured = noise((70, 64), "float32")
    image = np.full((70, 200), nodata, np.float32)
    image[:, 100:164] = measured

    restored = restore(image, nodata=nodata, report=len)

    np.testing.assert_array_equal(np.delete(restored, np.s_[100:164], 1), np.float32(nodata))
    np.testing.assert_allclose(restored[:, 100:164], restore(measured, report=len), atol=1e-3)


def test_a_plane_without_any_measured_pixel_stays_missing(keras):
    described = dataclasses.replace(info(), network="resnet",
                                    network_arguments={"filters": 2, "num_blocks": 0})
    image = noise((2, 40, 40), "float32")
    image[1] = np.nan

    restored = Restorer(build_network(described), described)(image, nodata=np.nan, report=len)

    assert np.isnan(restored[1]).all() and np.isfinite(restored[0]).all()
