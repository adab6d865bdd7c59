"""Every program from Python, with its flags as keyword arguments."""

import dataclasses
import doctest
import functools
import importlib
import inspect

import keras
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from mypy import api as mypy

import microgan
from helpers import ROOT, files_in, make_pairs, write_pairs
from microgan.config import CGANConfig, CINGANConfig, ZSEGANConfig
from microgan.errors import UserError
from microgan.networks import registry
from microgan.restoration.checks import why_not_loaded

SHORT = {"recipe": "limited", "patch_size": 16, "batch_size": 2, "num_gpu": 0,
         "precision": "float32"}
NARROW = {**SHORT, "generator_filters": 2, "content_weight": 0}
NARROW_METHODS = {
    CGANConfig: NARROW,
    CINGANConfig: {**SHORT, "generator_filters": 2, "critic_filters": 2, "critic_steps": 1,
                   "style_weight": 0},
    ZSEGANConfig: {**SHORT, "translator_filters": 2, "simulated_stacks": 2}}
# In an order in which each finds what the one before has left.
EXAMPLES = ("train_cgan", "load_restorer", "restore_files", "evaluate", "train_cin_gan",
            "train_zse_gan")


def test_train_restore_and_evaluate(tmp_path, random):
    (tmp_path / "images").mkdir()
    write_pairs(tmp_path / "images", "Blobs", 6, random, size=16)
    write_pairs(tmp_path / "images", "Blobs_test", 2, random, size=16)
    keras.config.set_dtype_policy("float64")
    try:
        folder = microgan.train_cgan(**NARROW, data_dir=tmp_path / "images", datasets="Blobs",
                                     dir=tmp_path, num_iters=2, seed=1)
        assert keras.config.dtype_policy().name == "float64"
    finally:
        keras.config.set_dtype_policy("float32")
    generator = folder / "generator.h5"

    microgan.restore_files(generator=generator, input=[tmp_path / "images" / "Blobs_X.npy"],
                           output=tmp_path / "restored", precision="float32",
                           backend="tensorflow")
    microgan.evaluate(restored=tmp_path / "restored" / "Blobs_X.npy",
                      clean=tmp_path / "images" / "Blobs_Y.npy", output=tmp_path / "scores")

    restored = np.load(tmp_path / "restored" / "Blobs_X.npy")
    image = np.load(tmp_path / "images" / "Blobs_X.npy")
    restore = microgan.load_restorer(generator, precision="float32")
    assert np.array_equal(restored[0], restore(image[0]))
    assert "scores.md" in files_in(tmp_path / "scores")


@pytest.mark.parametrize("name", [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "microgan").rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8") and path.parent.name != "microgan"])
def test_examples_show_what_is_returned(name, monkeypatch):
    monkeypatch.setattr(registry, "_NETWORKS", dict(registry._NETWORKS))

    failed, attempted = doctest.testmod(importlib.import_module(name))

    assert attempted and not failed


def test_settings_are_keyword_arguments_with_the_defaults_of_the_flags():
    parameters = inspect.signature(microgan.train_cgan).parameters

    assert list(parameters) == [field.name for field in dataclasses.fields(CGANConfig)]
    for field in dataclasses.fields(CGANConfig):
        assert parameters[field.name].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[field.name].default == field.default


def test_type_checkers_find_mistaken_settings(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text("""import microgan
microgan.train_cgan(recipe="limited", num_iters=10).joinpath("generator.h5")
microgan.train_cgan(num_iters="many")
microgan.train_cgan(epochs=3)
""")
    monkeypatch.setenv("MYPYPATH", str(ROOT))

    # Of the package, only what the settings are made of.
    out, err, status = mypy.run([
        "--config-file=", "--follow-imports=skip", "--no-incremental", "--no-color-output",
        str(script), *map(str, (ROOT / "microgan" / "config").glob("*.py")),
        str(ROOT / "microgan" / "__init__.py")])

    assert (status, err) == (1, "")
    wrong, unknown = [line for line in out.splitlines() if "script.py" in line and "error" in line]
    assert "script.py:3:" in wrong and "[arg-type]" in wrong
    assert "script.py:4:" in unknown and "[call-arg]" in unknown and '"epochs"' in unknown


@pytest.mark.slow
def test_the_examples_run_one_after_the_other(tmp_path, random, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for config, settings in NARROW_METHODS.items():
        monkeypatch.setattr(config, "create",
                            functools.partial(config.create, num_iters=1, **settings))
    for folder in ("my_images", "my_stacks", "new_images", "clean"):
        (tmp_path / folder).mkdir()
    write_pairs(tmp_path / "my_images", "NAME", 8, random, size=32)
    for number in range(3):
        stack = random.integers(0, 255, (13, 20, 20), np.uint8)
        np.save(tmp_path / "my_stacks" / f"{number}.npy", gaussian_filter(stack, 1))
    (degraded,), (clean,) = make_pairs(1, random)
    np.save(tmp_path / "new_images" / "cells.npy", degraded)
    np.save(tmp_path / "clean" / "cells.npy", clean)

    names = {"image": degraded, **{name: getattr(microgan, name) for name in EXAMPLES}}
    for name in EXAMPLES:
        for example in doctest.DocTestParser().get_examples(
                inspect.getdoc(getattr(microgan, name))):
            exec(example.source, names)

    # Exporting needs an extra, and has tests of its own.
    assert {*EXAMPLES, "__version__", "export"} == set(microgan.__all__)
    for name in ("folder", "defect_folder", "stack_folder"):
        assert (names[name] / "generator.h5").is_file()
    assert [path.name for path in names["paths"]] == ["cells.npy"]
    # Where ONNX Runtime is installed, `restore_files` takes it for so small an image.
    restore = microgan.load_restorer(
        names["folder"] / "generator.h5",
        backend="onnx" if why_not_loaded() is None else "tensorflow")
    np.testing.assert_array_equal(np.load(names["paths"][0]),
                                  restore(degraded, axes="YX", task="NAME"))
    assert {row["method"] for row in names["scores"]} == {"restored"}


@pytest.mark.parametrize("name", microgan.__all__)
def test_everything_public_is_documented(name):
    assert name == "__version__" or inspect.getdoc(getattr(microgan, name))


@pytest.mark.parametrize("function, settings, words", [
    (microgan.train_cgan, {"epochs": 3}, "There is no setting epochs."),
    (microgan.train_cgan, {"batchsize": 3}, "no setting batchsize. Did you mean batch_size?"),
    (microgan.train_cin_gan, {"num_iters": "many"}, "--num_iters must be of type int"),
    (microgan.train_zse_gan, {"data_dir": "nowhere"}, "nowhere"),
    (microgan.restore_files, {}, "--generator is missing"),
    (microgan.evaluate, {"generator": "a.h5", "restored": "b"}, "Name either a --generator")])
def test_mistakes_are_told_as_by_the_programs(function, settings, words):
    with pytest.raises(UserError, match=words):
        function(**settings)


def test_settings_may_be_lists_and_paths(tmp_path):
    config = CGANConfig.create(datasets=["A", "B"], dir=tmp_path, symmetries="A:all")

    assert (config.datasets, config.dir) == (("A", "B"), str(tmp_path))
    assert config.symmetries == ("A:all",)
    assert CGANConfig.from_json(config.to_json()) == config
