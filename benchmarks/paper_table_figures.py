"""The figures of the paper's table."""

from pathlib import Path

import numpy as np
from methods import KEYS, LABELS
from paper_table_differences import reference
from paper_table_groups import TABLE, by_line, care_tables, curve_lines, curves

from microgan.files.whole import written_whole
from microgan.metrics.paired import least_squares_fit

_BLOCKS_A_LINE = 3


def save_curves(path, rows):
    """Draw PSNR (`care`) over the number of pairs, mean and every seed, one panel per task.

    Args:
        path: PNG to write.
        rows: of `cells.read_rows`.

    Returns:
        Whether there was something to draw.
    """
    from matplotlib.figure import Figure

    drawn = curves(rows)
    if not drawn:
        return False
    width = max(map(len, drawn))
    figure = Figure(figsize=(3.4 * width, 3.2 * len(drawn)), dpi=100, layout="constrained")
    lines = {}
    for row, curve in zip(figure.subplots(len(drawn), width, squeeze=False), drawn):
        for axes in row[len(curve):]:
            axes.set_axis_off()
        for axes, (task, found) in zip(row, curve.items()):
            for (_, method), by_number in curve_lines(found).items():
                scores = {int(number): [float(row["psnr"]) for row in each]
                          for number, each in by_number.items()}
                (line,) = axes.plot(list(scores), list(map(np.mean, scores.values())), "o-",
                                    label=LABELS[method])
                lines.setdefault(LABELS[method], line)
                for number, values in scores.items():  # every seed
                    axes.scatter([number] * len(values), values, s=8, color=line.get_color(),
                                 alpha=0.5)
            numbers = sorted({int(row["pairs"]) for row in found})
            axes.set_xscale("log")
            axes.set_xticks(numbers, map(str, numbers))
            axes.minorticks_off()
            axes.set(title=task, xlabel="pairs", ylabel="PSNR (dB, care)")
    figure.legend(lines.values(), lines, loc="outside lower center", ncols=4, fontsize=8)
    with written_whole(Path(path)) as temporary:
        figure.savefig(temporary)
    return True


def save_seeds(path, rows):
    """Draw a dot for the PSNR (`care`) of every seed, method and task.

    From the mean of the form of CARE that others are compared with; the axis is linear between
    -1 and 1 dB and logarithmic beyond. One line of panels per table that has methods trained
    with several seeds, one panel per task.

    Args:
        path: PNG to write.
        rows: of `cells.read_rows`.

    Returns:
        Whether there was something to draw.
    """
    from matplotlib.figure import Figure

    drawn = {key: found for key, found in care_tables(rows).items()
             if reference(found) and len({row["seed"] for row in found
                                          if row["method"] == reference(found)}) > 1}
    if not drawn:
        return False
    width = max(len({row["task"] for row in found}) for found in drawn.values())
    height = max(len({row["method"] for row in found}) for found in drawn.values())
    figure = Figure(figsize=(3 + 3 * width, (1.2 + 0.22 * height) * len(drawn)), dpi=100,
                    layout="constrained")
    places = figure.subfigures(len(drawn), 1, squeeze=False).flat
    for place, (key, found) in zip(places, drawn.items()):
        named = dict(zip(TABLE, key))
        place.suptitle(f"{named['data']}, images {named['images']}: {named['pairs']} pairs, "
                       f"{named['networks']} networks, {named['minutes']} minutes", fontsize=9)
        tasks = sorted({row["task"] for row in found})
        panels = place.subplots(1, width, squeeze=False, sharey=True)[0]
        for axes in panels[len(tasks):]:
            axes.set_axis_off()
        for axes, task in zip(panels, tasks):
            _draw_seeds(axes, task, [row for row in found if row["task"] == task])
    with written_whole(Path(path)) as temporary:
        figure.savefig(temporary)
    return True


def _draw_seeds(axes, task, rows):
    zero = np.mean([float(row["psnr"]) for row in rows if row["method"] == reference(rows)])
    lines = by_line(rows)
    seeds = sorted({row["seed"] for row in rows}, key=int)
    for height, ((_, method), by_task) in enumerate(lines.items()):
        for row in by_task[task]:
            # Seeds a little below each other, so that none hides another.
            place = seeds.index(row["seed"])
            axes.plot(float(row["psnr"]) - zero, height + 0.5 * (place + 0.5) / len(seeds) - 0.25,
                      ".", color=f"C{place}", markersize=5)
    axes.set_yticks(range(len(lines)), [LABELS[method] for _, method in lines], fontsize=7)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set_xscale("symlog", linthresh=1, linscale=1)
    ticks = [tick for tick in (-30, -10, -3, -1, 0, 1, 3)
             if axes.get_xlim()[0] <= tick <= axes.get_xlim()[1]]
    axes.set_xticks(ticks, map(str, ticks), fontsize=7)
    axes.minorticks_off()
    axes.grid(axis="x", alpha=0.3)
    axes.set_title(task, fontsize=8)
    axes.set_xlabel(f"dB from {LABELS[reference(rows)]}", fontsize=7)


def save_figure(path, restored, clean):
    """Draw one test image of every task through every method, one block per method.

    Args:
        path: PNG to write.
        restored: by method, images (Y, X) by task.
        clean: image (Y, X) by task.
    """
    from matplotlib.figure import Figure

    blocks = {**{LABELS[key]: restored[key] for key in KEYS if key in restored}, "clean": clean}
    lines = -(-len(blocks) // _BLOCKS_A_LINE)
    figure = Figure(figsize=(1.3 * len(clean) * _BLOCKS_A_LINE, 1.8 * lines), dpi=100,
                    layout="constrained")
    places = figure.subfigures(lines, _BLOCKS_A_LINE, squeeze=False).flat
    for place, (label, images) in zip(places, blocks.items()):
        place.suptitle(label, fontsize=9)
        for axes, (task, truth) in zip(np.atleast_1d(place.subplots(1, len(clean))),
                                       clean.items()):
            axes.set_axis_off()
            axes.set_title(task, fontsize=6)
            if task in images:
                # Scale and offset are fitted to the clean image, as in CARE's protocol.
                low, high = np.percentile(truth, (0.5, 99.5))
                axes.imshow(least_squares_fit(images[task], truth), cmap="gray", vmin=low,
                            vmax=high)
    with written_whole(Path(path)) as temporary:
        figure.savefig(temporary)
