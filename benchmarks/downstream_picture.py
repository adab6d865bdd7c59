"""The picture of `benchmarks/downstream.py`: images with what the analysis finds in them."""

from pathlib import Path

import numpy as np

from benchmarks import cells
from benchmarks.downstream import METHODS, restorer
from microgan.evaluation.drawing import Figure, plain_style
from microgan.evaluation.figures import display_limits
from microgan.files.whole import written_whole

_PANEL_INCHES = 1.9
_TITLE_INCHES = 0.22
_ZOOM = 3  # of a pixel, so that lines do not hide what they follow
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
    enlarged = analysis.outlines(np.kron(found, np.ones((_ZOOM, _ZOOM), found.dtype)))
    if found.dtype != bool:
        return enlarged
    middle = np.zeros((_ZOOM, _ZOOM), bool)
    middle[_ZOOM // 2, _ZOOM // 2] = True
    return enlarged & np.kron(np.ones(found.shape, bool), middle)


@plain_style()
def save_picture(path, sets, settings):
    """Draw the first test image of every set through every method, analysed as in its row.

    Args:
        path: PNG.
        sets: `downstream.Images`.
        settings: of the program; the rows of its first seed are finished.
    """
    rows = {tuple(row[name] for name in ("task", "method", "seed")): row
            for row in cells.read_rows(Path(settings.output))}
    seed = settings.seeds[0]
    methods = [method for method in METHODS if all(
        (images.task, method, seed) in rows for images in sets)]
    columns = ["clean", *methods]
    figure = Figure(figsize=(_PANEL_INCHES * len(columns),
                             (_PANEL_INCHES + _TITLE_INCHES) * len(sets)), dpi=110)
    grid = figure.subplots(len(sets), len(columns), squeeze=False)
    for images, line in zip(sets, grid):
        analysis, clean = images.analysis, images.clean[0]
        shown = {"clean": (clean, analysis.clean_setting, "")}
        for method in methods:
            row = rows[images.task, method, seed]
            restored = restorer(settings, method, images, seed)(images.degraded[:1])[0]
            f1 = row["f1_per_image"].split()[0]
            shown[method] = (restored, tuple(map(float, row["analysis"].split())),
                             f", F1 {float(f1):.2f}")
        for axes, (name, (image, chosen, score)) in zip(line, shown.items()):
            axes.imshow(overlaid(image, _lines(analysis, analysis(image, *chosen)),
                                 display_limits(image)), interpolation="nearest")
            axes.set_title(f"{name.split(' of the')[0].split(',')[0]}{score}", fontsize=7, pad=3)
            axes.set_axis_off()
    figure.subplots_adjust(left=0, right=1, bottom=0, top=0.97, wspace=0.03, hspace=0.1)
    with written_whole(path) as temporary:
        figure.savefig(temporary)
