"""Which folders a run may write into, and with which settings it continues."""

import json

import pytest

from helpers import files_in
from microgan.config import CGANConfig, CINGANConfig
from microgan.errors import UserError
from microgan.evaluation import SCORE_FILES
from microgan.runs.run_folder import check_run_folder, create_run_folder, working_folder


def begin(folder, config):
    config = check_run_folder(folder, config, SCORE_FILES)
    create(folder, config, {"Cells": {"train": [0]}})
    return config


def create(folder, config, split):
    with working_folder(folder, config) as working:
        create_run_folder(working, config, split, SCORE_FILES)


def test_a_run_that_replaced_another_can_be_resumed(tmp_path):
    begun = begin(tmp_path / "run", CGANConfig.create(overwrite=True, num_iters=7))

    resumed = check_run_folder(tmp_path / "run", CGANConfig.create(resume=True), SCORE_FILES)

    assert (resumed.resume, resumed.overwrite) == (True, False)
    assert (resumed.seed, resumed.num_iters) == (begun.seed, 7)


def test_resuming_where_there_is_no_run_says_so_and_starts(tmp_path, capsys):
    config = check_run_folder(tmp_path / "run", CGANConfig.create(resume=True), SCORE_FILES)

    assert config.seed is not None
    said = capsys.readouterr().out
    assert f"Nothing to resume: there is no run in {tmp_path / 'run'}. A new one starts" in said
    assert "mend --dir" in said


def test_run_folder_named_as_the_folder_that_it_is_in_is_a_mistake(tmp_path):
    begin(tmp_path / "run", CGANConfig.create())

    with pytest.raises(UserError, match=f"names the run folder .*run itself.* --dir={tmp_path}$"):
        check_run_folder(tmp_path / "run" / "run", CGANConfig.create(resume=True), SCORE_FILES)


def test_wrong_pairs_are_listed_and_replaced_with_the_run(tmp_path):
    config = check_run_folder(tmp_path, CGANConfig.create(), SCORE_FILES)
    rows = [{"image": "a.tif", "kind": "shifted"}]

    create_run_folder(tmp_path, config, {"Cells": {}}, SCORE_FILES, wrong_pairs=rows)
    assert json.loads((tmp_path / "pair_checks.json").read_text()) == rows

    create_run_folder(tmp_path, config, {"Cells": {}}, SCORE_FILES)
    assert "pair_checks.json" not in files_in(tmp_path)


@pytest.mark.parametrize("settings, words", [
    ({"num_iters": 5}, "--num_iters=7 before, 5 now. Leave it out, or .* --dir."),
    ({"num_iters": 50, "batch_size": 9, "seed": 2},
     "--batch_size=100 before, 9 now; --seed=1 before, 2 now. Leave them out, or .* --dir."),
])
def test_a_run_goes_on_with_its_own_settings_only(tmp_path, settings, words):
    begin(tmp_path / "run", CGANConfig.create(num_iters=7, seed=1))

    with pytest.raises(UserError, match=f"cannot continue with other settings: {words}"):
        check_run_folder(tmp_path / "run", CGANConfig.create(resume=True, **settings), SCORE_FILES)


def test_a_prolonged_run_says_what_follows_its_length_and_has_no_report_until_it_ends(
        tmp_path, capsys):
    begin(tmp_path / "run", CGANConfig.create(recipe="limited", num_iters=7))
    put(tmp_path / "run", *SCORE_FILES)

    begin(tmp_path / "run", CGANConfig.create(resume=True, num_iters=50))

    said = capsys.readouterr().out
    assert "of 7 updates is prolonged to 50. --learning_rate_decay=cosine now spans all" in said
    assert files_in(tmp_path / "run") == {"config.json", "split.json"}


def test_cross_validation_may_be_asked_for_later_and_its_report_is_written_anew(tmp_path):
    begin(tmp_path / "run", CGANConfig.create(num_iters=4000))
    put(tmp_path / "run", *SCORE_FILES)

    begin(tmp_path / "run", CGANConfig.create(resume=True))
    assert files_in(tmp_path / "run") == {"config.json", "split.json", *SCORE_FILES}
    begin(tmp_path / "run", CGANConfig.create(resume=True, cross_validate=5))

    assert files_in(tmp_path / "run") == {"config.json", "split.json"}
    record = json.loads((tmp_path / "run" / "config.json").read_text())
    assert record["config"]["cross_validate"] == 5 and "prolonged_from" not in record
    assert record["config"]["num_iters"] == 4000


def test_what_follows_the_length_of_a_run_is_named():
    pairs = {"cin_augment": True, "cin_generator_path": "g.h5"}

    assert CGANConfig.create(**pairs).follows_num_iters() == ()
    assert CGANConfig.create(recipe="limited", **pairs).follows_num_iters() == (
        "--learning_rate_decay=cosine", "--alpha_decay=linear")
    assert CGANConfig.create(recipe="limited", alpha=1.0, **pairs).follows_num_iters() == (
        "--learning_rate_decay=cosine",)


RECORD = {"train": [0], "images": "a", "test_images": "b", "extra_images": "c"}


@pytest.mark.parametrize("before, now, words", [
    ({"A": RECORD, "B": RECORD}, {"A": RECORD}, "began with the tasks A, B, but now there are A."),
    ({"A": RECORD}, {"A": RECORD, "B": RECORD}, "began with the tasks A, but now there are A, B."),
    ({"A": RECORD}, {"A": {**RECORD, "images": "d"}}, "The images of 'A' are not those"),
    ({"A": RECORD}, {"A": {**RECORD, "train": [1]}}, "The images of 'A' are not those"),
    ({"A": RECORD}, {"A": {**RECORD, "test_images": "d"}}, "The test images of 'A' are not those"),
    ({"A": RECORD}, {"A": {**RECORD, "extra_images": "d"}}, "The extra clean images of 'A' are"),
    ({"A": RECORD}, {"A": {"train": [0], "images": "a"}}, "The test images of 'A' are not those"),
    ({"A": {}}, {"A": RECORD}, "The images of 'A' are not those"),
    ({"A": 7}, {"A": RECORD}, "The images of 'A' are not those")])
def test_a_run_goes_on_with_its_own_tasks_and_images_only(tmp_path, before, now, words):
    config = CGANConfig.create(resume=True, seed=1)
    create(tmp_path / "run", config, before)

    with pytest.raises(UserError, match=f"{words}.* or start another .*--dir or --overwrite"):
        create(tmp_path / "run", config, now)


def test_a_run_of_a_version_that_recorded_less_goes_on(tmp_path):
    config = CGANConfig.create(resume=True, seed=1)
    create(tmp_path / "run", config, {"A": {"train": [0], "images": "a"}})
    path = tmp_path / "run" / "config.json"
    content = json.loads(path.read_text())
    del content["files"]
    path.write_text(json.dumps(content))

    check_run_folder(tmp_path / "run", config, SCORE_FILES)
    create(tmp_path / "run", config, {"A": RECORD})


@pytest.mark.parametrize("config_type, name, settings", [
    (CGANConfig, "cin_generator_path", {"cin_augment": True}),
    (CGANConfig, "content_features", {}),
    (CINGANConfig, "init_generator", {"add_task": "Cells"})])
def test_a_run_goes_on_with_its_own_files_only(tmp_path, config_type, name, settings):
    path = tmp_path / "file.h5"
    path.write_text("first")
    begin(tmp_path / "run", config_type.create(**{name: str(path), **settings}))
    resumed = config_type.create(resume=True)

    begin(tmp_path / "run", resumed)
    path.write_text("other")

    with pytest.raises(UserError, match=f"--{name}={path} is not the file.*--dir or --overwrite"):
        check_run_folder(tmp_path / "run", resumed, SCORE_FILES)


OF_A_RUN = ["generator.h5", "history.csv", "scores.json", "scores_Cells.png",
            "samples/update_000002.png", "samples/update_000002_1.png",
            "checkpoint/update_1000000.npz", ".history.7.partial.csv",
            "folds/2_of_5/generator.h5", "folds/2_of_5/samples/update_000002.png",
            "checkpoint/.update_000004.7.partial.npz"]
OF_ITS_USER = ["samples/favourite.png", "samples/update_2.png",
               "folds/2_of_5/thesis.txt", "folds/mine/generator.h5",
               ".DS_Store", "._history.csv", "Thumbs.db", "checkpoint/notes/update_000002.npz",
               "checkpoint/.update_000004.partial.npz"]
FOREIGN = ["thesis.txt", "restored/1.tif", "generator.h5/1.tif", "history.xlsx",
           "scores_mine.xlsx", "scores_Others.png", "z_stack_1.tif", "defect_report.md",
           ".thesis.7.partial.txt"]


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
        check_run_folder(tmp_path / "run", CGANConfig.create(overwrite=True), SCORE_FILES)


@pytest.mark.parametrize("name", [*OF_A_RUN, *OF_ITS_USER, *FOREIGN])
def test_other_files_are_not_in_the_way_of_resuming_which_deletes_nothing(tmp_path, name):
    begin(tmp_path / "run", CGANConfig.create())
    put(tmp_path / "run", name)

    begin(tmp_path / "run", CGANConfig.create(resume=True))

    is_kept = name not in [half for half in OF_A_RUN if ".partial" in half]
    assert (tmp_path / "run" / name).exists() == is_kept


@pytest.mark.parametrize("settings", [{}, {"overwrite": True}, {"resume": True}])
@pytest.mark.parametrize("name", ["samples", "checkpoint", ".lock", "folds", "folds/1_of_5"])
def test_nothing_is_written_or_deleted_through_a_link(tmp_path, name, settings):
    begin(tmp_path / "run", CGANConfig.create())
    put(tmp_path / "other", "update_000002.png", "update_000002.npz")
    if name == "samples":
        (tmp_path / "run" / name).rmdir()
    (tmp_path / "run" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "run" / name).symlink_to(tmp_path / "other", target_is_directory=True)

    with pytest.raises(UserError, match=f"{name} is a link, .*Remove it, or .* --dir"):
        begin(tmp_path / "run", CGANConfig.create(**settings))

    assert files_in(tmp_path / "other") == {"update_000002.png", "update_000002.npz"}


@pytest.mark.parametrize("how, words", [
    ({}, "not a whole run. Move all of it away, .*--dir, or .*--overwrite"),
    ({"resume": True}, "cannot be resumed. Put config.json back, .*--dir.*--overwrite")])
@pytest.mark.parametrize("name", ["generator.h5", "samples/update_000002.png"])
def test_parts_of_a_run_without_its_config_are_not_deleted_unasked(tmp_path, how, words, name):
    put(tmp_path / "run", name)

    with pytest.raises(UserError, match=f"holds {name} but no config.json, .*{words}"):
        check_run_folder(tmp_path / "run", CGANConfig.create(**how), SCORE_FILES)

    begin(tmp_path / "run", CGANConfig.create(overwrite=True))
    assert files_in(tmp_path / "run") == {"config.json", "split.json"}


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_stopped_while_its_folder_was_made_can_start_again(tmp_path, resume):
    put(tmp_path / "run", "split.json", ".config.7.partial.json", "samples/favourite.png")

    begin(tmp_path / "run", CGANConfig.create(resume=resume))

    assert files_in(tmp_path / "run") == {"config.json", "split.json", "samples/favourite.png"}
