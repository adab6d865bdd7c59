import dataclasses
import json

import h5py
import keras
import numpy as np
import pytest

import microgan.layers  # noqa: F401 registers the layers for keras.models.load_model
from microgan.datasets.error_bounds import ErrorBounds
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.errors import UserError
from microgan.generator_file import (
    ATTRIBUTE, GeneratorInfo, build_network, load_generator, read_info, save_generator)
from microgan.simulation.degradation_model import Degradation, DegradationModel

INFO = GeneratorInfo(
    method="cgan", network="resnet", network_arguments={"filters": 4, "num_blocks": 1},
    tasks=("Cells",),
    normalization={"Cells": TaskNormalization(IntensityRange(0, 255), IntensityRange(10, 99.5))},
    axes="YX", microgan_version="0", config_hash="abc")
CIN_INFO = dataclasses.replace(
    INFO, method="cin_gan", network="unet", network_arguments={"filters": 4},
    tasks=("Cells", "Dots"), normalization={name: INFO.normalization["Cells"]
                                            for name in ("Cells", "Dots")})
MODEL = DegradationModel((Degradation(blur_px=(0.4, 2.6), noise_gain=8.0, step_px=5.0),))
MEASURED = dataclasses.replace(CIN_INFO, degradation=dict.fromkeys(("Cells", "Dots"), MODEL),
                               corrected=("Dots",))


@pytest.fixture
def saved(tmp_path, random):
    model = build_network(INFO)
    model.set_weights([random.normal(size=weight.shape) for weight in model.weights])
    path = tmp_path / "generator.h5"
    save_generator(path, model.get_weights(), INFO)
    return path, model


def rewrite_info(path, **changes):
    with h5py.File(path, "r+") as file:
        content = {**json.loads(file.attrs[ATTRIBUTE]), **changes}
        file.attrs[ATTRIBUTE] = json.dumps(content)


def assert_refused(path, *words):
    with pytest.raises(UserError) as caught:
        load_generator(path)
    assert "\n" not in str(caught.value)
    for word in ("generator.h5", *words):
        assert word in str(caught.value)


def test_loaded_generator_gives_the_same_and_knows_its_tasks(saved, random):
    path, model = saved
    image = random.normal(size=(1, 13, 18, 1)).astype(np.float32)

    loaded, info = load_generator(path)

    np.testing.assert_array_equal(loaded(image), model(image))
    assert info == INFO


def test_plain_keras_loads_it_too(saved, random):
    path, model = saved
    image = random.normal(size=(1, 12, 12, 1)).astype(np.float32)

    loaded = keras.models.load_model(path, compile=False)

    np.testing.assert_array_equal(loaded(image), model(image))


@pytest.mark.parametrize("network", ["resnet", "unet"])
def test_file_is_float32_whatever_the_training_precision(network, tmp_path, random):
    info = dataclasses.replace(INFO, network=network, network_arguments={"filters": 4})
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        weights = build_network(info).get_weights()
        save_generator(tmp_path / "generator.h5", weights, info)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")

    loaded = keras.models.load_model(tmp_path / "generator.h5", compile=False)

    assert {layer.dtype_policy.name for layer in loaded.layers} == {"float32"}


def test_precision_is_chosen_on_loading(saved):
    model, _ = load_generator(saved[0], precision="mixed_bfloat16")

    assert model.layers[2].compute_dtype == "bfloat16"
    assert model.weights[0].dtype == "float32"


def test_missing_file_is_named(tmp_path):
    assert_refused(tmp_path / "generator.h5", "no file")


def test_an_empty_name_is_told():
    with pytest.raises(UserError, match="name of the generator is empty. Name the generator.h5"):
        read_info("")


@pytest.mark.parametrize("keep", [0, 100, 20_000])
def test_truncated_file_is_refused(saved, keep):
    saved[0].write_bytes(saved[0].read_bytes()[:keep])

    assert_refused(saved[0], "not an HDF5 file")


def test_other_hdf5_file_is_refused(tmp_path):
    path = tmp_path / "generator.h5"
    h5py.File(path, "w").close()

    assert_refused(path, "not a microgan generator")


@pytest.mark.parametrize("changes, words", [
    ({"network": "transformer"}, "'cgan transformer'"),
    ({"method": ["cgan"]}, "understand"),
    ({"network_arguments": {"filters": 8, "num_blocks": 1}}, "do not fit"),
    ({"network_arguments": {"layers": 8}}, "layers=8 is not an argument"),
    ({"network_arguments": {"filters": 4.5}}, "filters=4.5 is not an argument"),
    ({"network_arguments": {"num_tasks": 1}}, "num_tasks=1 is not an argument"),
    ({"network_arguments": {"filters": True}}, "filters=True"),
    ({"axes": "ZYX"}, "the axes of a cgan generator are YX, not 'ZYX'"), ({"axes": ""}, "are YX"),
    ({"axes": "XY"}, "are YX"), ({"tasks": ["Cells", "Cells"]}, "named twice"),
    ({"tasks": [3]}, "3"), ({"tasks": []}, "tasks"),
    ({"normalization": {"Cells": {"degraded": [0, 1e38 * 10], "clean": [0, 1]}}}, "1e+39"),
    ({"normalization": {"Cells": {"degraded": [0, 1e-40], "clean": [0, 1]}}}, "high=1e-40"),
    ({"normalization": {"Cells": {"degraded": [0, True], "clean": [0, 1]}}}, "True"),
    ({"normalization": {"Cells": {"degraded": [0, 1], "clean": [0, 1], "other": [0, 1]}}},
     "not normalisation ranges"),
    ({"tasks": ["Cells", "Other"]}, "tasks"),
    ({"normalization": {"Cells": {"degraded": [1, 1], "clean": [0, 1]}}}, "low=1, high=1"),
    ({"surprise": 1}, "understand"),
])
def test_description_that_does_not_fit_is_refused(saved, changes, words):
    rewrite_info(saved[0], **changes)

    assert_refused(saved[0], words)


def test_weights_that_are_not_finite_are_refused(saved):
    path, model = saved
    weights = model.get_weights()
    weights[0][0] = np.nan
    save_generator(path, weights, INFO)

    assert_refused(path, "NaN")


def test_weights_beyond_32_bits_are_refused(saved):
    path, _ = saved
    with h5py.File(path, "r+") as file:
        names = []
        file["model_weights"].visititems(
            lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) else None)
        shape = file["model_weights"][names[0]].shape
        del file["model_weights"][names[0]]
        file["model_weights"][names[0]] = np.full(shape, 1e300)

    assert_refused(path, "beyond 32-bit floating point")


def test_stacks_need_their_axes():
    with pytest.raises(UserError, match="axes of a zse_gan generator are ZYX, not 'YX'"):
        dataclasses.replace(ZSE_INFO, axes="YX")


@pytest.mark.parametrize("changes, words", [
    ({"degradation": {"Cells": MODEL}}, "measured defects of Cells, not of the tasks"),
    ({"corrected": ("Cells",)}, "corrects the defects of Cells, of which some were not")])
def test_measured_defects_are_of_the_tasks(changes, words):
    with pytest.raises(UserError, match=words):
        dataclasses.replace(CIN_INFO, **changes)


def test_links_out_of_the_file_are_not_followed(saved):
    path, _ = saved
    with h5py.File(path, "r+") as file:
        layers = file["model_weights"]
        layer, name = next((layers[each], layers[each].attrs["weight_names"][0])
                           for each in layers.attrs["layer_names"]
                           if len(layers[each].attrs["weight_names"]))
        del layer[name]
        layer[name] = h5py.ExternalLink("secret.h5", "/secret")

    assert_refused(path, "is a link")


def test_reading_the_description_needs_no_framework(saved):
    assert read_info(saved[0]) == INFO


@pytest.mark.parametrize("network", ["resnet", "unet"])
def test_cin_gan_generator_comes_back_with_a_row_a_task(network, tmp_path, random):
    info = dataclasses.replace(CIN_INFO, network=network)
    model = build_network(info)
    model.set_weights([random.normal(size=weight.shape) for weight in model.weights])
    inputs = [random.normal(size=(2, 12, 12, 1)).astype(np.float32), np.array([1, 0]),
              random.normal(size=(2, 12, 12, 1)).astype(np.float32)][:len(model.inputs)]
    save_generator(tmp_path / "generator.h5", model.get_weights(), info)

    loaded, found = load_generator(tmp_path / "generator.h5", method="cin_gan")

    assert found == info
    np.testing.assert_array_equal(loaded(inputs), model(inputs))
    plain = keras.models.load_model(tmp_path / "generator.h5", compile=False)
    np.testing.assert_array_equal(plain(inputs), model(inputs))


def test_measured_defects_come_back_and_can_be_read_in_the_file():
    content = json.loads(json.dumps(MEASURED.to_json()))

    assert content["degradation"]["Cells"] == [
        {"blur_px": [0.4, 2.6], "noise_gain": 8.0, "step_px": 5.0}]
    assert GeneratorInfo.from_json(content) == MEASURED
    assert [MEASURED.uses_network(name) for name in MEASURED.tasks] == [False, True]


def test_generator_without_measured_defects_has_no_word_of_them():
    assert not {"degradation", "corrected"} & set(CIN_INFO.to_json())
    assert CIN_INFO.uses_network("Cells")


ZSE_INFO = dataclasses.replace(
    INFO, method="zse_gan", network="residual", axes="ZYX", tasks=("z_stack",),
    network_arguments={"filters": 2, "num_blocks": 1},
    normalization={"z_stack": INFO.normalization["Cells"]})


@pytest.mark.parametrize("network", ["published", "residual"])
def test_zse_gan_generator_comes_back_with_both_translators(network, tmp_path, random):
    info = dataclasses.replace(ZSE_INFO, network=network)
    model = build_network(info)
    model.set_weights([random.normal(size=weight.shape) for weight in model.weights])
    stack = random.normal(size=(1, 6, 12, 9, 1)).astype(np.float32)
    save_generator(tmp_path / "generator.h5", model.get_weights(), info)

    loaded, found = load_generator(tmp_path / "generator.h5", method="zse_gan")
    plain = keras.models.load_model(tmp_path / "generator.h5", compile=False)

    assert found == info
    sharpened, reconstructed = model(stack)
    for other in (loaded, plain):
        np.testing.assert_array_equal(other.get_layer("sharpen")(stack), sharpened)
        np.testing.assert_array_equal(other.get_layer("blur")(sharpened), reconstructed)


def test_generator_of_the_other_method_is_refused(saved, tmp_path):
    with pytest.raises(UserError, match="written by train_cGAN.py; .* train_CIN_GAN.py is needed"):
        read_info(saved[0], method="cin_gan")
    path = tmp_path / "other" / "generator.h5"
    path.parent.mkdir()
    save_generator(path, build_network(CIN_INFO).get_weights(), CIN_INFO)

    assert_refused(path, "written by train_CIN_GAN.py", "train_cGAN.py is needed")


@pytest.mark.parametrize("method, network", [("cgan", "unet"), ("zse_gan", "published")])
def test_file_does_not_tell_what_was_built_before(tmp_path, method, network):
    """Else a killed and resumed run would not end with the file of an undisturbed one."""
    info = dataclasses.replace(INFO, method=method, network=network,
                               network_arguments={"filters": 2},
                               axes="YX" if method == "cgan" else "ZYX")
    names = []
    for number in range(2):
        path = tmp_path / f"{number}.h5"
        save_generator(path, build_network(info).get_weights(), info)
        with h5py.File(path) as file:
            names.append([])
            file.visit(names[-1].append)

    assert names[0] == names[1]


def test_bounds_of_errors_are_kept_and_checked():
    task = INFO.tasks[0]
    info = dataclasses.replace(INFO, error_bounds={task: ErrorBounds((0.0, 2.0), (1.0, 3.0))})
    content = info.to_json()["error_bounds"][task]

    assert GeneratorInfo.from_json(json.loads(json.dumps(info.to_json()))) == info
    assert "error_bounds" not in INFO.to_json()
    for wrong in ({"None": content}, {task: []}, {task: {"spreads": [0.0]}}, [content],
                  {task: {**content, "half_widths": [1.0, "3"]}},
                  {task: {**content, "half_widths": [1.0, float("nan")]}},
                  {task: {**content, "half_widths": [3.0, 1.0]}},
                  {task: {**content, "half_widths": [0.0, 1.0]}},
                  {task: {**content, "spreads": [2.0, 2.0]}},
                  {task: {"spreads": list(range(99)), "half_widths": list(range(1, 100))}}):
        with pytest.raises((UserError, ValueError)):
            GeneratorInfo.from_json({**INFO.to_json(), "error_bounds": wrong})


def test_channels_are_kept_and_checked():
    info = dataclasses.replace(INFO, channels={INFO.tasks[0]: "DAPI"})

    assert GeneratorInfo.from_json(json.loads(json.dumps(info.to_json()))) == info
    assert "channels" not in INFO.to_json()
    for channels in ({"None": "DAPI"}, {INFO.tasks[0]: 3}, ["DAPI"]):
        with pytest.raises((ValueError, UserError)):
            GeneratorInfo.from_json({**INFO.to_json(), "channels": channels})


def test_enlargement_is_kept_and_checked():
    info = dataclasses.replace(INFO, upsample=2)

    assert GeneratorInfo.from_json(info.to_json()) == info
    assert "upsample" not in INFO.to_json()
    for factor in (0, -2, 9, 2.0, "2", True, None):
        with pytest.raises((ValueError, UserError)):
            GeneratorInfo.from_json({**INFO.to_json(), "upsample": factor})
