"""`microgan`: one command for every program."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from helpers import ROOT, assert_mistake, assert_printed_mistake, run_without_tensorflow
from microgan.cli.completion import completion_script
from microgan.cli.main import help_page, main
from microgan.cli.program_list import PROGRAMS


@pytest.mark.parametrize("arguments", [[], ["--help"], ["train-cgan", "--help"], ["--version"],
                                       ["--completion=bash"]])
def test_answers_without_tensorflow(arguments, tmp_path):
    result = run_without_tensorflow("main", *arguments, cwd=tmp_path)

    assert (result.returncode, result.stderr) == (0, "")
    assert "microgan" in result.stdout


def test_package_runs_as_the_command(tmp_path):
    answer, mistake = (subprocess.run(
        [sys.executable, "-m", "microgan", flag], cwd=tmp_path, text=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}) for flag in ("--help", "--helo"))

    assert (answer.returncode, answer.stderr, answer.stdout) == (0, "", help_page())
    assert_mistake(mistake, "microgan: error: ", "Did you mean --help?")


def test_map_has_a_line_for_every_program_that_fits_a_terminal(capsys):
    assert main(["microgan"]) == 0

    lines = capsys.readouterr().out.splitlines()
    for program in PROGRAMS:
        assert sum(line.startswith(f"  {program.command} ") for line in lines) == 1
    assert max(map(len, lines)) <= 88


def test_program_gets_its_flags_and_its_status_is_given_back(tmp_path, capsys):
    status = main(["microgan", "simulate", f"--output={tmp_path}", "--datasets=Retina",
                   "--num_pairs=1", "--num_test_pairs=1", "--image_size=16"])

    assert status == 0
    assert np.load(tmp_path / "Retina_X.npy").shape == (1, 16, 16)

    status = main(["microgan", "restore", "--colour=3"])

    assert_printed_mistake(status, capsys.readouterr(),
                           "microgan restore: error: There is no flag --colour.")


@pytest.mark.parametrize("arguments, message", [
    (["restoer"], "There is no command 'restoer'. Did you mean restore?"),
    (["train_cGAN.py"], "Did you mean train-cgan?"),
    (["train_cin_gan", "--recipe=limited"], "Did you mean train-cin-gan?"),
    (["xyz"], "There is no command 'xyz'. There are: train-cgan, "),
    (["--diagnos"], "no flag --diagnos. Did you mean --diagnose?"),
    (["--input=a.tif"], "no flag --input=a.tif. See microgan --help."),
    (["--diagnose", "restore"], "--diagnose takes no further arguments. Received: restore"),
    (["--completion=fish"], "--completion must be one of bash, zsh. Received: fish"),
    (["--completion"], "Received: nothing"),
    (["--completions=bash"], "Did you mean --completion?"),
])
def test_mistake_is_one_line_with_a_suggestion(arguments, message, capsys):
    assert_printed_mistake(main(["microgan", *arguments]), capsys.readouterr(), message)


def completed_by_bash(words, current):
    """What bash offers for the last word, after a tab."""
    program = completion_script("bash") + f"""
COMP_WORDS=({' '.join(map(repr, words))} {current!r})
COMP_CWORD={len(words)}
_microgan
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    result = subprocess.run(["bash", "--norc", "-c", program], text=True, capture_output=True)
    return [line for line in result.stdout.splitlines() if line]


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize("words, current, offered", [
    (["microgan"], "train-c", ["train-cgan", "train-cin-gan"]),
    (["microgan"], "--d", ["--diagnose"]),
    (["microgan", "restore"], "--out", ["--output=", "--output_type="]),
    (["microgan", "restore", "--output_type", "="], "f", ["float32"]),
    (["microgan", "restore", "--output_type"], "=", ["same", "float32"]),
    (["microgan", "train-zsegan", "--in_focus_from", "="], "", ["folders", "stacks"]),
    (["microgan", "restore", "--input", "="], "a", []),  # files, by bash itself
])
def test_bash_completes(words, current, offered):
    assert completed_by_bash(words, current) == offered


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_reads_the_completion():
    program = ("autoload -U compinit; compinit -D; " + completion_script("zsh")
               + 'print -r -- ${_comps[microgan]}')
    result = subprocess.run(["zsh", "-f", "-c", program], text=True, capture_output=True)

    assert result.stdout == "_microgan\n" and result.stderr == ""
