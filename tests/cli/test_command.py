import pytest

from microgan.cli.command import help_text, parse_flags, run_command
from microgan.config import CGANConfig
from microgan.errors import Interrupted, UserError


def parse(*arguments):
    return parse_flags(CGANConfig, ["train_cGAN.py", *arguments])


def test_flags_become_typed_fields():
    config = parse("--batch_size=7", "--overwrite", "--datasets=A,B", "--learning_rate=0.01",
                   "--nodeterministic", "--images_limit", "10")

    assert (config.batch_size, config.overwrite, config.datasets) == (7, True, ("A", "B"))
    assert (config.learning_rate, config.deterministic, config.images_limit) == (0.01, False, 10)


def test_unset_flags_leave_the_recipe_alone():
    assert parse("--recipe=limited") == CGANConfig.create(recipe="limited")


@pytest.mark.parametrize("arguments, words", [
    (["--num_iter=3"], "no flag --num_iter. Did you mean --num_iters"),
    (["--colour=3"], "no flag --colour. See --help"),
    (["--batch_size=many"], "batch_size"),
    (["10"], "'10' is not a flag"),
])
def test_mistaken_flag_is_one_line_with_a_remedy(arguments, words):
    with pytest.raises(UserError) as caught:
        parse(*arguments)

    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_help_shows_every_flag_and_both_recipes():
    page = help_text(CGANConfig, "train_cGAN.py", "Learn to restore.")

    assert page.startswith("Learn to restore.")
    for name in CGANConfig.create().to_json():
        assert f"--{name}" in page
    assert "default: 100; with --recipe=limited: 8" in " ".join(page.split())


@pytest.mark.parametrize("error, status, shown", [
    (UserError("Mend it."), 2, "train_cGAN.py: error: Mend it.\n"),
    (Interrupted("Saved.", 143), 143, "train_cGAN.py: Saved.\n"),
    (KeyboardInterrupt(), 130, "train_cGAN.py: stopped.\n"),
])
def test_ends_have_their_line_and_status(error, status, shown, capsys):
    def work(config):
        raise error

    assert run_command(CGANConfig, "", work, ["/some/train_cGAN.py"]) == status
    assert capsys.readouterr().err == shown


def test_bug_keeps_its_traceback():
    def work(config):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_command(CGANConfig, "", work, ["train_cGAN.py"])
