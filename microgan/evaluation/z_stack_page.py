"""The z-stack report as one HTML page that holds its figures."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from microgan.runtime.amounts import significant
from microgan.evaluation.z_stack_criteria import Criterion

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1180px; margin: 2em auto; padding: 0 1em;
       color: #222; background: #fff; }
h1 { font-size: 1.6em; } h2 { font-size: 1.2em; margin-top: 2em; }
table { border-collapse: collapse; font-size: 13px; margin: 1em 0; }
th, td { padding: 3px 10px; border-bottom: 1px solid #ddd; text-align: right;
         font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
th { border-bottom: 2px solid #888; }
.met { color: #0a7a2f; } .missed { color: #b30000; font-weight: 600; }
figure { margin: 1.5em 0; } img { max-width: 100%; border: 1px solid #eee; }
figcaption { color: #444; max-width: 60em; }
"""
_INTRODUCTION = """<p>x is the blurred stack, y = G_S(x) the sharpened one, and G_B(y) is y blurred
again, which should be x. No measure of sharpness tells detail from noise or invention: read the
cells and the views first, the sharpness after them. All intensities are on x's scale.</p>"""

# Heading and caption of each figure: what it shows, and what it can't.
_CAPTIONS = {
    "views": (
        "One stack, before and after: {stack} ({rank} by cells)",
        "Slices from the first to the last, and vertical sections through the middle; all on one "
        "grey scale, that of x. Look for regions that turned from bright to dark, for a pattern "
        "of two or four pixels, for seams, for cells in y with no shadow in x. Slices before and "
        "after the tissue should show no new cells. One stack does not speak for the others."),
    "cells": (
        "Cells found again, lost and invented: {stack} ({rank})",
        "Cells in the third of the slices around the focal plane, on a projection of those "
        "slices. Green: found in the other volume at the same place in three dimensions. Red: "
        "not. A cell is a blob of the expected size with at least 30 % of x's contrast; half of "
        "that is enough to be found again. Anything much smaller than a cell is ignored, and "
        "where x is too blurred to show a cell, nobody can tell whether y invented it."),
    "slices": (
        "Slice by slice",
        "Means over all stacks; the shaded slices lie outside the tissue. y should run along the "
        "dashed line, the focal plane of x, and neither below nor above it. SSIM has a uniform "
        "7 x 7 window and the data range given above; compare its curves with each other, not "
        "with figures from elsewhere. FM counts noise and checkerboards as sharpness, PIQE "
        "rates how natural blocks of 16 x 16 look and knows nothing of cells."),
    "sections": (
        "Vertical sections",
        "Every measure over x-z and y-z sections and over crops in focus of the same shape, on "
        "which FM and PIQE depend. Boxes hold the middle half. Crops in focus show the sample "
        "from above; a sample with layers looks different from the side."),
    "gradients": (
        "Gradient magnitudes",
        "Share of pixels by steepness. The slices of y should merge with the focal plane of x "
        "(dashed), its vertical sections with crops in focus. Equal histograms do not mean "
        "equal images."),
    "consistency": (
        "Is G_B(y) again x?",
        "Absolute difference, as a share of the data range. Structure in the mean difference "
        "hints at seams or patterns that recur in every stack. A small difference is "
        "necessary, not sufficient: a pair of networks can invert the contrast and back."),
}
_TABLES = {
    "truth": ("Nearness to the known sharp volume",
              "Only simulated stacks have one. PSNR and SSIM after CARE's protocol: scale and "
              "offset fitted; the row of x is the raw input. Recall and precision: cells of the "
              "sharp volume found in x or y, and the reverse, at all depths."),
    "structure": ("Cells, central third",
                  "Recall: cells of x found in the volume. Precision: cells of the volume found "
                  "in x. By chance: recall of cells in x's mirror image. Means over stacks."),
    "sharpness": ("Sharpness and likeness to x", "Means over stacks."),
}


def build_page(criteria: Sequence[Criterion],
               tables: Mapping[str, Sequence[Mapping[str, Any]]],
               figures: Mapping[str, bytes], *, notes: Sequence[str],
               names: Mapping[str, str]) -> str:
    """Lay out the page.

    Args:
        criteria: shown first.
        tables: of `_TABLES`, rows of one kind; an empty one is left out.
        figures: PNG files by name; `views` and `cells` carry a rank.
        notes: lines below the title.
        names: stack by rank.

    Returns:
        HTML that needs no other file.
    """
    parts = ["<!doctype html>", '<html lang="en"><head><meta charset="utf-8">',
             "<title>z-stack report</title>", f"<style>{_STYLE}</style></head><body>",
             "<h1>z-stack report</h1>", f"<p>{'<br>'.join(map(html.escape, notes))}</p>",
             _INTRODUCTION, "<h2>What a good result must reach</h2>", _criteria(criteria)]
    for kind in ("views", "cells"):
        parts += [_figure(f"{kind}_{rank}", figures, rank=rank, stack=stack)
                  for rank, stack in names.items()]
    parts += [_table(name, tables[name]) for name in ("structure", "truth") if tables.get(name)]
    parts += [_figure(name, figures) for name in ("slices", "sections", "gradients",
                                                  "consistency")]
    parts += [_table("sharpness", tables["sharpness"]), "</body></html>"]
    return "\n".join(parts) + "\n"


def _criteria(criteria: Sequence[Criterion]) -> str:
    words = {True: '<td class="met">met</td>', False: '<td class="missed">missed</td>',
             None: "<td></td>"}
    rows = "".join(f"<tr>{_cells((each.name, each.bound, each.value))}{words[each.is_met]}</tr>"
                   for each in criteria)
    return ("<table><tr><th>criterion</th><th>bound</th><th>value</th><th></th></tr>"
            f"{rows}</table>")


def _figure(name: str, figures: Mapping[str, bytes], **filled: str) -> str:
    heading, caption = _CAPTIONS[name.partition("_")[0]]
    heading = html.escape(heading.format(**filled))
    image = base64.b64encode(figures[name]).decode("ascii")
    return (f'<h2>{heading}</h2><figure><img alt="{heading}" src="data:image/png;base64,{image}">'
            f"<figcaption>{html.escape(caption)}</figcaption></figure>")


def _table(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    heading, caption = _TABLES[name]
    head = "".join(f"<th>{html.escape(key.replace('_', ' '))}</th>" for key in rows[0])
    body = "".join(f"<tr>{_cells(row.values())}</tr>" for row in rows)
    return (f"<h2>{heading}</h2><p>{html.escape(caption)}</p>"
            f"<table><tr>{head}</tr>{body}</table>")


def _cells(values: Any) -> str:
    return "".join(f"<td>{html.escape(_shown(value))}</td>" for value in values)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return significant(value) if math.isfinite(value) else ""
    return str(value)
