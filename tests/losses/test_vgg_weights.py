"""Every fault of a VGG weights file gives a one-line message."""

import h5py
import numpy as np
import pytest

from microgan.errors import UserError
from microgan.losses.vgg_weights import VGG_KERNEL_SHAPES, read_vgg_weights


@pytest.fixture
def arrays():
    """Arrays of VGG's names and shapes: each layer's are filled with its own number."""
    content = {}
    for number, (name, shape) in enumerate(VGG_KERNEL_SHAPES.items()):
        content[f"{name}__kernel"] = np.full(shape, number, np.float32)
        content[f"{name}__bias"] = np.full(shape[-1:], -number, np.float32)
    return content


def write_npz(path, arrays):
    np.savez(path, **arrays)
    return path


def test_npz_gives_every_layer_its_own_arrays(tmp_path, arrays):
    arrays["block3_conv4__kernel"] = np.zeros((3, 3, 256, 256), np.float32)

    weights = read_vgg_weights(write_npz(tmp_path / "vgg.npz", arrays))

    assert list(weights) == list(VGG_KERNEL_SHAPES)
    for number, (kernel, bias) in enumerate(weights.values()):
        assert (kernel == number).all() and (bias == -number).all()


@pytest.mark.parametrize("kernel_name, bias_name", [
    ("{0}/{0}_W_1:0", "{0}/{0}_b_1:0"), ("{0}/{0}/kernel:0", "{0}/{0}/bias:0"),
    ("model_weights/{0}/{0}/kernel", "model_weights/{0}/{0}/bias")])
def test_h5_is_read_in_each_layout_keras_has_used(tmp_path, arrays, kernel_name, bias_name):
    with h5py.File(tmp_path / "vgg.h5", "w") as file:
        for name in VGG_KERNEL_SHAPES:
            file[kernel_name.format(name)] = arrays[f"{name}__kernel"]
            file[bias_name.format(name)] = arrays[f"{name}__bias"]

    weights = read_vgg_weights(tmp_path / "vgg.h5")

    for number, (kernel, bias) in enumerate(weights.values()):
        assert (kernel == number).all() and (bias == -number).all()


def test_missing_layer_is_named(tmp_path, arrays):
    del arrays["block2_conv2__bias"]
    path = write_npz(tmp_path / "vgg.npz", arrays)

    with pytest.raises(UserError, match=r"vgg.npz lacks .* block2_conv2:"):
        read_vgg_weights(path)


def test_missing_layer_in_h5_is_named(tmp_path, arrays):
    with h5py.File(tmp_path / "vgg.h5", "w") as file:
        file["block1_conv1/kernel:0"] = arrays["block1_conv1__kernel"]

    with pytest.raises(UserError, match="vgg.h5 lacks .* block1_conv1, block1_conv2, "):
        read_vgg_weights(tmp_path / "vgg.h5")


def test_wrong_shape_is_named(tmp_path, arrays):
    arrays["block1_conv1__kernel"] = np.zeros((3, 3, 1, 64), np.float32)
    path = write_npz(tmp_path / "vgg.npz", arrays)

    with pytest.raises(UserError, match=r"kernel of VGG layer block1_conv1 must be of shape "
                                        r"\(3, 3, 3, 64\). Received: \(3, 3, 1, 64\)"):
        read_vgg_weights(path)


def test_nan_is_named(tmp_path, arrays):
    arrays["block3_conv1__bias"][7] = np.nan
    path = write_npz(tmp_path / "vgg.npz", arrays)

    with pytest.raises(UserError, match="bias of VGG layer block3_conv1 holds NaN"):
        read_vgg_weights(path)


def test_numbers_that_are_not_floating_point_are_refused(tmp_path, arrays):
    arrays["block3_conv1__bias"] = np.zeros(256, np.int32)
    path = write_npz(tmp_path / "vgg.npz", arrays)

    with pytest.raises(UserError, match="must be floating point. Received: int32"):
        read_vgg_weights(path)


def test_objects_are_never_unpickled(tmp_path, arrays):
    arrays["block1_conv1__bias"] = np.array([{}], dtype=object)
    path = write_npz(tmp_path / "vgg.npz", arrays)

    with pytest.raises(UserError, match="Cannot read VGG weights .* Python objects"):
        read_vgg_weights(path)


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
@pytest.mark.parametrize("content", [b"", b"not weights at all"])
def test_file_of_something_else_is_refused(tmp_path, suffix, content):
    path = tmp_path / f"vgg{suffix}"
    path.write_bytes(content)

    with pytest.raises(UserError, match="Cannot read VGG weights from .*Is the file whole"):
        read_vgg_weights(path)


def test_truncated_file_is_refused(tmp_path, arrays):
    path = write_npz(tmp_path / "vgg.npz", arrays)
    path.write_bytes(path.read_bytes()[:100_000])

    with pytest.raises(UserError, match="Cannot read VGG weights from .*Is the file whole"):
        read_vgg_weights(path)


def test_damaged_array_is_refused(tmp_path, arrays):
    path = write_npz(tmp_path / "vgg.npz", arrays)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)

    with pytest.raises(UserError, match="Cannot read VGG weights from .*Is the file whole"):
        read_vgg_weights(path)


def test_missing_file_is_an_error_with_the_choices():
    with pytest.raises(UserError, match="no file nowhere.npz: .* imagenet, embedded or"):
        read_vgg_weights("nowhere.npz")


def test_other_kinds_of_file_are_refused_with_the_choices():
    with pytest.raises(UserError, match="must be imagenet, embedded or .*Received: vgg19"):
        read_vgg_weights("vgg19")
