"""The limited recipe of z-stacks: what is fitted, learned, written and restored by it."""

import json

import numpy as np
import pytest
from skimage.io import imread

import microgan
from microgan.config import ZSEGANConfig
from microgan.errors import UserError
from microgan.estimation.stack_base import apply_base, blur_by_base, levels_of
from microgan.generator_file import load_generator
from microgan.methods import stack_correction
from microgan.methods.z_stack_data import load_stacks_alone
from microgan.methods.zse_gan import ZSEGAN
from microgan.methods.stack_correction import SHARP
from microgan.methods.zse_gan_correction import ZSEGANCorrection, pieces_of, slice_scales
from microgan.restoration.restorer import load_blurrer
from microgan.runs.run import train
from microgan.simulation.fitted_microscope import Light
from microgan.simulation.z_stacks import simulate_stack

SILENT = {"report": lambda line: None}


def settings(folder, **changes):
    return ZSEGANConfig.create(**{
        "recipe": "limited", "data_dir": folder / "stacks", "dir": folder, "num_iters": 4,
        "batch_size": 1, "patch_size": 16, "simulated_stacks": 2, "translator_filters": 2,
        "validate_every": 2, "seed": 1, "precision": "float32", "num_gpu": 0, "ema_decay": 0.0,
        **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    (folder / "stacks").mkdir()
    for index in range(3):
        np.save(folder / "stacks" / f"{index}.npy", simulate_stack(
            seed=1, part="train", index=index, size_px=48)[0])
    return folder


@pytest.fixture(scope="module")
def run(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack_correction.StackCorrection, "report_files", ())
        patch.setattr("microgan.methods.zse_gan_correction.draw_volume", volume)
        return train(ZSEGAN, settings(folder))


def volume(rng, size_px):
    """A sample that takes no time."""
    return rng.uniform(size=(size_px,) * 3) ** 8


def test_the_generator_holds_the_fitted_microscope(run):
    _, info = load_generator(run / "generator.h5", method="zse_gan")

    assert (info.network, info.tasks, info.base.num_slices) == ("correction", ("z_stack",), 29)
    assert info.base.fit.light == Light.ABSORBED
    assert info.base.fit.microscope.focal_plane == pytest.approx(14, abs=1)
    assert type(info).from_json(json.loads(json.dumps(info.to_json()))) == info


def test_restoring_is_the_filter_and_then_the_network(run, folder):
    network, info = load_generator(run / "generator.h5", method="zse_gan")
    weights = network.get_weights()
    stack, _ = simulate_stack(seed=2, part="test", index=0, size_px=40)
    ranges = info.normalization["z_stack"].clean

    restored = microgan.load_restorer(run / "generator.h5", precision="float32")(stack, **SILENT)

    assert np.abs(weights[-2]).max() > 0  # it has learned
    assert len(info.network_arguments["slice_scales"]) == 29
    filtered = ranges.normalize(apply_base(info.base, stack, levels_of(stack)))
    corrected = np.asarray(network(filtered[np.newaxis, ..., np.newaxis]))[0, ..., 0]
    wanted = np.clip(ranges.undo(corrected), 0, 255)
    assert np.abs(restored - wanted).max() <= 0.51
    assert np.abs(wanted - np.clip(ranges.undo(filtered), 0, 255)).max() > 0.5


def test_a_sharpened_stack_is_blurred_by_the_fitted_microscope(run):
    _, info = load_generator(run / "generator.h5", method="zse_gan")
    _, sharp = simulate_stack(seed=2, part="test", index=0, size_px=40)

    blurred = load_blurrer(run / "generator.h5")(sharp)

    wanted = blur_by_base(info.base, sharp, levels_of(sharp))
    assert np.abs(blurred - wanted).max() <= 0.51
    assert blurred[2].std() < 0.5 * blurred[14].std()


def test_held_out_stacks_are_shown_and_simulated_ones_scored(run):
    images = [imread(path) for path in sorted((run / "samples").iterdir())]
    record = json.loads((run / "split.json").read_text())["z_stack"]

    assert len(images) == 2 and images[0].shape == images[1].shape
    assert (len(record["train"]), len(record["held_out"])) == (2, 1)
    rows = (run / "validation.md").read_text().splitlines()
    psnr_db = {row.split("|")[1].strip(): float(row.split("|")[2]) for row in rows[2:]}
    assert psnr_db["filter"] > psnr_db["raw input"]


def test_a_simulated_stack_is_a_function_of_its_seed(folder):
    method = ZSEGANCorrection(settings(folder, simulated_stacks=1))
    method.load()
    method.prepare()

    one, other, again = (method.draw_stack(np.random.default_rng(seed)) for seed in (1, 2, 1))

    np.testing.assert_array_equal(one, again)
    assert one.shape == (4, 29, 80, 80) and np.abs(one - other).max() > 0.5
    assert "focused at slice 1" in method.describe_data()


def test_one_stack_is_enough(folder, tmp_path):
    data = load_stacks_alone(settings(folder, data_dir=folder / "stacks" / "0.npy"))

    assert (list(data.train), list(data.held_out), data.step_px) == ([0], [], 1.0)


def test_stacks_of_two_depths_are_a_mistake(folder, tmp_path):
    (tmp_path / "stacks").mkdir()
    for index, depth in enumerate((29, 20)):
        np.save(tmp_path / "stacks" / f"{index}.npy",
                np.load(folder / "stacks" / f"{index}.npy")[:depth])

    with pytest.raises(UserError, match="1.npy has 20 slices, but .*0.npy has 29"):
        load_stacks_alone(settings(tmp_path))


def test_three_slices_are_too_few(folder, tmp_path):
    (tmp_path / "stacks").mkdir()
    np.save(tmp_path / "stacks" / "0.npy", np.load(folder / "stacks" / "0.npy")[:3])

    with pytest.raises(UserError, match="0.npy has 3 slices: at least 4"):
        load_stacks_alone(settings(tmp_path))


def test_slices_are_scaled_by_what_the_filter_leaves():
    stacks = np.zeros((2, 4, 3, 8, 8), np.float16)
    stacks[:, SHARP] = np.reshape([0.25, 0, 2], (3, 1, 1))

    assert slice_scales(stacks) == [2.5, 0.01, 10]


def test_large_stacks_are_cut_and_chosen_evenly():
    stacks = [np.full((2, 520, 300), number) for number in range(4)]

    pieces = pieces_of(stacks)

    assert len(pieces) == 12
    assert {piece.shape for piece in pieces} == {(2, 174, 150), (2, 173, 150)}
    assert {int(piece[0, 0, 0]) for piece in pieces} == {0, 1, 2, 3}
