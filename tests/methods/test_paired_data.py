import numpy as np
import pytest
import tifffile

from helpers import make_pairs, write_pairs
from microgan.config import CGANConfig
from microgan.errors import UserError
from microgan.methods.paired_data import load_tasks


def config(folder, **settings):
    return CGANConfig.create(data_dir=str(folder), seed=1, **settings)


def test_intensities_that_percentiles_cannot_tell_apart_are_said_with_a_remedy(tmp_path, random):
    photons = np.zeros((4, 64, 64), np.uint8)
    photons[range(4), 20, range(4)] = 200
    np.save(tmp_path / "Dim_X.npy", photons)
    np.save(tmp_path / "Dim_Y.npy", random.integers(0, 9, photons.shape).astype(np.uint8))

    with pytest.raises(UserError, match="degraded training images of 'Dim' .*=min_max"):
        load_tasks(config(tmp_path, normalization="percentiles"))

    (task,) = load_tasks(config(tmp_path, normalization="min_max")).values()
    assert (task.normalization.degraded.low, task.normalization.degraded.high) == (0, 200)


def test_images_that_do_not_match_are_said(tmp_path, random, capsys):
    write_pairs(tmp_path, "Blobs", 6, random)
    load_tasks(config(tmp_path))
    assert capsys.readouterr().out == ""

    clean = np.load(tmp_path / "Blobs_Y.npy")
    np.save(tmp_path / "Blobs_Y.npy", np.roll(clean, 1, axis=0))
    load_tasks(config(tmp_path))

    assert "clean images of 'Blobs' do not resemble" in capsys.readouterr().out


@pytest.fixture
def shifted(tmp_path, random):
    """Write pairs of which one is shifted by 4 and -3 px."""
    write_pairs(tmp_path, "Blobs", 6, random, size=48)
    clean = np.load(tmp_path / "Blobs_Y.npy")
    clean[2] = np.roll(clean[2], (4, -3), (0, 1))
    np.save(tmp_path / "Blobs_Y.npy", clean)
    return tmp_path


def test_wrong_pairs_are_printed_and_kept_as_they_are(shifted, capsys):
    (task,) = load_tasks(config(shifted)).values()

    assert capsys.readouterr().out == (
        "Warning: Blobs, pair 2: shifted (4, -3 px): the clean image shows the same place 4 px "
        "lower and 3 px further left. Align both, or pass --register=auto.\n")
    assert isinstance(task.pairs.clean, np.memmap)
    assert "moves" not in task.split_record()


def test_shifted_pairs_are_registered(shifted, capsys):
    (as_stored,) = load_tasks(config(shifted)).values()
    (task,) = load_tasks(config(shifted), register=True).values()

    assert "(4, -3 px): both images were cropped to the 44 x 45 pixels" in capsys.readouterr().out
    assert task.pairs.degraded[2].shape == task.pairs.clean[2].shape == (44, 45)
    np.testing.assert_array_equal(task.pairs.clean[2], as_stored.pairs.clean[2][4:, :-3])
    np.testing.assert_array_equal(task.pairs.degraded[2], as_stored.pairs.degraded[2][:-4, 3:])
    assert task.split_record() == {**as_stored.split_record(), "moves": {"2": [4, -3]}}


def test_moved_images_are_not_degraded_for_training_where_they_are_held_out(shifted):
    for index in range(6):
        task = load_tasks(CGANConfig.create(data_dir=str(shifted), seed=index),
                          degrades_clean=True, register=True)["Blobs"]

        assert len(task.clean_to_degrade) == len(task.split.train)
        assert {image.shape for image in task.clean_to_degrade} == {(48, 48)}


@pytest.mark.parametrize("are_files, pair", [(False, "1"), (True, "cells_1.tif")])
def test_test_pairs_are_checked_like_others_but_never_moved(tmp_path, random, capsys, are_files,
                                                            pair):
    write_pairs(tmp_path, "Blobs", 6, random, size=48)
    degraded, clean = make_pairs(6, random, size=48)
    clean[1] = np.roll(clean[1], 4, axis=0)
    for letter, half, images in ("X", "degraded", degraded), ("Y", "clean", clean):
        if not are_files:
            np.save(tmp_path / f"Blobs_test_{letter}.npy", images)
            continue
        (tmp_path / "Blobs_test" / half).mkdir(parents=True)
        for number, image in enumerate(images):
            tifffile.imwrite(tmp_path / "Blobs_test" / half / f"cells_{number}.tif", image)

    (task,) = load_tasks(config(tmp_path), register=True).values()

    assert capsys.readouterr().out == (
        f"Warning: Blobs_test, pair {pair}: shifted (4, 0 px): the clean image shows the same "
        "place 4 px lower. Align both.\n")
    assert [finding.task for finding in task.test_findings] == ["Blobs_test"]
    assert task.test_pairs.clean[1].shape == (48, 48) and not task.moves


def test_many_wrong_pairs_are_counted_instead_of_printed(tmp_path, random, capsys):
    write_pairs(tmp_path, "Blobs", 24, random)
    clean = np.load(tmp_path / "Blobs_Y.npy")
    np.save(tmp_path / "Blobs_Y.npy", np.roll(clean, 1, axis=0))

    load_tasks(config(tmp_path))

    lines = capsys.readouterr().out.splitlines()
    assert "4 more pairs of Blobs look wrong; pair_checks.json" in lines[-1]
    assert sum("pair 0: swapped (with 1)" in line for line in lines) == 1
