"""Exported networks give what restore.py gives, and packages pass the Model Zoo's validator."""

import dataclasses
import importlib
import importlib.util
import inspect
import json
import zipfile

import h5py
import numpy as np
import pytest

import microgan
from generators import RANGES, write_generator
from helpers import assert_printed_mistake
from microgan.cli import export as program
from microgan.errors import UserError
from microgan.generator_file import GeneratorInfo
from microgan.networks import registry
from microgan.programs.export import TOLERANCE, run_network
from microgan.restoration.noise import noise
from microgan.restoration.restorer import load_restorer
from microgan.simulation.degradation_model import Degradation, DegradationModel

ODD_SIZES = ((64, 65), (71, 133), (97, 16), (101, 102), (17, 19), (33, 250), (128, 127), (77, 55),
             (49, 51), (143, 30))
ODD_STACKS = ((4, 33, 41), (13, 27, 65), (29, 32, 17), (7, 51, 30), (9, 16, 17), (5, 45, 43),
              (11, 22, 61), (14, 19, 39), (6, 64, 31), (21, 25, 24))
needs_extra = pytest.mark.skipif(importlib.util.find_spec("onnx") is None
                                 or importlib.util.find_spec("onnxruntime") is None,
                                 reason="needs the extra onnx")
needs_validator = pytest.mark.skipif(importlib.util.find_spec("bioimageio") is None,
                                     reason="needs the extra export")


def assert_agrees(generator, network, sizes, task="B"):
    """Within a ten-thousandth of the intensity range, whatever the size."""
    content = network.read_bytes()
    restore = load_restorer(generator, precision="float32")
    takes_noise = b"noise" in content
    random = np.random.default_rng(1)
    for shape in sizes:
        image = random.uniform(50, 950, shape).astype(np.float32)
        inputs = {"image": image}
        if takes_noise:
            inputs["noise"] = noise([0, 0], tuple(slice(0, length) for length in shape))

        result = run_network(content, {name: values[None, None]
                                       for name, values in inputs.items()})[0, 0]

        wanted = restore(image, task=task, report=lambda line: None)
        assert result.dtype == np.float32 and result.shape == shape
        assert np.abs(result - wanted).max() <= TOLERANCE * np.ptp(wanted), shape


@needs_extra
def test_network_equals_restoring(tmp_path):
    generator = write_generator(tmp_path / "g.h5", "cgan", "unet", filters=2, depth=1)

    written = microgan.export(generator=generator, task="B", output=tmp_path / "a.onnx")

    assert_agrees(generator, written, ODD_SIZES[2:3])
    import onnx

    (opset,) = onnx.load(written).opset_import
    assert opset.version == 17
    onnx.checker.check_model(onnx.load(written), full_check=True)


@needs_extra
@pytest.mark.parametrize("module, network, keras_name", [
    ("cgan", "unet", "unet_generator"), ("cgan", "resnet", "resnet_generator"),
    ("cin_gan", "unet", "unet_generator"), ("cin_gan", "resnet", "resnet_generator"),
    ("zse_gan", "published", "published_translator"),
    ("zse_gan", "residual", "residual_translator")])
def test_a_network_in_onnx_has_the_defaults_of_the_one_in_keras(module, network, keras_name):
    from microgan.networks import onnx_networks

    build = getattr(importlib.import_module(f"microgan.networks.{module}"), f"build_{keras_name}")
    write = getattr(onnx_networks, f"write_{module}_{network}")

    defaults = [{name: each.default for name, each in inspect.signature(function)
                 .parameters.items() if each.kind == each.KEYWORD_ONLY} for function
                in (build, write)]

    for name in ("knows_depth",  # of the translator that blurs
                 "slice_scales"):  # of a network after a filter, which is not exported
        defaults[0].pop(name, None)
    assert defaults[0] == defaults[1]


@pytest.mark.slow
@needs_extra
@pytest.mark.parametrize("method, network, arguments", [
    ("cgan", "unet", {"filters": 4, "augments": True}),
    ("cgan", "resnet", {"filters": 4, "num_blocks": 2}),
    ("cin_gan", "unet", {"filters": 4}),
    ("zse_gan", "residual", {"filters": 4, "num_blocks": 1, "outside_share": 0.2}),
    ("zse_gan", "published", {"filters": 4, "num_blocks": 1})])
def test_networks_of_all_methods_equal_restoring_ten_images_of_odd_sizes(
        method, network, arguments, tmp_path):
    generator = write_generator(tmp_path / "g.h5", method, network, **arguments)

    written = microgan.export(generator=generator, task="B", output=tmp_path / "a.onnx")

    assert_agrees(generator, written, ODD_STACKS if method == "zse_gan" else ODD_SIZES)


@pytest.mark.slow
@needs_extra
@needs_validator
@pytest.mark.filterwarnings("ignore::ResourceWarning",  # bioimageio.spec leaves files open
                            "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("method, network", [("cgan", "unet"), ("cin_gan", "unet")])
def test_package_passes_the_validator_and_its_card_tells_the_run(method, network, tmp_path):
    generator = write_generator(tmp_path / "generator.h5", method, network, filters=2)
    (tmp_path / "config.json").write_text('{"config": {"recipe": "limited", "num_iters": 20}}')
    (tmp_path / "split.json").write_text('{"A": {"train": [1, 2, 3], "validation": [4]}}')
    (tmp_path / "scores.md").write_text("# Scores\n\n| raw input | 18.18 |\n")

    # Exporting ends with the validator's test.
    written = microgan.export(
        generator=generator, format="bioimageio", task="A", authors=["Ann Example"],
        citation="Example 2026, doi 10.1000/182", output=tmp_path / "a.zip")

    with zipfile.ZipFile(written) as package:
        names = set(package.namelist())
        card = package.read("README.md").decode()
        described = package.read("rdf.yaml").decode()
    assert {"network.onnx", "image.npy", "result.npy", "cover.png"} <= names
    assert "The set A: 3 to train, 1 to choose the weights that are kept." in card
    assert "recipe=limited, num_iters=20" in card and "### Scores" in card
    assert "| raw input | 18.18 |" in card and "test image of this package is simulated" in card
    assert "name: Ann Example" in described and "doi: 10.1000/182" in described


@pytest.fixture
def described(tmp_path):
    """Write a generator that is described but never built; its path."""
    def write(**changes):
        info = GeneratorInfo("cgan", "unet", {"filters": 2, "depth": 1}, ("A", "B"),
                             {"A": RANGES, "B": RANGES}, "YX", "0.1.0", "")
        with h5py.File(tmp_path / "g.h5", "w") as file:
            file.attrs["microgan"] = json.dumps(dataclasses.replace(info, **changes).to_json())
        return tmp_path / "g.h5"

    return write


MODEL = DegradationModel((Degradation(),))


@pytest.mark.parametrize("changes, settings, words", [
    ({}, {}, "choose with --task=A or --task=B"),
    ({}, {"task": "C"}, "does not know the task 'C'"),
    ({"tasks": (), "normalization": {}}, {}, "without tasks follows each image's brightness"),
    ({"method": "cin_gan", "degradation": {"A": MODEL, "B": MODEL}}, {"task": "A"},
     "simulated outside the network"),
    ({"method": "cin_gan"}, {"task": "A", "test_time_augmentation": True},
     "is for the U-Net of train_cGAN.py")])
def test_what_no_network_can_hold_is_refused_at_once(described, changes, settings, words):
    with pytest.raises(UserError, match=words):
        microgan.export(generator=described(**changes), **settings)


@needs_extra
def test_published_network_that_is_random_by_dropout_is_refused(tmp_path):
    generator = write_generator(tmp_path / "g.h5", "cin_gan", "resnet", filters=1, num_blocks=1)

    with pytest.raises(UserError, match="random by dropout"):
        microgan.export(generator=generator, task="A", output=tmp_path / "a.onnx")

    assert not (tmp_path / "a.onnx").exists()


@needs_extra
def test_a_network_that_is_not_known_as_onnx_is_refused(described, monkeypatch):
    unknown = dataclasses.replace(registry.find_network("cgan", "unet"), write=None)
    monkeypatch.setitem(registry._NETWORKS, ("cgan", "unet"), unknown)

    with pytest.raises(UserError, match="'cgan unet' is not known as ONNX"):
        microgan.export(generator=described(), task="A")


@needs_extra
@pytest.mark.parametrize("arguments", [{"filters": 4, "depth": 1}, {"filters": 2, "depth": 2},
                                       {"filters": 2, "depth": 0}])
def test_weights_that_do_not_fit_are_refused_before_tensorflow_is_loaded(
        arguments, tmp_path, monkeypatch):
    generator = write_generator(tmp_path / "g.h5", "cgan", "unet", filters=2, depth=1)
    with h5py.File(generator, "r+") as file:
        content = json.loads(file.attrs["microgan"])
        file.attrs["microgan"] = json.dumps({**content, "network_arguments": arguments})
    monkeypatch.setattr("microgan.programs.export.load_for_restoring", None)

    with pytest.raises(UserError, match="weights, which do not fit|weights that do not fit"):
        microgan.export(generator=generator, task="A", output=tmp_path / "a.onnx")


def test_an_extra_that_is_missing_is_named(described, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec",
                        lambda name: None if name == "onnxruntime" else find(name))

    with pytest.raises(UserError, match=r"needs an extra, which brings onnx\w*: "
                                        r"pip install 'microgan\[onnx\]'"):
        microgan.export(generator=described(), task="A")


@needs_extra
def test_a_file_is_not_replaced_unless_asked(described, tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"kept")

    with pytest.raises(UserError, match="a.onnx exists"):
        microgan.export(generator=described(), task="A", output=tmp_path / "a.onnx")

    assert (tmp_path / "a.onnx").read_bytes() == b"kept"


@pytest.mark.parametrize("flags, words", [
    ([], "--generator is missing"),
    (["--generator=g.h5", "--format=bioimageio"], "--authors is missing"),
    (["--generator=g.h5", "--format=bioimageio", "--authors=A", "--citation=my paper"],
     "--citation must contain a DOI"),
    (["--generator=g.h5", "--authors=A"], "--authors has no meaning with --format=onnx")])
def test_mistakes_in_flags_are_told(flags, words, capsys):
    status = program.main(["microgan-export", *flags])

    assert_printed_mistake(status, capsys.readouterr(), words)
