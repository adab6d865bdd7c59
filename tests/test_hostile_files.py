"""Broken and hostile files end in one line, fast and in little memory; see hostile_files.py."""

import re
from pathlib import Path

import pytest

from helpers import ROOT
from hostile_files import CASES, run_case, write_good_generator


@pytest.fixture(scope="module")
def good_generator(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "good.h5"
    write_good_generator(path)
    return path.read_bytes()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.name}")
def test_file_ends_in_one_line_and_leaves_nothing(case, tmp_path, good_generator):
    (tmp_path / "good.h5").write_bytes(good_generator)

    outcome = run_case(case, tmp_path)

    assert outcome.status == 2, outcome
    assert re.fullmatch(r"[^\n]+\n", outcome.error) and outcome.error.strip().isprintable()
    assert outcome.seconds < 1 and outcome.more_bytes < 500e6, outcome
    assert not outcome.left, outcome
    assert "Traceback" not in outcome.error


def test_every_case_is_in_the_documentation():
    text = Path(ROOT, "docs", "reliability.md").read_text()

    for case in CASES:
        assert f"| {case.kind} | {case.name} |" in text
    assert len(CASES) >= 40
