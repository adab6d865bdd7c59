"""Learning from degraded images alone."""

import numpy as np
import pytest
from scipy import ndimage

from helpers import NARROW_CGAN, files_in, run_script, write_pairs
from microgan.config import CGANConfig
from microgan.errors import UserError
from microgan.estimation.measured_defect import Estimate, MeasuredDefect
from microgan.methods import cgan_alone
from microgan.methods.cgan import CGAN
from microgan.methods.cgan_alone import CGANAlone, filter_share, recorrupt
from microgan.methods.simulated_clean import simulate_clean
from microgan.simulation.degradation_model import Degradation, DegradationModel, filter_radially

FEW_SPECIMENS = 3


@pytest.fixture
def folder(tmp_path, random):
    """Four degraded images without clean ones."""
    write_pairs(tmp_path, "Blobs", 4, random, size=48)
    (tmp_path / "Blobs_Y.npy").unlink()
    return tmp_path


def config_of(folder, **settings):
    return CGANConfig.create(**{"recipe": "limited", "data_dir": folder, "patch_size": 16,
                                "batch_size": 4, "seed": 1, **settings})


@pytest.fixture
def few_specimens(monkeypatch):
    monkeypatch.setattr(cgan_alone, "simulate_clean", lambda *arguments, **keywords:
                        simulate_clean(*arguments, number=FEW_SPECIMENS, **keywords))


def loaded(folder, **settings):
    method = CGANAlone(config_of(folder, **settings))
    method.load()
    return method


def test_method_is_chosen_by_whether_there_are_clean_images(folder, random):
    assert CGAN.chosen(config_of(folder)) is CGANAlone

    write_pairs(folder, "Drops", 4, random)

    assert CGAN.chosen(config_of(folder)) is CGAN
    assert CGAN.chosen(config_of(folder, datasets=["Blobs"])) is CGANAlone


def test_published_recipe_needs_clean_images(folder):
    with pytest.raises(UserError, match="no clean images of 'Blobs'.*--recipe=limited"):
        loaded(folder, recipe="paper")


def test_there_is_nothing_to_cross_validate_with(folder):
    with pytest.raises(UserError, match="--cross_validate=3 compares with clean images"):
        loaded(folder, cross_validate=3)


def test_images_smaller_than_a_crop_are_refused(folder):
    with pytest.raises(UserError, match="--patch_size=64"):
        loaded(folder, patch_size=64)


def test_half_of_a_batch_is_the_users_own_and_a_batch_is_a_function_of_its_number(
        folder, few_specimens):
    method = loaded(folder)

    batch, again, next_one = method.batch(3), method.batch(3), method.batch(4)

    assert batch["degraded"].shape == batch["clean"].shape == (4, 16, 16, 1)
    assert batch["own"].tolist() == [1, 0, 1, 0]
    for name, values in batch.items():
        np.testing.assert_array_equal(values, again[name])
    assert not np.array_equal(batch["degraded"], next_one["degraded"])


def test_images_whose_neighbours_share_noise_are_not_recorrupted(folder, random, few_specimens):
    curve = np.where(np.linspace(0, 0.5, 33) < 0.38, 2.0, 0.1)
    np.save(folder / "Blobs_X.npy", np.stack([
        100 + 10 * filter_radially(random.standard_normal((64, 64)), curve) for _ in range(4)]))

    assert loaded(folder).batch(0)["own"].tolist() == [0, 0, 0, 0]


def test_what_was_measured_and_what_cannot_be_is_told(folder, few_specimens):
    told = loaded(folder).describe_data()

    assert "Blobs: 4 train, none validation, none test" in told
    assert "noise gain" in told and "Blur is left as it is" in told


@pytest.mark.parametrize("gain, floor, words", [
    (2.0, -156.0, "below 0 where black is brighter than 0: this noise ends at grey level 78."),
    (0.0, -1.0, "below 0 by chance: take it for 0."), (2.0, 30.0, "grey levels².")])
def test_noise_floor_below_zero_is_explained(
        folder, few_specimens, monkeypatch, gain, floor, words):
    defect = MeasuredDefect(DegradationModel((Degradation(noise_gain=gain, noise_floor=floor),)), {
        "noise_gain": Estimate(gain, gain, gain, "grey levels"),
        "noise_floor": Estimate(floor, floor, floor, "grey levels²")})
    monkeypatch.setattr(cgan_alone, "measure_alone", lambda *_, **__: defect)

    (measured,) = (line for line in loaded(folder).describe_data().splitlines()
                   if "Measured:" in line)

    assert measured.endswith(words)


@pytest.mark.parametrize("gain, floor", [(0.0, 25.0), (2.0, 30.0), (2.0, -60.0)])
def test_recorrupted_images_have_uncorrelated_noise_and_the_means_of_the_image(
        gain, floor, random):
    degradation = Degradation(noise_gain=gain, noise_floor=floor)
    signal = np.full((400, 400), 120.0)
    noisy = degradation.apply(random, signal)

    more, less = recorrupt(random, noisy, degradation)

    variance = gain * 120 + floor
    assert more.mean() == pytest.approx(120, abs=0.3)
    assert less.mean() == pytest.approx(120, abs=0.3)
    assert more.var() == pytest.approx(1.25 * variance, rel=0.03)
    assert less.var() == pytest.approx(5 * variance, rel=0.03)
    assert abs(np.mean((more - 120) * (less - 120))) < 0.03 * variance


def test_recorrupted_images_of_few_photons_are_not_related_by_their_skewness(random):
    degradation = Degradation(noise_gain=20.0)
    noise = 20.0 * random.poisson(np.full((600, 600), 5.0)) - 100.0

    more, less = recorrupt(random, 100.0 + noise, degradation)

    third = np.mean(noise ** 3)
    assert third == pytest.approx(20.0 * 20.0 * 100.0, rel=0.1)
    # Gaussian noise would leave all of it, and bright outliers would become dark.
    assert abs(np.mean((less - 100.0) * (more - 100.0) ** 2)) < 0.25 * third


@pytest.mark.parametrize("signal, noise, share", [
    (0.0, 25.0, 1.0), (25.0, 25.0, 0.5), (75.0, 25.0, 0.1), (25.0, 0.0, 0.0)])
def test_filter_counts_as_far_as_the_variance_is_noise(signal, noise, share, random):
    image = (50 + np.sqrt(signal) * random.choice([-1, 1], (400, 400))
             + np.sqrt(noise) * random.standard_normal((400, 400)))

    assert filter_share(image, Degradation(noise_floor=noise)) == pytest.approx(share, abs=0.01)


def test_simulated_images_have_the_intensities_of_the_degraded_ones(random):
    images = 500 + 100 * ndimage.gaussian_filter(random.normal(size=(3, 96, 96)), (0, 3, 3)) * 10

    clean = np.array(simulate_clean(np.random.default_rng(5), images, number=2))

    assert clean.shape == (6, 192, 192)
    low, high = np.percentile(images, (1, 99.5))
    assert low - 100 < np.percentile(clean, 1) and np.percentile(clean, 99) < high + 100
    assert all(image.std() > 0 for image in clean)


@pytest.mark.slow
def test_program_trains_on_degraded_images_alone_and_scores_where_there_are_test_pairs(
        folder, random):
    arguments = (*NARROW_CGAN[:-3], "--content_weight=0", "--data_dir=.", "--num_iters=2",
                 "--seed=1")

    first = run_script("train_cGAN.py", *arguments, cwd=folder)
    write_pairs(folder, "Blobs_test", 2, random, size=48)
    second = run_script("train_cGAN.py", *arguments, "--overwrite", cwd=folder)
    again = run_script("train_cGAN.py", "--resume", cwd=folder)

    assert first.returncode == second.returncode == again.returncode == 0, (
        first.stderr + second.stderr + again.stderr)
    assert "There are no clean images to score with." in first.stdout
    assert "| Blobs | restored" in second.stdout
    assert "is finished" in again.stdout
    assert {"generator.h5", "samples/update_000002.png", "history.png"} <= files_in(
        folder / "Microscopy_cGAN_results")
