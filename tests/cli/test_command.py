import os
import subprocess
import sys

import pytest

from helpers import ROOT
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


@pytest.mark.skipif(os.name != "posix", reason="pipes differ")
def test_work_goes_on_when_nobody_reads_its_output_any_more(tmp_path):
    program = """
import sys
from microgan.cli.command import run_command
from microgan.config import CGANConfig

def work(config):
    for _ in range(3):
        print("x" * 100_000, flush=True)  # more than a pipe holds
    open("done", "w").close()

sys.exit(run_command(CGANConfig, "", work, ["train_cGAN.py"]))
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(10)
        process.stdout.close()
        error = process.stderr.read()

    assert error == "" and process.returncode == 0
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("message, shown", [
    ("one\n\x1b[2Jtwo", "one ?[2Jtwo"), ("a" * 5000, "a" * 2000 + " [...]")])
def test_message_is_one_printable_line_of_bounded_length(message, shown, capsys):
    def work(config):
        raise UserError(message)

    assert run_command(CGANConfig, "", work, ["train_cGAN.py"]) == 2
    assert capsys.readouterr().err == f"train_cGAN.py: error: {shown}\n"
