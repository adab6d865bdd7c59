"""Broken and hostile files end in one line, fast and in little memory; see hostile_files.py."""

import re
from pathlib import Path

import pytest

from helpers import ROOT
from hostile.cases import CASES
from hostile_files import row, run_case, write_good_generator


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
    assert not re.search("0x[0-9a-f]{6}|<[a-z]+[. ]", outcome.error), outcome.error
    document = Path(ROOT, "docs", "reliability.md").read_text()
    assert row(case, outcome) in document.splitlines()


def test_documentation_has_these_cases_and_no_others():
    text = Path(ROOT, "docs", "reliability.md").read_text()

    table = text.partition("<!-- hostile files -->")[2].partition("<!-- end -->")[0]
    rows = [line.split(" | ")[:2] for line in table.strip().splitlines()[2:]]
    assert rows == [[f"| {case.kind}", case.name] for case in CASES]
    assert len(CASES) >= 40
