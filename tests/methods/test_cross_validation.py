"""How pairs are divided for a cross-validation; tests/methods/test_restoring.py does one."""

import json
from dataclasses import replace

import numpy as np
import pytest

from microgan.config import CGANConfig
from microgan.datasets.normalization import fit_min_max
from microgan.datasets.paired_arrays import PairedImages
from microgan.errors import UserError
from microgan.methods.cross_validation import divided, honest_scores
from microgan.methods.paired_data import load_tasks

from helpers import write_pairs


@pytest.fixture
def folder(tmp_path, random):
    write_pairs(tmp_path, "Blobs", 6, random)
    write_pairs(tmp_path, "Blobs_test", 2, random)
    return tmp_path


def load(folder, **settings):
    config = CGANConfig.create(data_dir=folder, datasets=["Blobs"], seed=1, **settings)
    return load_tasks(config), config


def test_the_intensities_of_a_pair_that_is_left_out_are_not_known(folder):
    folds = divided(*load(folder, cross_validate=3))

    assert len(folds) == 3
    for fold in folds:
        task = fold["Blobs"]
        learned = task.degraded_part("train")
        assert task.normalization.degraded == fit_min_max(learned)
        assert len(task.split.test) == 2
        left_out = task.degraded_part("test")[0]
        assert not any(np.array_equal(left_out, image) for image in learned)


def test_copies_that_were_moved_apart_are_left_out_together(folder):
    clean, degraded = (np.load(folder / f"Blobs_{letter}.npy") for letter in "YX")
    clean[1] = clean[0]
    np.save(folder / "Blobs_Y.npy", clean)
    tasks, config = load(folder, cross_validate=3)
    task = tasks["Blobs"]
    cropped = PairedImages("Blobs", [degraded[0][2:], *degraded[1:]], [clean[0][:-2], *clean[1:]])

    folds = divided({"Blobs": replace(task, pairs=cropped, stored=task.pairs)}, config)

    assert {len({0, 1} & set(fold["Blobs"].split.test)) for fold in folds} == {0, 2}


def test_advice_for_honest_scores_fits_the_number_of_different_pairs(folder):
    tasks, config = load(folder)
    task = tasks["Blobs"]

    def advice(*files):
        pairs = replace(task.pairs, files=files)
        return honest_scores({"Blobs": replace(task, pairs=pairs)}, config.seed)

    assert "--cross_validate=5: it trains 5 networks" in advice(*"abcdef")
    assert "--cross_validate=3: it trains 3 networks" in advice(*"aabbcc")
    for files in ("aaabbb", "aaaaab"):
        assert "--cross_validate" not in advice(*files)
        assert "files of many planes" in advice(*files)


def test_several_processes_cannot_cross_validate(folder, monkeypatch):
    tasks, config = load(folder, cross_validate=3)
    monkeypatch.setenv("TF_CONFIG", json.dumps({
        "cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}))

    with pytest.raises(UserError, match="--cross_validate=3 needs a single process"):
        divided(tasks, config)
