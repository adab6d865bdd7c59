import os
import time

import numpy as np
import pytest

from benchmarks import gpu_check
from benchmarks.gpu_check import Case, Outcome, Settings, cases, isolated, problem, report
from microgan.cli.command import run_command

F32, BF16 = "float32", "mixed_bfloat16"


def test_one_and_all_gpus_are_tried_in_both_formats_beside_the_cpu():
    tried = cases(["cgan"], 3, has_torch=True)

    assert tried[:2] == [Case("cgan", F32, 0), Case("restore", F32, 0)]
    assert set(tried[2:]) == {
        *(Case("cgan", precision, count) for precision in (F32, BF16) for count in (1, 3)),
        *(Case("cgan", precision, 1, "PyTorch") for precision in (F32, BF16)),
        *(Case("restore", precision, 1) for precision in (F32, BF16))}


def test_nothing_is_tried_twice_without_a_gpu():
    assert cases(["zse_gan"], 0, has_torch=False) == [
        Case("zse_gan", F32, 0), Case("restore", F32, 0), Case("zse_gan", BF16, 0),
        Case("restore", BF16, 0)]


@pytest.mark.parametrize("method", gpu_check.METHODS)
def test_every_case_of_a_method_takes_the_same_batch(method):
    settings = Settings(batch_size=2, filters=3)

    sizes = {gpu_check.config_of(case, settings, 4).batch_size
             for case in cases([method], 4, has_torch=True) if case.what == method}

    assert sizes == {4 if method == "zse_gan" else 8}


def test_what_is_far_from_the_cpu_or_failed_is_a_problem():
    case, reference = Case("cgan", F32, 1), Outcome([2, 1], {"content": 10.0})

    assert problem(case, Outcome([2, 1], {"content": 10.05}), reference) == ""
    assert "0.02 from the CPU" in problem(case, Outcome([2, 1], {"content": 10.2}), reference)
    assert problem(case._replace(precision=BF16), Outcome([2, 1], {"content": 10.2}),
                   reference) == ""
    assert problem(case, Outcome([2, 1], {"score": 0.0004}),
                   Outcome([2, 1], {"score": 0.0001})) == ""  # both are nearly nothing
    assert problem(case, Outcome(error="died"), reference) == "died"
    image = np.linspace(0, 50, 6).reshape(2, 3)
    assert "0.1 from the CPU" in problem(Case("restore", F32, 1), Outcome([2, 1], image + 5),
                                         Outcome([2, 1], image))


def test_report_says_where_it_ran_how_fast_and_what_failed():
    outcomes = {Case("cgan", F32, 0): Outcome([9, 3, 3], {"content": 10.0}),
                Case("cgan", F32, 1): Outcome([5, 0.5, 0.5], {"content": 10.001}, 2e9),
                Case("cgan", F32, 1, "PyTorch"): Outcome([5, 1, 1]),
                Case("cgan", F32, 2): Outcome(error="no result after 15 min")}

    text = report(outcomes, ["- microgan 1.2.3"], 2)

    rows = [line for line in text.splitlines() if line.startswith("| cgan")]
    assert text.startswith("# microgan on this machine: 2 GPUs\n\n- microgan 1.2.3\n")
    assert rows[0] == "| cgan | float32 | CPU | 9 s | 3 s |  |  |  | works |"
    assert rows[1] == ("| cgan | float32 | 1 GPU | 5 s | 0.5 s | 2 GB | 1.0e-04 "
                       "| 2.00 times as long | works |")
    assert rows[2].endswith("| 2 GPUs |  |  |  |  |  | no result after 15 min |")
    assert "no GPU was found, so all of this ran on the CPU" in report({}, [], 0)


def _fails():
    raise ValueError("two\nlines")


def test_what_fails_dies_or_hangs_ends_alone():
    assert isolated(os.path.basename, "a/b", seconds=60) == "b"
    assert isolated(_fails, seconds=60) == "ValueError: two lines"
    assert isolated(os._exit, 3, seconds=60) == "its process died with exit status 3"
    assert isolated(time.sleep, 60, seconds=0.2) == "no result after 0.2 s"


@pytest.mark.slow
def test_check_runs_on_the_cpu_and_writes_its_report(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(gpu_check.importlib.util, "find_spec", lambda name: None)
    output = tmp_path / "report.md"

    status = run_command(Settings, "", gpu_check.check, [
        "gpu_check", "--methods=cgan", "--filters=2", "--patch_size=16", "--side=64",
        f"--output={output}"])

    printed = capsys.readouterr()
    assert (status, printed.err) == (0, "")
    text = output.read_text()
    assert "no GPU was found, so all of this ran on the CPU" in text
    assert text.count("| works |") == 4 and "device CPU:0: works" in text
    assert "Everything works." in printed.out
