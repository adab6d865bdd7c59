"""A filter before the network: in tiles as in one, for stacks of its depth alone."""

import dataclasses
import json

import numpy as np
import pytest

from microgan.cli import export
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.errors import UserError
from microgan.estimation.stack_base import apply_base, levels_of
from microgan.generator_file import GeneratorInfo, build_network, read_info, save_generator
from microgan.restoration import filtered_stacks
from microgan.restoration.blocks import needs_whole_image
from microgan.restoration.checks import unsuited_to_onnx
from microgan.restoration.filtered_stacks import FilteredStacks
from microgan.restoration.planes import Planes
from microgan.restoration.restorer import Restorer, load_blurrer, load_restorer
from microgan.simulation.fitted_microscope import (
    NONNEGATIVE_3D, Light, MicroscopeFit, StackBase)
from microgan.simulation.microscope import Microscope
from microgan.simulation.z_stacks import simulate_stack

FULL = IntensityRange(0.0, 255.0)
FIT = MicroscopeFit(Microscope(), (3.5, 25.5), 3e-5, (-1.0, -2, -4, -6, -8, -10, -12, -14),
                    {"blur in focus": 0.1}, ("blur across them",), Light.ABSORBED)
BASE = StackBase(NONNEGATIVE_3D, 0.7, 29, FIT)
INFO = GeneratorInfo("zse_gan", "correction", {
    "filters": 2, "num_blocks": 0, "slice_scales": [0.5] * 29}, ("z_stack",),
                     {"z_stack": TaskNormalization(FULL, FULL)}, "ZYX", "0", "0", base=BASE)


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    """A network that has learned nothing gives its input back."""
    path = tmp_path_factory.mktemp("generator") / "generator.h5"
    save_generator(path, build_network(INFO).get_weights(), INFO)
    return path


@pytest.fixture(scope="module")
def stack():
    return simulate_stack(seed=3, part="test", index=0, size_px=170)[0]


def restored(path, image, **how):
    lines = []
    tile = how.pop("tile", None)
    found = load_restorer(path, precision="float32", tile=tile)(
        image, report=lines.append, **how)
    return found, lines


def test_a_whole_stack_is_filtered_as_one(generator, stack):
    found, _ = restored(generator, stack)

    wanted = apply_base(BASE, stack, levels_of(stack))
    assert np.abs(found - np.clip(wanted, 0, 255)).max() <= 0.51
    assert np.abs(found - stack.astype(float)).max() > 20


def test_tiles_of_the_network_agree_with_the_whole(generator, stack):
    whole, _ = restored(generator, stack)

    tiled, lines = restored(generator, stack, tile=48)

    assert any("tiles of 48 pixels" in line for line in lines)
    np.testing.assert_array_equal(tiled, whole)


def test_blocks_of_the_filter_hardly_differ_from_the_whole(stack, monkeypatch):
    planes = Planes(stack.shape, "ZYX", "ZYX")
    whole = FilteredStacks(BASE, planes, stack).read((), planes.everything)
    monkeypatch.setattr(filtered_stacks, "_WHOLE_VOXELS", 0)
    monkeypatch.setattr(filtered_stacks, "_BLOCK_VOXELS", 29 * 100 ** 2)
    where = (slice(4, 26), slice(20, 150), slice(90, 170))

    part = FilteredStacks(BASE, planes, stack).read((), where)

    # The smaller a block, the more its own mean stands for that of the whole.
    assert np.sqrt(np.mean(np.square(part - whole[where]))) < 0.01 * np.ptp(whole)
    assert np.abs(part - whole[where]).max() < 0.05 * np.ptp(whole)


def test_every_time_point_has_its_own_light(generator, stack):
    two = np.stack([stack[:, :40, :40], 0.5 * stack[:, :40, :40]]).astype(np.float32)

    found, _ = restored(generator, two, axes="TZYX")

    np.testing.assert_allclose(found[1], 0.5 * found[0], atol=1e-3 * np.ptp(found))


def test_stacks_of_another_depth_are_refused(generator, stack):
    with pytest.raises(UserError, match="stacks of 28 slices, .* stacks of 29, focused at slice"):
        restored(generator, stack[1:, :32, :32])
    with pytest.raises(UserError, match="stacks of 28 slices"):
        load_blurrer(generator)(stack[1:, :32, :32])


def test_missing_pixels_are_refused(generator, stack):
    with pytest.raises(UserError, match="Leave out --nodata"):
        restored(generator, stack[:, :32, :32], nodata=0)


def test_neither_blocks_nor_onnx_can_filter(generator):
    restorer = load_restorer(generator, precision="float32")

    assert "light of the whole stack" in needs_whole_image(restorer, None)
    assert "this is the correction of a zse_gan generator" in unsuited_to_onnx(INFO, "auto")


def test_exporting_is_refused(generator, tmp_path, capsys):
    status = export.main(["export.py", f"--generator={generator}", "--format=onnx",
                          f"--output={tmp_path / 'network.onnx'}"])

    assert status == 2
    assert "corrects what the 3D non-negative filter makes" in capsys.readouterr().err


def test_what_a_file_says_of_the_filter_comes_back(generator):
    assert read_info(generator, method="zse_gan") == INFO
    assert isinstance(load_restorer(generator, precision="float32"), Restorer)


@pytest.mark.parametrize("path, value, words", [
    ((), 3, "StackBase is a table"), (("name",), "other", "not the name of a filter"),
    (("left_px",), -1, "left_px=-1"), (("left_px",), True, "left_px=True"),
    (("fit", "light"), "red", "light='red'"), (("fit", "shown"), 2, "shown=2"),
    (("num_slices",), 10**9, "num_slices=1000000000"),
    (("fit",), [], "MicroscopeFit is a table"), (("fit", "tissue"), [1], "tissue"),
    (("fit", "log_power"), [0.0], "8 numbers"),
    (("fit", "noise_variance"), float("nan"), "noise_variance"),
    (("fit", "relative_errors"), {"other": 1}, "relative_errors"),
    (("fit", "undetermined"), ["other"], "undetermined"),
    (("fit", "microscope"), {"focal_plane": 1}, "Microscope is a table"),
    (("fit", "microscope", "z_step_um"), 1e9, "z_step_um")])
def test_a_damaged_description_is_refused(path, value, words):
    content = {"base": json.loads(json.dumps(BASE.to_json()))}
    place = content
    for name in ("base", *path)[:-1]:
        place = place[name]
    place[("base", *path)[-1]] = value

    with pytest.raises(ValueError, match=words):
        StackBase.from_json(content["base"])


def test_a_filter_belongs_to_a_correction():
    with pytest.raises(UserError, match="no correction"):
        dataclasses.replace(INFO, network="residual")
