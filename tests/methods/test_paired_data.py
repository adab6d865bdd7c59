import numpy as np
import pytest

from helpers import write_pairs
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
