"""ONNX Runtime restores like TensorFlow, whole and in tiles."""

import importlib.util
import sys

import numpy as np
import pytest

from generators import write_generator
from microgan.errors import UserError
from microgan.generator_file import EMBEDDED
from microgan.restoration.loaded_from import load_once
from microgan.restoration.restorer import load_restorer

needs_extra = pytest.mark.skipif(importlib.util.find_spec("onnx") is None
                                 or importlib.util.find_spec("onnxruntime") is None,
                                 reason="needs the extra onnx")


def silent(line):
    pass


@pytest.fixture(scope="module", params=["unet", "residual", EMBEDDED])
def pair(request, tmp_path_factory):
    """One generator by ONNX Runtime and by TensorFlow, an image of a size that fits no stride."""
    shape, path = (61, 75), tmp_path_factory.mktemp("generator") / "g.h5"
    if request.param == "unet":
        write_generator(path, "cgan", "unet", filters=2, depth=2, augments=True)
    elif request.param == "residual":
        shape = (6, 37, 50)
        write_generator(path, "zse_gan", "residual", filters=2, num_blocks=1, outside_share=0.2)
    else:
        path = EMBEDDED
    image = np.random.default_rng(3).uniform(150, 850, shape).astype(np.float32)
    image[..., :4, :9] = -1
    return image, *(load_restorer(path, precision="float32", backend=backend)
                    for backend in ("onnx", "tensorflow"))


@needs_extra
def test_results_agree_around_missing_pixels(pair):
    image, by_onnx, by_tensorflow = pair
    task = "A" if by_onnx.info.tasks else None

    result, wanted = (restore(image, task=task, nodata=-1, report=silent)
                      for restore in (by_onnx, by_tensorflow))

    assert (by_onnx.margin, by_onnx.multiple) == (by_tensorflow.margin, by_tensorflow.multiple)
    assert np.ptp(wanted) > 100 and not np.allclose(wanted, image, atol=10)
    np.testing.assert_allclose(result, wanted, rtol=0, atol=1e-4 * np.ptp(wanted))


@needs_extra
@pytest.mark.parametrize("pair", ["unet", "residual"], indirect=True)
def test_tiles_give_the_result_of_the_whole_image(pair):
    image, restore, _ = pair
    whole = restore(image, task="A", report=silent)
    lines = []

    restore.tile = 16
    tiled = restore(image, task="A", report=lines.append)
    restore.tile = None

    assert "tiles of 16 pixels" in lines[-1]
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-4 * np.ptp(whole))


@needs_extra
@pytest.mark.parametrize("pair", ["unet"], indirect=True)
def test_another_process_loads_the_same(pair):
    image, restore, _ = pair

    loaded = load_once(restore.loaded_from)

    assert (restore.loaded_from.backend, restore.loaded_from.precision) == ("onnx", "float32")
    np.testing.assert_array_equal(*(each(image, task="A", report=silent)
                                    for each in (loaded, restore)))


@needs_extra
@pytest.mark.parametrize("network, settings, words", [
    ("resnet", {}, "restores by the U-Net of train_cGAN.py and the residual network of "
     "train_zsegan.py; this is the resnet"),
    ("unet", {"precision": "mixed_bfloat16"}, "computes in float32, not in bfloat16")])
def test_what_onnx_runtime_cannot_do_is_told(network, settings, words, tmp_path):
    generator = write_generator(tmp_path / "g.h5", "cgan", network, filters=2)

    with pytest.raises(UserError, match=words):
        load_restorer(generator, backend="onnx", **settings)


@pytest.mark.parametrize("name", ["onnx", "onnxruntime"])
def test_an_extra_that_cannot_be_loaded_is_named(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(UserError, match=r"cannot be loaded \(.*pip install 'microgan\[onnx\]'"):
        load_restorer(EMBEDDED, backend="onnx")
