import io
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import tensorflow as tf

from helpers import ROOT
from microgan.cli import train_cgan
from microgan.cli.command import parse_flags, run_command
from microgan.config import CGANConfig
from microgan.errors import Interrupted, Terminated, UserError


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
    (["--batch_size=many"], "--batch_size must be a whole number, such as 1000. Received: many"),
    (["--num_iters=1e3"], "--num_iters must be a whole number, such as 1000. Received: 1e3"),
    (["--learning_rate", "1,5"], "--learning_rate must be a number, such as 0.001. Received: 1,5"),
    (["--overwrite=maybe"], "--overwrite must be True or False. Received: maybe"),
    (["10"], "'10' is not a flag"),
])
def test_mistaken_flag_is_one_line_with_a_remedy(arguments, words):
    with pytest.raises(UserError) as caught:
        parse(*arguments)

    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("error, status, shown", [
    (UserError("Fix it."), 2, "train_cGAN.py: error: Fix it.\n"),
    (Interrupted("Saved.", 143), 143, "train_cGAN.py: Saved.\n"),
    (KeyboardInterrupt(), 130, "train_cGAN.py: stopped.\n"),
    (KeyboardInterrupt("stopped. Continue."), 130, "train_cGAN.py: stopped. Continue.\n"),
    (Terminated(), 143, "train_cGAN.py: stopped.\n"),
    (PermissionError(13, "Permission denied", "secret/a.npy"), 2,
     "train_cGAN.py: error: secret/a.npy: Permission denied. Check the path and its "
     "permissions.\n"),
    (MemoryError("Unable to allocate 9 TiB"), 2,
     "train_cGAN.py: error: Memory ran out: Unable to allocate 9 TiB. Use smaller or fewer "
     "images, or lower the flags that set sizes.\n"),
    (tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"), 2,
     "train_cGAN.py: error: Memory ran out: OOM when allocating tensor. Use smaller or fewer "
     "images, or lower the flags that set sizes.\n"),
])
def test_ends_have_their_line_and_status(error, status, shown, capsys):
    def work(config):
        raise error

    assert run_command(CGANConfig, "", work, ["/some/train_cGAN.py"]) == status
    assert capsys.readouterr().err == shown


@pytest.mark.parametrize("bug", [ZeroDivisionError(), OSError("no file is named")])
def test_bug_keeps_its_traceback(bug):
    def work(config):
        raise bug

    with pytest.raises(type(bug)):
        run_command(CGANConfig, "", work, ["train_cGAN.py"])


def test_path_longer_than_the_system_takes_is_a_mistake(capsys, tmp_path):
    status = train_cgan.main(["train_cGAN.py", f"--data_dir={1000 * 'a'}", "--seed=1",
                              f"--dir={tmp_path}"])

    message = capsys.readouterr().err
    assert status == 2 and message.count("\n") == 1
    assert "File name too long" in message


def test_termination_signal_ends_as_ctrl_c_does(capsys):
    cleaned = []

    def work(config):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        finally:
            cleaned.append(True)

    usual = signal.getsignal(signal.SIGTERM)

    assert run_command(CGANConfig, "", work, ["train_cGAN.py"]) == 143
    assert capsys.readouterr().err == "train_cGAN.py: stopped.\n"
    assert cleaned and signal.getsignal(signal.SIGTERM) is usual


def test_program_runs_in_a_thread_which_hears_no_signals():
    statuses = []

    def run():
        statuses.append(run_command(CGANConfig, "", lambda config: None, ["train_cGAN.py"]))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

    assert statuses == [0]


@pytest.mark.parametrize("encoding, shown", [
    ("utf-8", "caf\\udce9 \u00b5m\n"), ("ascii", "caf\\udce9 \\xb5m\n")])
def test_names_that_are_no_text_are_shown(monkeypatch, encoding, shown):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding))

    def work(config):
        print(os.fsdecode(b"caf\xe9"), "\u00b5m")

    assert run_command(CGANConfig, "", work, ["train_cGAN.py"]) == 0
    assert written.getvalue().decode(encoding) == shown


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
