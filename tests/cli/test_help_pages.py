import dataclasses
from dataclasses import dataclass

import pytest

from microgan.cli.help_pages import FIRST_FLAGS, GROUPS, help_text
from microgan.cli.program_list import PROGRAMS
from microgan.config import CGANConfig, Config, RestoreConfig, setting


def words(page):
    return " ".join(page.split())


def names(config_type):
    return [item.name for item in dataclasses.fields(config_type)]


def test_full_page_explains_every_flag_with_both_recipes():
    page = help_text(CGANConfig, "train_cGAN.py", "Learn to restore.", is_full=True)

    assert page.startswith("Learn to restore.")
    for item in dataclasses.fields(CGANConfig):
        assert f"  --{item.name}" in page
        assert words(item.metadata["help"]) in words(page)
    assert "default: 100; with --recipe=limited: 4" in words(page)


def test_page_explains_the_first_flags_and_names_the_others_in_groups():
    page = help_text(CGANConfig, "train_cGAN.py", "Learn to restore.")

    first, others = page.split("\nData:\n")
    for item in dataclasses.fields(CGANConfig):
        is_first = item.name in FIRST_FLAGS[CGANConfig]
        assert (words(item.metadata["help"]) in words(first)) == is_first, item.name
        assert is_first or f"--{item.name}" in others.split(), item.name
    assert others.index("--test_fraction") < others.index("Losses:") < others.index(
        "--content_weight") < others.index("Output:") < others.index("--overwrite")


@pytest.mark.parametrize("config_type", [*FIRST_FLAGS])
def test_every_flag_is_among_the_first_or_in_one_group(config_type):
    first = FIRST_FLAGS[config_type]
    grouped = [name for members in GROUPS.values() for name in members]

    assert len(first) <= 10 and set(first) <= set(names(config_type))
    for name in set(names(config_type)) - set(first):
        assert grouped.count(name) == 1, f"--{name} has no group in cli/help_pages.py"


def test_every_name_in_a_group_is_a_flag():
    flags = {name for config_type in FIRST_FLAGS for name in names(config_type)}

    assert {name for members in GROUPS.values() for name in members} <= flags


def test_program_without_first_flags_has_one_list():
    @dataclass(frozen=True)
    class Settings(Config):
        rounds: int = setting(3, "How many.")

    page = help_text(Settings, "speed", "Time it:\n\n    python speed.py")

    assert page.startswith("Time it:\n\n    python speed.py\n\nusage: speed")
    assert "\n  --rounds\n      How many. (default: 3)\n  --help\n" in page


@pytest.mark.parametrize("started_as, shown", [
    ("restore.py", "restore.py --generator"), ("microgan restore", "microgan restore --generator"),
    ("microgan-restore", "microgan-restore --generator")])
def test_examples_call_programs_as_the_user_did(started_as, shown):
    page = help_text(RestoreConfig, started_as, "Try it: restore.py --generator=g.h5")

    assert page.startswith(f"Try it: {shown}")
    assert f"usage: {started_as} [" in page


def test_every_program_of_the_list_has_flags_and_a_function():
    assert {program.command for program in PROGRAMS if program.is_training} == {
        "train-cgan", "train-cin-gan", "train-zsegan"}
    for program in PROGRAMS:
        assert callable(program.main())
