"""The paper's table from its rows: Markdown, paired tests, a figure."""

from collections import defaultdict
from pathlib import Path

import numpy as np
from cells import by_values, markdown, spread, values_of
from methods import KEYS, LABELS
from scipy import stats

from microgan.errors import UserError
from microgan.evaluation.scores import PROTOCOLS
from microgan.files.whole import write_text, written_whole
from microgan.metrics.fourier_ring import AGAINST_CLEAN
from microgan.metrics.paired import least_squares_fit

# Forms of CARE, the strongest first: other rows are compared with the first that is there.
RIVALS = ("care_64_mirrored", "care_64", "care")
# What identifies a table; its lines differ in setting and method, its columns in task.
_IMAGES = ("data", "images", "tasks")
# Computed rows, which are not trained, appear in all tables with the same values.
_BESIDE = (*_IMAGES, "pairs")
_TABLE = (*_BESIDE, "symmetries", "networks", "minutes", "machine", "cores")
_OTHERS = {"nrmse": "NRMSE", "frc": "FRC (px)", "micro_ssim": "MicroSSIM",
           "feature_distance": "embedded features"}
_SIGNIFICANT = 0.05
_BLOCKS_A_LINE = 3


def write_tables(path, rows):
    """Write all tables that the rows hold.

    Args:
        path: Markdown file.
        rows: of `cells.read_rows`.
    """
    _refuse_doubles(rows)
    trained = [row for row in rows if row["minutes"] != "0"]
    computed = [row for row in rows if row["minutes"] == "0"]
    beside_trained = {values_of(row, _BESIDE) for row in trained}
    tables = by_values(trained + [row for row in computed
                                  if values_of(row, _BESIDE) not in beside_trained], _TABLE)
    parts = ["# The paper's table\n\nMean over the test images, then mean ± sample deviation over "
             "the seeds. A: pairs, B: none. `range` is that of the pairs of a seed, the same for "
             "all rows; `limited` fits its intensities to some of its pairs, as no other "
             "method does. Behind PSNR: its difference in dB from the strongest form of CARE in "
             "the table, its last row of CARE, with the same seeds; with * where it differs from "
             "it over images like these (Wilcoxon's signed-rank test over the images, mean of "
             f"these seeds, p < {_SIGNIFICANT}, two-sided, not corrected for the number of rows): "
             "another training may turn out otherwise. MicroSSIM is best high; NRMSE (of `care`), "
             "FRC resolution (correlation with the clean image above 0.5, in rows of earlier "
             "commits above 0.143, which shows finer detail than there is) and the distance in "
             "the embedded features, a loss of `limited`, are best low."]
    for key, members in sorted(tables.items()):
        named = dict(zip(_TABLE, key))
        is_trained = named["minutes"] != "0"
        beside = _beside(members[0], computed, _BESIDE) if is_trained else []
        parts.append(f"## {named['data']} ({named['tasks']}; images {named['images']}): "
                     f"{named['pairs']} pairs, "
                     + (f"symmetries {named['symmetries']}, " if named["symmetries"] else "") + (
                         f"{named['minutes']} minutes on {named['cores']} core(s) of "
                         f"{named['machine']}, {named['networks']} networks" if is_trained else
                         "nothing trained"))
        for protocol in PROTOCOLS:
            found = [row for row in beside + members if row["protocol"] == protocol]
            if found:
                parts.append(f"### `{protocol}`: PSNR in dB / SSIM\n\n{score_table(found)}")
        found = [row for row in beside + members if row["protocol"] == "care"]
        parts.append(f"### {' / '.join(_OTHERS.values())}\n\n{other_table(found)}")
        if is_trained:
            parts.append(f"### Updates done, and minutes they took\n\n{time_table(members)}")
    parts += _curve_parts(rows)
    write_text(path, "\n\n".join(parts) + "\n")


def _refuse_doubles(rows):
    """Refuse two results of one method and seed, as with other VGG weights."""
    seen = set()
    for row in rows:
        key = values_of(row, (*_TABLE, "method", "seed", "task", "protocol"))
        if key in seen:
            raise UserError(f"The table holds '{LABELS[row['method']]}' of seed {row['seed']} on "
                            f"{row['task']} twice, as with VGG weights of two names. Remove the "
                            "rows of one.")
        seen.add(key)


def _beside(row, computed, names):
    """Return the computed rows that belong in a table with a trained one."""
    return [each for each in computed if values_of(each, names) == values_of(row, names)]


def _curves(rows):
    """Group the `care` rows of learning curves: by table except for pairs, then by task."""
    trained, computed = ([row for row in rows if row["protocol"] == "care"
                          and (row["minutes"] == "0") == is_computed]
                         for is_computed in (False, True))
    curves = by_values(trained, [name for name in _TABLE if name != "pairs"])
    found = []
    for _, members in sorted(curves.items()):
        if len({row["pairs"] for row in members}) > 1:
            members += _beside(members[0], computed, _IMAGES)
            tasks = sorted({row["task"] for row in members})
            found.append({task: [row for row in members if row["task"] == task]
                          for task in tasks})
    return found


def _curve_parts(rows):
    """Return learning curves as tables, if there are several numbers of pairs."""
    return [f"## Learning curve of {task} ({found[0]['data']}: {found[0]['tasks']}; "
            f"images {found[0]['images']}; {found[0]['networks']} networks, "
            f"{found[0]['minutes']} minutes on {found[0]['cores']} core(s)): PSNR in dB / "
            f"SSIM (`care`), by pairs\n\n{curve_table(found)}"
            for curve in _curves(rows) for task, found in curve.items()]


def curve_table(rows):
    """Return PSNR / SSIM of one task: a line per method, a column per number of pairs."""
    numbers = sorted({row["pairs"] for row in rows}, key=int)
    cells = [["", "method", "seeds", *numbers]]
    for (setting, method), by_number in _curve_lines(rows).items():
        seeds = {len(found) for found in by_number.values()}
        cells.append([setting, LABELS[method], str(*seeds), *(
            f"{spread(by_number[number], 'psnr', 2)} / {spread(by_number[number], 'ssim', 3)}"
            if number in by_number else "" for number in numbers)])
    return markdown(cells)


def _curve_lines(rows):
    """Rows of one task by (setting, method), then by number of pairs, in order.

    Only seeds that a method has for all of its numbers count, so all points have the same seeds.
    """
    lines = {}
    for line, by_task in _by_line(rows).items():
        (found,) = by_task.values()
        seeds = defaultdict(set)
        for row in found:
            seeds[row["pairs"]].add(row["seed"])
        common = set.intersection(*seeds.values())
        if len(seeds) > 1 and common:
            lines[line] = {number: [row for row in found
                                    if row["pairs"] == number and row["seed"] in common]
                           for number in sorted(seeds, key=int)}
    return lines


def save_curves(path, rows):
    """Draw PSNR (`care`) over the number of pairs, one panel per task.

    Args:
        path: PNG to write.
        rows: of `cells.read_rows`.

    Returns:
        Whether there was something to draw.
    """
    from matplotlib.figure import Figure

    curves = _curves(rows)
    if not curves:
        return False
    width = max(map(len, curves))
    figure = Figure(figsize=(3.4 * width, 3.2 * len(curves)), dpi=100, layout="constrained")
    for line, curve in zip(figure.subplots(len(curves), width, squeeze=False), curves):
        for axes in line[len(curve):]:
            axes.set_axis_off()
        for axes, (task, found) in zip(line, curve.items()):
            for (_, method), by_number in _curve_lines(found).items():
                axes.plot([int(number) for number in by_number],
                          [np.mean([float(row["psnr"]) for row in each])
                           for each in by_number.values()], "o-", label=LABELS[method])
            numbers = sorted({int(row["pairs"]) for row in found})
            axes.set_xscale("log")
            axes.set_xticks(numbers, map(str, numbers))
            axes.minorticks_off()
            axes.set(title=task, xlabel="pairs", ylabel="PSNR (dB, care)")
            axes.legend(fontsize=7)
    with written_whole(Path(path)) as temporary:
        figure.savefig(temporary)
    return True


def _by_line(rows):
    """Rows by (setting, method) in the table's order, then by task."""
    lines = {}
    for row in sorted(rows, key=lambda row: KEYS.index(row["method"])):
        of_task = lines.setdefault((row["setting"], row["method"]), defaultdict(list))
        of_task[row["task"]].append(row)
    return dict(sorted(lines.items(), key=lambda item: item[0][0]))


def _table(rows, cell_text):
    tasks = sorted({row["task"] for row in rows})
    cells = [["", "method", "seeds", *tasks]]
    for (setting, method), by_task in _by_line(rows).items():
        seeds = max(len(found) for found in by_task.values())
        cells.append([setting, LABELS[method], str(seeds),
                      *(cell_text(by_task[task]) if by_task[task] else "" for task in tasks)])
    return markdown(cells)


def score_table(rows):
    """Return PSNR and SSIM of one protocol, with the difference from the first of `RIVALS`."""
    rival = next((key for key in RIVALS if key in {row["method"] for row in rows}), None)

    def text(found):
        care = [row for row in rows
                if (row["method"], row["task"]) == (rival, found[0]["task"])]
        against = difference(found, care) if found[0]["method"] != rival else ""
        return f"{spread(found, 'psnr', 2)}{against} / {spread(found, 'ssim', 3)}"

    return _table(rows, text)


def other_table(rows):
    """Return the other metrics, errors relative to the range of `care`."""
    return _table(rows, lambda found: " / ".join(
        _resolution_text(found) if name == "frc" else spread(found, name, 3) for name in _OTHERS))


def _resolution_text(rows):
    """Format FRC resolution for each threshold; earlier thresholds are named."""
    return ", ".join(
        spread(found, "frc", 2) + ("" if float(threshold) == AGAINST_CLEAN else f" at {threshold}")
        for (threshold,), found in by_values(rows, ["frc_threshold"]).items())


def time_table(rows):
    """Return the updates of every method, and how long they took on other machines."""
    return _table([row for row in rows if row["protocol"] == "care"], _time_text)


def _time_text(rows):
    minutes = defaultdict(list)
    for row in rows:
        minutes[row["trained_on"]].append(float(row["trained_minutes"]))
    by_machine = [f"{np.mean(found):.1f}" + (f" ({name})" if name != rows[0]["machine"] else "")
                  for name, found in minutes.items()]
    return (f"{np.mean([int(row['num_iters']) for row in rows]):.0f} in "
            f"{', '.join(by_machine)}")


def difference(rows, rival):
    """Format the gain in PSNR over a rival, with a star if it is significant.

    Only seeds that both have count, since seeds differ in their pairs; "" if there is none.
    """
    seeds = {row["seed"] for row in rows} & {row["seed"] for row in rival}
    if not seeds:
        return ""
    ours, theirs = (np.mean([_per_image(row) for row in each if row["seed"] in seeds], axis=0)
                    for each in (rows, rival))
    gained = (ours - theirs)[np.isfinite(ours) & np.isfinite(theirs)]
    star = "*" if p_value(gained) < _SIGNIFICANT else ""
    return f" ({gained.mean():+.2f}{star})"


def p_value(differences):
    """Wilcoxon's signed-rank test of paired differences, two-sided; 1 where all are 0."""
    differences = np.asarray(differences)
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


def _per_image(row):
    return np.array([float(value) for value in row["psnr_per_image"].split()])


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
