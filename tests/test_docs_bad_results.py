"""The page on bad results: its sections, pictures and numbers."""

import re

import imagecodecs
import numpy as np
import pytest

from benchmarks.bad_results import PICTURES, draw
from helpers import ROOT

PAGE = ROOT / "docs" / "when_the_result_is_bad.md"
TEXT = PAGE.read_text(encoding="utf-8")
SECTIONS = dict(zip(re.findall("^## (.*)$", TEXT, re.MULTILINE),
                    re.split("^## .*$", TEXT, flags=re.MULTILINE)[1:]))
PATHS = {path.stem: path for path in (ROOT / "docs" / "images" / "bad").glob("*.png")}


def test_every_section_that_a_message_names_is_there():
    named = [name for path in (ROOT / "microgan").rglob("*.py")
             for name in re.findall(r"""\bsee\(["']([^"']+)["']\)""", path.read_text("utf-8"))]

    assert len(named) >= 5
    assert set(named) <= set(SECTIONS)


def test_every_section_is_in_the_list_and_names_a_flag():
    listed = re.findall(r"\| \[(.*)\]\(#(.*)\) \|", TEXT)

    assert listed == [(name, name.lower().replace(" ", "-")) for name in SECTIONS]
    assert [name for name, text in SECTIONS.items() if not re.search("`[^`]*--\\w", text)] == []


def test_every_number_is_one_of_another_page():
    others = "".join(path.read_text(encoding="utf-8")
                     for path in (ROOT / "docs").glob("*.md") if path != PAGE)
    for name, text in SECTIONS.items():
        numbers = re.findall(r"(?<![\w.=])\d+\.\d+", text)
        assert [number for number in numbers if number not in others] == [], name


def test_every_picture_is_shown_and_they_are_small():
    shown = re.findall(r"images/bad/(\w+)\.png", TEXT)

    assert shown and set(shown) == set(PICTURES) == set(PATHS)
    assert sum(path.stat().st_size for path in PATHS.values()) < 300_000


@pytest.mark.parametrize("name", ["grid", "same"])
def test_pictures_are_what_the_command_draws(name):
    written = imagecodecs.png_decode(PATHS[name].read_bytes())

    drawn = draw(name)

    assert written.shape == drawn.shape
    # Rounding of other processors may move a few pixels to the next grey.
    assert np.mean(written != drawn) < 0.01
