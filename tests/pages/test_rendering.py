"""Pages show what they are given as text, and need no other file."""

import jinja2
import pytest

from microgan.pages.rendering import render

Z_STACK = {"title": "z-stack report", "criteria": [], "notes": ["<script>"],
           "names": {"median": "a & b"},
           "tables": {"sharpness": [{"image": "x", "piqe": float("nan"), "fm_150": 0.12345}]},
           "figures": {"views_median": b"png", "slices": b"png"}}


def test_page_shows_names_as_text_and_embeds_its_figures():
    page = render("z_stack.html", **Z_STACK)

    assert "<script>" not in page and "&lt;script&gt;" in page
    assert "One stack, before and after: a &amp; b (median by cells)" in page
    assert page.count("data:image/png;base64,cG5n") == 2
    assert "<td>x</td><td></td><td>0.123</td>" in page
    assert "Vertical sections" not in page


def test_what_a_template_needs_must_be_given():
    with pytest.raises(jinja2.UndefinedError, match="'title' is undefined"):
        render("z_stack.html", **{**Z_STACK, "title": jinja2.StrictUndefined(name="title")})
