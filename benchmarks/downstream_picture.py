"""The picture of `benchmarks/downstream.py`: images with what the analysis finds in them."""

from pathlib import Path

import numpy as np

from benchmarks import cells
from benchmarks.downstream import CHANCE, FILTERS, METHODS, restorer
from microgan.evaluation.drawing import Figure, plain_style
from microgan.evaluation.figures import display_limits
from microgan.files.whole import written_whole

_DPI = 100
_TITLE_PX, _GAP_PX = 22, 6
_ZOOM = 2  # of a pixel, so that outlines do not hide what they follow
_COLOUR = (1.0, 0.25, 0.15)


def overlaid(image, drawn, limits):
    """Return an image in grey with lines in colour, RGB (Y, X, 3), each pixel `_ZOOM` wide.

    Args:
        image: (Y, X).
        drawn: bool, like `image` enlarged.
        limits: intensities shown black and white.
    """
    low, high = limits
    grey = np.kron(np.clip((np.asarray(image, np.float64) - low) / (high - low), 0, 1),
                   np.ones((_ZOOM, _ZOOM)))
    coloured = np.repeat(grey[..., np.newaxis], 3, axis=-1)
    coloured[drawn] = _COLOUR
    return coloured


def _lines(analysis, found):
    return analysis.outlines(np.kron(found, np.ones((_ZOOM, _ZOOM), found.dtype)))


@plain_style()
def save_picture(path, sets, settings):
    """Draw the first test image of every set, analysed as in its rows.

    Measured, and restored by the methods that have rows, without the filters that are chosen.

    Args:
        path: PNG.
        sets: `downstream.Images`.
        settings: of the program; the rows of its first seed are finished.
    """
    rows = {tuple(row[name] for name in ("task", "method", "seed")): row
            for row in cells.read_rows(Path(settings.output))}
    seed = settings.seeds[0]
    methods = [method for method in METHODS if method not in (CHANCE, *FILTERS) and all(
        (images.task, method, seed) in rows for images in sets)]
    side = _ZOOM * max(max(images.clean[0].shape) for images in sets)
    width = (1 + len(methods)) * (side + _GAP_PX)
    height = len(sets) * (side + _TITLE_PX)
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
    for row_number, images in enumerate(sets):
        analysis, clean = images.analysis, images.clean[0]
        shown = {"clean": (clean, analysis.clean_setting, "")}
        for method in methods:
            row = rows[images.task, method, seed]
            restored = restorer(settings, method, images, seed)(images.degraded[:1])[0]
            f1 = row["f1_per_image"].split()[0]
            shown[method] = (restored, tuple(map(float, row["analysis"].split())),
                             f", F1 {float(f1):.2f}")
        for column, (name, (image, chosen, score)) in enumerate(shown.items()):
            axes = figure.add_axes((
                column * (side + _GAP_PX) / width,
                1 - (row_number + 1) * (side + _TITLE_PX) / height, side / width, side / height))
            axes.imshow(overlaid(image, _lines(analysis, analysis(image, *chosen)),
                                 display_limits(image)), interpolation="nearest")
            axes.set_title(f"{_short(name)}{score}", fontsize=9, pad=3)
            axes.set_axis_off()
    with written_whole(path) as temporary:
        figure.savefig(temporary)


def _short(name):
    """Return a method's name without what makes it longer than its panel."""
    return name.split(" of the")[0].split(", mirror")[0]
