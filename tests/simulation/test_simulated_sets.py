"""The named sets repeat bit for bit, match data/ and are as hard as they should be."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from microgan.config import SimulateConfig
from microgan.simulation import datasets
from microgan.simulation.datasets import SETS, simulate_pair

DATA = Path(__file__).parents[2] / "data"
SHIPPED = ("Drosophila", "Retina", "Synthetic_tubulin_tubules")


def stretched(image):
    image = image.astype(np.float64)
    return (image - image.min()) / (image.max() - image.min()) * 255


def scores(degraded_images, clean_images):
    """Mean PSNR in dB and SSIM as the publication computes them."""
    pairs = [(stretched(clean), stretched(degraded))
             for degraded, clean in zip(degraded_images, clean_images, strict=True)]
    return (np.mean([peak_signal_noise_ratio(*pair, data_range=255) for pair in pairs]),
            np.mean([structural_similarity(*pair, data_range=255) for pair in pairs]))


@pytest.mark.parametrize("suffix", ["", "_test"])
@pytest.mark.parametrize("name, psnr_range_db, ssim_range", [
    ("Drosophila", (18, 20), (0.6, 0.7)),
    ("Retina", (13, 19), (0.35, 0.6)),
    ("Synthetic_tubulin_tubules", (10, 16), (0.3, 0.5)),
])
def test_shipped_pairs_are_as_hard_as_the_published_ones(
        name, suffix, psnr_range_db, ssim_range):
    psnr_db, ssim = scores(np.load(DATA / f"{name}{suffix}_X.npy"),
                           np.load(DATA / f"{name}{suffix}_Y.npy"))

    assert psnr_range_db[0] < psnr_db < psnr_range_db[1]
    assert ssim_range[0] < ssim < ssim_range[1]


def test_low_light_pairs_are_hard():
    pairs = [simulate_pair("Nuclei_low_light", seed=0, part="train", index=index)
             for index in range(8)]

    psnr_db, ssim = scores(*zip(*pairs, strict=True))

    assert 13 < psnr_db < 18
    assert ssim < 0.4


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("part, index", [("train", 0), ("train", 59), ("test", 19)])
def test_shipped_arrays_are_reproduced_bit_for_bit(name, part, index):
    stem = name if part == "train" else f"{name}_test"

    degraded, clean = simulate_pair(name, seed=SimulateConfig().seed, part=part, index=index)

    assert np.array_equal(degraded, np.load(DATA / f"{stem}_X.npy")[index])
    assert np.array_equal(clean, np.load(DATA / f"{stem}_Y.npy")[index])


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("suffix, count", [("", 60), ("_test", 20)])
def test_shipped_arrays_have_the_promised_form(name, suffix, count):
    for kind in "XY":
        images = np.load(DATA / f"{name}{suffix}_{kind}.npy")

        assert images.dtype == np.uint8
        assert images.shape == (count, 128, 128)
        assert np.mean(images == 255) < 1 / 5000
        assert len(np.unique(images.reshape(count, -1), axis=0)) == count


def test_shipped_files_stay_under_nine_megabytes():
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 9e6


def test_clean_tubules_keep_a_background_of_exactly_zero_in_8_bit():
    clean = np.load(DATA / "Synthetic_tubulin_tubules_Y.npy")

    assert np.all(np.median(clean, axis=(1, 2)) == 0)


@pytest.mark.parametrize("name", ["Synthetic_tubulin_tubules", "Nuclei_low_light"])
def test_read_noise_is_not_clipped_at_zero(name):
    degraded = np.stack([simulate_pair(name, seed=0, part="train", index=index)[0]
                         for index in range(3)])

    assert np.mean(degraded == 0) < 1e-3


def test_a_pair_depends_on_seed_part_and_index_only():
    def degraded(**changes):
        arguments = {"seed": 1, "part": "train", "index": 2, "image_size": 32, **changes}
        return simulate_pair("Synthetic_tubulin_tubules", **arguments)[0]

    assert np.array_equal(degraded(), degraded())
    for changes in ({"seed": 2}, {"part": "test"}, {"index": 3}):
        assert not np.array_equal(degraded(), degraded(**changes))


def test_retina_pairs_show_nuclei_and_envelopes_of_the_same_cells():
    """An envelope is bright where a nucleus ends, so it resembles the nucleus' gradient."""
    nuclei_0, envelopes_0, nuclei_1 = (
        simulate_pair("Retina", seed=0, part="train", index=index)[1].astype(float)
        for index in range(3))

    def edges(image):
        return np.hypot(*np.gradient(image)).ravel()

    assert np.corrcoef(edges(nuclei_0), envelopes_0.ravel())[0, 1] > 0.4
    assert np.corrcoef(edges(nuclei_1), envelopes_0.ravel())[0, 1] < 0.2


def test_images_may_have_any_size():
    for name in SETS:
        degraded, clean = simulate_pair(name, seed=0, part="train", index=0, image_size=48)

        assert degraded.shape == clean.shape == (48, 48)


def test_every_set_has_its_own_number_and_a_choice_on_the_command_line():
    (choices,) = (item.metadata["choices"] for item in dataclasses.fields(SimulateConfig)
                  if item.name == "datasets")

    assert set(choices) == {*datasets.SETS, "zstack"}
    assert len({chosen.number for chosen in SETS.values()}) == len(SETS)
