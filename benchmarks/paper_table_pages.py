"""The pages of the paper's table from its rows: tables as Markdown, and figures beside them.

    python benchmarks/paper_table_pages.py
"""

import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cells import by_values, markdown, read_rows, spread, values_of
from methods import LABELS
from paper_table_differences import (
    corrected_confidence, count_claims, difference_text, reference)
from paper_table_figures import save_curves, save_seeds
from paper_table_groups import TABLE, by_line, care_tables, curve_lines, curves, tables

from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.errors import UserError
from microgan.evaluation.scores import PROTOCOLS
from microgan.files.whole import write_text
from microgan.metrics.fourier_ring import AGAINST_CLEAN

_OTHERS = {"nrmse": "NRMSE", "frc": "FRC (px)", "micro_ssim": "MicroSSIM",
           "feature_distance": "embedded features"}


@dataclass(frozen=True)
class Settings(Config):
    """Which rows."""

    rows: str = setting("benchmarks/results/paper_table.csv", "Rows of all finished cells, as "
                        "paper_table.py writes them.")


def write_pages(path):
    """Write the tables and the figures of the rows in a file, beside it.

    Returns:
        The path of the tables.
    """
    rows = read_rows(path)
    page = path.with_suffix(".md")
    write_tables(page, rows)
    save_curves(page.with_name(f"{page.stem}_curves.png"), rows)
    save_seeds(page.with_name(f"{page.stem}_seeds.png"), rows)
    return page


def write_tables(path, rows):
    """Write all tables that the rows hold.

    Args:
        path: Markdown file.
        rows: of `cells.read_rows`.
    """
    _refuse_doubles(rows)
    num_claims = count_claims(care_tables(rows).values())
    parts = [_head(num_claims)]
    for key, found in tables(rows).items():
        named = dict(zip(TABLE, key))
        is_trained = named["minutes"] != "0"
        parts.append(f"## {named['data']} ({named['tasks']}; images {named['images']}): "
                     f"{named['pairs']} pairs, "
                     + (f"symmetries {named['symmetries']}, " if named["symmetries"] else "") + (
                         f"{named['minutes']} minutes on {named['cores']} core(s) of "
                         f"{named['machine']}, {named['networks']} networks" if is_trained else
                         "nothing trained"))
        for protocol in PROTOCOLS:
            scored = [row for row in found if row["protocol"] == protocol]
            if scored:
                parts.append(f"### `{protocol}`: PSNR in dB / SSIM\n\n{score_table(scored)}")
                parts += _difference_part(scored, protocol, num_claims)
        scored = [row for row in found if row["protocol"] == "care"]
        parts.append(f"### {' / '.join(_OTHERS.values())}\n\n{other_table(scored)}")
        if is_trained:
            parts.append("### Updates done, and minutes they took\n\n" + time_table(
                [row for row in found if row["minutes"] != "0"]))
    parts += _curve_parts(rows)
    write_text(path, "\n\n".join(parts) + "\n")


def _head(num_claims):
    text = (
        "# The paper's table\n\nMean over the test images, then mean ± sample deviation over the "
        "seeds. A: pairs, B: none. `range` is that of the pairs of a seed, the same for all rows; "
        "`limited` fits its intensities to some of its pairs, as no other method does. MicroSSIM "
        "is best high; NRMSE (of `care`), FRC resolution (correlation with the clean image above "
        "0.5, in rows of earlier commits above 0.143, which shows finer detail than there is) and "
        "the distance in the embedded features, a loss of `limited`, are best low.\n\nDifferences "
        "are from the form of CARE in the table that is most like `limited` in its training, with "
        "the same seeds and so the same pairs. In brackets: the 95 % interval over trainings and "
        "images, so what other pairs, another seed and other images like these would leave of the "
        "difference. With one seed there is none, and chance is not known.")
    if num_claims:
        percent = f"{100 * corrected_confidence(num_claims):.2f} %"
        text += (
            f" \\*: 0 lies outside the interval even at {percent}, corrected (Bonferroni) for the "
            f"{num_claims} differences of `limited` in its forms under `care` on this page that "
            "have an interval. Other differences have no star, whatever their size.")
    return text


def _difference_part(rows, protocol, num_claims):
    key = reference(rows)
    if key is None:
        return []
    return [f"### `{protocol}`: difference from {LABELS[key]}, PSNR in dB / SSIM\n\n"
            + difference_table(rows, num_claims if protocol == "care" else 0)]


def _refuse_doubles(rows):
    """Refuse two results of one method and seed, as with other VGG weights."""
    seen = set()
    for row in rows:
        key = values_of(row, (*TABLE, "method", "seed", "task", "protocol"))
        if key in seen:
            raise UserError(f"The table holds '{LABELS[row['method']]}' of seed {row['seed']} on "
                            f"{row['task']} twice, as with VGG weights of two names. Remove the "
                            "rows of one.")
        seen.add(key)


def _curve_parts(rows):
    """Return learning curves as tables, if there are several numbers of pairs."""
    return [f"## Learning curve of {task} ({found[0]['data']}: {found[0]['tasks']}; "
            f"images {found[0]['images']}; {found[0]['networks']} networks, "
            f"{found[0]['minutes']} minutes on {found[0]['cores']} core(s)): PSNR in dB / "
            f"SSIM (`care`), by pairs\n\n{curve_table(found)}"
            for curve in curves(rows) for task, found in curve.items()]


def curve_table(rows):
    """Return PSNR / SSIM of one task: a line per method, a column per number of pairs."""
    numbers = sorted({row["pairs"] for row in rows}, key=int)
    cells = [["", "method", "seeds", *numbers]]
    for (part, method), by_number in curve_lines(rows).items():
        seeds = {len(found) for found in by_number.values()}
        cells.append([part, LABELS[method], str(*seeds), *(
            f"{spread(by_number[number], 'psnr', 2)} / {spread(by_number[number], 'ssim', 3)}"
            if number in by_number else "" for number in numbers)])
    return markdown(cells)


def _table(rows, cell_text):
    tasks = sorted({row["task"] for row in rows})
    cells = [["", "method", "seeds", *tasks]]
    for (part, method), by_task in by_line(rows).items():
        seeds = max(len(found) for found in by_task.values())
        cells.append([part, LABELS[method], str(seeds),
                      *(cell_text(by_task[task]) if by_task[task] else "" for task in tasks)])
    return markdown(cells)


def score_table(rows):
    """Return PSNR and SSIM of one protocol."""
    return _table(rows, lambda found: f"{spread(found, 'psnr', 2)} / {spread(found, 'ssim', 3)}")


def difference_table(rows, num_claims):
    """Return the differences of one protocol from the strongest form of CARE among the rows.

    Args:
        rows: of one table.
        num_claims: as `difference_text` takes it.
    """
    key = reference(rows)
    others = by_values([row for row in rows if row["method"] == key], ("task",))
    seeds = {values_of(row, ("task", "seed")) for row in rows if row["method"] == key}
    return _table(
        [row for row in rows
         if row["method"] != key and values_of(row, ("task", "seed")) in seeds],
        lambda found: difference_text(found, others[found[0]["task"],], num_claims))


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


def main(settings):
    """Write the pages and print where the tables are."""
    print(write_pages(Path(settings.rows).resolve()))


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, main))
