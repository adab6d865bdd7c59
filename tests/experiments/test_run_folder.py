"""Which folders a run may write into, and with which settings it goes on."""

import pytest

from helpers import files_in
from microgan.config import CGANConfig
from microgan.errors import UserError
from microgan.experiments.run_folder import check_run_folder, create_run_folder


def begin(folder, config):
    config = check_run_folder(folder, config)
    create_run_folder(folder, config, {"Cells": {"train": [0]}})
    return config


def test_a_run_that_replaced_another_can_be_resumed(tmp_path):
    begun = begin(tmp_path / "run", CGANConfig.create(overwrite=True, num_iters=7))

    resumed = check_run_folder(tmp_path / "run", CGANConfig.create(resume=True))

    assert (resumed.resume, resumed.overwrite) == (True, False)
    assert (resumed.seed, resumed.num_iters) == (begun.seed, 7)


@pytest.mark.parametrize("settings, words", [
    ({"num_iters": 50}, "--num_iters=7 before, 50 now. Leave it out, or .* --dir."),
    ({"num_iters": 50, "batch_size": 9},
     "--batch_size=100 before, 9 now; --num_iters=7 before, 50 now. Leave them out, or .* --dir."),
])
def test_a_run_goes_on_with_its_own_settings_only(tmp_path, settings, words):
    begin(tmp_path / "run", CGANConfig.create(num_iters=7))

    with pytest.raises(UserError, match=f"cannot go on with other settings: {words}"):
        check_run_folder(tmp_path / "run", CGANConfig.create(resume=True, **settings))


OF_A_RUN = ["generator.h5", "history.csv", "scores.json", "scores_Cells.png", "defect_report.md",
            "z_stack_report.html", "samples/update_000002.png", "samples/update_000002_1.png",
            "checkpoint/update_1000000.npz", ".history.7.partial.csv",
            "checkpoint/.update_000004.7.partial.npz"]
OF_ITS_USER = ["samples/favourite.png", "samples/update_2.png",
               "checkpoint/notes/update_000002.npz", "checkpoint/.update_000004.partial.npz"]
FOREIGN = [".DS_Store", "thesis.txt", "restored/1.tif", "generator.h5/1.tif", "history.xlsx",
           "scores_mine.xlsx", "scores_Others.png", "z_stack_1.tif", ".thesis.7.partial.txt"]


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("precious")


def test_overwriting_deletes_what_the_run_wrote_and_nothing_else(tmp_path):
    begin(tmp_path / "run", CGANConfig.create(seed=1))
    put(tmp_path / "run", *OF_A_RUN, *OF_ITS_USER)

    begin(tmp_path / "run", CGANConfig.create(seed=2, overwrite=True))

    assert files_in(tmp_path / "run") == {"config.json", "split.json", *OF_ITS_USER}


@pytest.mark.parametrize("name", FOREIGN)
def test_overwriting_is_refused_where_other_files_lie(tmp_path, name):
    begin(tmp_path / "run", CGANConfig.create())
    put(tmp_path / "run", name)

    with pytest.raises(UserError, match=f"holds {name.split('/')[0]}, .*Move it away, or .*--dir"):
        check_run_folder(tmp_path / "run", CGANConfig.create(overwrite=True))


@pytest.mark.parametrize("name", [*OF_A_RUN, *OF_ITS_USER, *FOREIGN])
def test_other_files_are_not_in_the_way_of_resuming_which_deletes_nothing(tmp_path, name):
    begin(tmp_path / "run", CGANConfig.create())
    put(tmp_path / "run", name)

    begin(tmp_path / "run", CGANConfig.create(resume=True))

    is_kept = name not in [half for half in OF_A_RUN if ".partial" in half]
    assert (tmp_path / "run" / name).exists() == is_kept


@pytest.mark.parametrize("how, words", [
    ({}, "no whole run. Move it away, .*--dir, or .*--overwrite"),
    ({"resume": True}, "cannot be resumed. Put that back, .*--dir.*--overwrite")])
@pytest.mark.parametrize("name", ["generator.h5", "samples/update_000002.png"])
def test_parts_of_a_run_without_its_config_are_not_deleted_unasked(tmp_path, how, words, name):
    put(tmp_path / "run", name)

    with pytest.raises(UserError, match=f"holds {name} but no config.json, .*{words}"):
        check_run_folder(tmp_path / "run", CGANConfig.create(**how))

    begin(tmp_path / "run", CGANConfig.create(overwrite=True))
    assert files_in(tmp_path / "run") == {"config.json", "split.json"}


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_stopped_while_its_folder_was_made_can_start_again(tmp_path, resume):
    put(tmp_path / "run", "split.json", ".config.7.partial.json", "samples/favourite.png")

    begin(tmp_path / "run", CGANConfig.create(resume=resume))

    assert files_in(tmp_path / "run") == {"config.json", "split.json", "samples/favourite.png"}
