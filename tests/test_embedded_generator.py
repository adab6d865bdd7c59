"""The pretrained generator: what it restores, and trainings that start from it or from others."""

import dataclasses

import numpy as np
import pytest

from helpers import ROOT, write_pairs
from microgan import evaluate, load_restorer, train_cgan
from microgan.config import CGANConfig
from microgan.errors import UserError
from microgan.generator_file import (
    EMBEDDED, build_network, file_of, load_generator, read_info, save_generator)
from microgan.methods.cgan import CGAN
from microgan.metrics.paired import mean_care_psnr
from microgan.restoration.familiarity import EMBEDDED_KNOWN
from microgan.simulation.degradation_model import Degradation
from microgan.simulation.specimens import draw_specimen


@pytest.fixture(scope="module")
def restore():
    return load_restorer(EMBEDDED, precision="float32")


@pytest.fixture(scope="module")
def clean():
    # Other specimens than those of the pretraining.
    return [draw_specimen(np.random.default_rng([2**20, index]), 96) for index in range(6)]


def quiet(restore, image):
    return restore(image.astype(np.float32), axes="YX", report=lambda line: None)


def test_it_is_small_and_knows_no_tasks():
    assert file_of(EMBEDDED).stat().st_size + EMBEDDED_KNOWN.stat().st_size < 2e6
    assert read_info(EMBEDDED).tasks == ()


def test_its_card_comes_with_it_and_has_the_scores_of_the_docs():
    card, page = (path.read_text(encoding="utf-8").splitlines() for path in (
        file_of(EMBEDDED).with_suffix(".md"), ROOT / "docs" / "pretraining.md"))

    rows = [line for line in card if line.startswith("|")]
    assert len(rows) > 3 and [row for row in rows if row not in page] == []


@pytest.mark.parametrize("defect, gain_db", [
    (Degradation(scale=10.0, noise_gain=1.0), 3.0),
    (Degradation(scale=500.0, noise_gain=1.0, blur_px=(0.0, 2.0), step_px=4.0), 0.4)])
def test_it_improves_images_that_it_has_not_seen(restore, clean, defect, gain_db):
    rng = np.random.default_rng(1)
    degraded = [defect.apply(rng, image) for image in clean]

    restored = [quiet(restore, image) for image in degraded]

    assert mean_care_psnr(clean, restored) > mean_care_psnr(clean, degraded) + gain_db


def test_brightness_and_contrast_are_the_images_own(restore, clean):
    noisy = Degradation(scale=20.0, noise_gain=1.0).apply(np.random.default_rng(2), clean[0])

    restored, scaled = quiet(restore, noisy), quiet(restore, 30 * noisy + 1000)

    np.testing.assert_allclose(restored.mean(), noisy.mean(), atol=0.02 * np.ptp(noisy))
    np.testing.assert_allclose(scaled, 30 * restored + 1000, atol=0.1)


def test_a_task_is_refused(restore, clean):
    with pytest.raises(UserError, match="knows no tasks: leave out --task=Cells"):
        restore(clean[0], task="Cells")


def test_users_are_warned(restore, clean):
    lines = []

    restore(clean[0], report=lines.append)

    assert "has seen only simulated images" in "".join(lines)


def test_an_image_that_hardly_needs_restoring_stays_as_it_is(restore, clean):
    measured = Degradation(scale=3000.0, noise_gain=1.0).apply(
        np.random.default_rng(2), clean[0]).astype(np.float32)
    lines = []

    restored = restore(measured, report=lines.append)

    assert "has hardly any noise, so nothing of the generator's change is" in "".join(lines)
    np.testing.assert_array_equal(restored, measured)


def test_stripes_are_told_to_be_unlike_and_stay_as_they_are(restore):
    stripes = np.tile(np.sin(0.8 * np.arange(96.0)), (96, 1)).astype(np.float32)
    lines = []

    restored = restore(stripes, report=lines.append)

    assert "unlike all that the generator was pretrained on, so only 0 % of its" in "".join(lines)
    np.testing.assert_allclose(restored, stripes, atol=1e-5)


def test_all_pairs_are_scored_since_it_has_learned_from_none(tmp_path):
    write_pairs(tmp_path, "Blobs", 5, np.random.default_rng(3))

    rows = evaluate(generator=EMBEDDED, data_dir=tmp_path, output=tmp_path / "scores")

    assert {(row["method"], row["n"]) for row in rows if row["protocol"] == "care"} == {
        ("raw input", 5), ("restored", 5)}


def first_weights(folder, **settings):
    """Weights after an update that changes nothing."""
    folder.mkdir()
    write_pairs(folder, "Blobs", 4, np.random.default_rng(4))
    run = train_cgan(**{"data_dir": folder, "dir": folder, "recipe": "limited", "num_iters": 1,
                        "patch_size": 16, "batch_size": 1, "learning_rate": 1e-20, "seed": 1,
                        "content_weight": 0, "calibrate": False, **settings})
    model, info = load_generator(run / "generator.h5", precision="float32")
    return np.concatenate([weight.ravel() for weight in model.get_weights()]), info


def test_limited_starts_from_it(tmp_path):
    start, _ = load_generator(EMBEDDED, precision="float32")

    weights, info = first_weights(tmp_path / "run")

    np.testing.assert_allclose(weights, np.concatenate(
        [weight.ravel() for weight in start.get_weights()]), atol=1e-6)
    assert info.tasks == ("Blobs",)


@pytest.mark.slow
def test_another_network_starts_from_random_weights_and_a_training_from_another_run(tmp_path):
    weights, info = first_weights(tmp_path / "one", generator_filters=2)
    assert weights.std() > 0.01
    path = tmp_path / "own.h5"
    model, _ = load_generator(tmp_path / "one" / "Microscopy_cGAN_results" / "generator.h5",
                              precision="float32")
    save_generator(path, [0.5 * weight for weight in model.get_weights()], info)

    again, _ = first_weights(tmp_path / "two", init_generator=str(path), generator_filters=2)

    np.testing.assert_allclose(again, 0.5 * weights, atol=1e-6)


@pytest.mark.parametrize("changes, expected", [
    ({}, 2e-3), ({"learning_rate": 2e-4}, 2e-4), ({"init_generator": "none"}, 1e-3),
    ({"generator_filters": 2}, 1e-3), ({"recipe": "paper"}, 1e-4)])
def test_steps_are_larger_from_given_weights(changes, expected):
    config = CGAN.settle(CGANConfig.create(**{"recipe": "limited", **changes}))

    assert config.learning_rate == pytest.approx(expected)


def test_another_network_is_refused_where_the_start_is_named(tmp_path):
    with pytest.raises(UserError, match="--generator_filters=16, not of --generator=unet "
                       "--generator_filters=2. Pass those, or --init_generator=none"):
        first_weights(tmp_path / "run", init_generator=EMBEDDED, generator_filters=2)


def test_only_a_restoring_generator_may_have_no_tasks(tmp_path):
    info = dataclasses.replace(read_info(EMBEDDED), tasks=(), normalization={})
    model, _ = load_generator(EMBEDDED, precision="float32")
    save_generator(tmp_path / "g.h5", model.get_weights(), info)
    assert read_info(tmp_path / "g.h5").tasks == ()

    zse = dataclasses.replace(info, method="zse_gan", network="residual", axes="ZYX",
                              network_arguments={"filters": 1})
    save_generator(tmp_path / "z.h5", build_network(zse).get_weights(), zse)
    with pytest.raises(UserError, match="names tasks"):
        read_info(tmp_path / "z.h5", method=None)
