"""`--config`: settings from a run's `config.json` or another JSON file."""

import json

import pytest

from microgan.cli.command import parse_flags
from microgan.config import CGANConfig, ZSEGANConfig
from microgan.errors import UserError


@pytest.fixture
def write(tmp_path):
    """Write a settings file and return its path."""
    def write(content):
        path = tmp_path / "settings.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return write


def record(**settings):
    """What a run writes."""
    return {"config": CGANConfig.create(**settings).to_json(), "versions": {}, "files": {}}


def test_settings_of_a_run_are_taken_and_flags_win(write):
    before = record(recipe="limited", num_iters=7, datasets=["A", "B"], seed=4, overwrite=True,
                    dry_run=True)

    config = parse_flags(CGANConfig, ["train", f"--config={write(before)}", "--seed=5"])

    assert (config.recipe, config.num_iters, config.datasets) == ("limited", 7, ("A", "B"))
    assert (config.seed, config.overwrite, config.dry_run) == (5, False, False)
    assert config.to_json() == {**before["config"], "seed": 5, "overwrite": False,
                                "dry_run": False, "config": config.config}
    assert {"learning_rate", "num_iters"} <= config.explicit  # not settled a second time


def test_a_short_table_wins_over_the_recipe_only(write):
    path = write({"recipe": "limited", "num_iters": 9, "data_dir": "~/images"})

    config = CGANConfig.create(config=path, batch_size=3)

    assert (config.num_iters, config.batch_size, config.generator) == (9, 3, "unet")
    assert "~" not in config.data_dir


def test_a_flag_may_complete_the_file(write):
    config = CGANConfig.create(config=write({"cin_augment": True}), cin_generator_path="g.h5")

    assert config.cin_augment


@pytest.mark.parametrize("content, words", [
    ("{", "is not JSON: .*Name the config.json of a run"),
    ("[1]", "is not a table of settings"),
    ({"num_iter": 3}, "There is no setting num_iter. Did you mean num_iters?"),
    ({"num_iters": "many"}, "--num_iters must be of type int. Received: 'many'"),
    ({"batch_size": None}, "--batch_size must be of type int. Received: None"),
    ({"recipe": "fast"}, "--recipe must be one of paper, limited"),
    ({"overwrite": True}, "must not contain overwrite: give it on the command line"),
    ({"config": "other.json"}, "must not contain config"),
    ({"config": {"critic_steps": 3}}, "There is no setting critic_steps")])
def test_a_mistake_in_the_file_names_it_and_the_setting(write, content, words):
    path = write(content)

    with pytest.raises(UserError, match=f"--config={path}.*{words}"):
        CGANConfig.create(config=path)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(UserError, match="--config=no.json cannot be read: No such file"):
        ZSEGANConfig.create(config="no.json")


def test_a_recipe_whose_values_the_file_replaces_is_refused(write):
    path = write(record(recipe="limited"))

    assert CGANConfig.create(config=path, recipe="limited").recipe == "limited"
    with pytest.raises(UserError, match=f"--recipe=paper contradicts --config={path}, which has "
                       "the values of --recipe=limited"):
        CGANConfig.create(config=path, recipe="paper")
