"""restore.py takes ONNX Runtime for few pixels, and does not load TensorFlow."""

import dataclasses
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from helpers import run_without_tensorflow
from microgan.config import RestoreConfig
from microgan.generator_file import EMBEDDED, read_info
from microgan.programs.restore import choose_backend

needs_extra = pytest.mark.skipif(importlib.util.find_spec("onnx") is None
                                 or importlib.util.find_spec("onnxruntime") is None,
                                 reason="needs the extra onnx")


@needs_extra
def test_a_small_image_is_restored_without_tensorflow(generators, image, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack",
                     metadata={"axes": "ZYX"})

    result = run_without_tensorflow("restore", f"--generator={generators}/one.h5",
                                    "--input=a.tif", cwd=tmp_path)

    assert (result.returncode, result.stderr) == (0, "")
    assert "Restoring by ONNX Runtime, in float32." in result.stdout
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "restored" / "a.tif"), 2 * image)


@needs_extra
@pytest.mark.parametrize("flags, augments, num_pixels, backend", [
    ({}, False, 8_000_000, "onnx"), ({}, False, 8_000_001, "tensorflow"),
    ({}, True, 2_000_000, "onnx"), ({}, True, 2_000_001, "tensorflow"),
    ({"backend": "tensorflow"}, False, 1000, "tensorflow"),
    ({"backend": "onnx"}, False, 10**9, "onnx"),
    ({"precision": "float32"}, False, 1000, "onnx"),
    ({"precision": "mixed_bfloat16"}, False, 1000, "tensorflow"),
    ({"shard": "1/2"}, False, 1000, "tensorflow"),
    ({"trust_map": True}, False, 1000, "tensorflow"),
    ({"dask": "local:2"}, False, 1000, "tensorflow")])
def test_auto_takes_onnx_runtime_for_few_pixels(flags, augments, num_pixels, backend):
    config = RestoreConfig.create(generator=EMBEDDED, input=["a.tif"], **flags)
    info = dataclasses.replace(read_info(EMBEDDED), test_time_augmentation=augments)

    assert choose_backend(config, info, num_pixels) == backend


@needs_extra
@pytest.mark.parametrize("changes", [
    {"network_arguments": {"filters": 32}},
    {"method": "zse_gan", "network": "residual", "axes": "ZYX"}])
def test_costlier_networks_have_fewer_pixels(changes):
    config = RestoreConfig.create(generator=EMBEDDED, input=["a.tif"])
    info = dataclasses.replace(read_info(EMBEDDED), test_time_augmentation=False, **changes)

    assert choose_backend(config, info, 2_000_000) == "onnx"
    assert choose_backend(config, info, 2_000_001) == "tensorflow"


def test_without_the_extra_auto_takes_tensorflow(monkeypatch):
    config = RestoreConfig.create(generator=EMBEDDED, input=["a.tif"])
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    assert choose_backend(config, read_info(EMBEDDED), 1000) == "tensorflow"


@pytest.mark.parametrize("is_there, flags, said", [
    (True, {}, "by TensorFlow: ONNX Runtime is installed but cannot be loaded ("),
    (False, {}, ""), (True, {"precision": "mixed_bfloat16"}, "")])
def test_onnx_runtime_that_lacks_onnx_is_named(monkeypatch, capsys, is_there, flags, said):
    config = RestoreConfig.create(generator=EMBEDDED, input=["a.tif"], **flags)
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(
        __spec__=ModuleSpec("onnxruntime", None)) if is_there else None)

    assert choose_backend(config, read_info(EMBEDDED), 1000) == "tensorflow"

    out = capsys.readouterr().out
    assert said in out and bool(out) == bool(said)
    assert not said or "onnx" in out and out.endswith("pip install 'microgan[onnx]'.\n")


@needs_extra
@pytest.mark.parametrize("flags, words", [
    (["--precision=mixed_bfloat16"], "bfloat16: leave out --precision or --backend=onnx.\n"),
    (["--dask=local:2"], "--dask needs TensorFlow"),
    (["--trust_map"], "--trust_map needs TensorFlow")])
def test_what_does_not_go_with_onnx_runtime_is_refused(flags, words, restore, image, tmp_path):
    np.save(tmp_path / "a.npy", image)

    status, _, err = restore("--input=a.npy", "--backend=onnx", *flags)

    assert status == 2 and err.count("\n") == 1 and words in err
    assert not (tmp_path / "restored").exists()
