"""Differences of the paper's table and how sure they are.

The pages have those of each method from the strongest form of CARE. This prints those of any
method from any other, under `care`, table by table:

    python benchmarks/paper_table_differences.py --method=limited_earlier --other=linear
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cells import by_values, markdown, read_rows
from intervals import interval_over_trainings
from methods import KEYS, LABELS, OURS
from paper_table_groups import TABLE, care_tables

from microgan.cli.command import run_command
from microgan.config import Config, setting

# Forms of CARE, the one with most of limited's chances first: other rows are compared with the
# first that is there.
RIVALS = ("care_limited", "care_64_mirrored", "care_64", "care")
# Score and decimals.
_COMPARED = {"psnr": 2, "ssim": 3}
_ERROR_RATE = 0.05  # of a page


def reference(rows):
    """Return the key of the method that others are compared with, or None."""
    methods = {row["method"] for row in rows}
    return next((key for key in RIVALS if key in methods), None)


def paired_differences(rows, others, score):
    """Return the differences of one method from another, image by image.

    Args:
        rows: of one method, task and protocol, one for each seed.
        others: of the other method.
        score: "psnr" or "ssim".

    Returns:
        Float (seeds, images), of the seeds that both have, since seeds differ in their pairs,
        and of the images that all of them have a finite score of.
    """
    ours, theirs = ({row["seed"]: _per_image(row, score) for row in each}
                    for each in (rows, others))
    seeds = sorted(set(ours) & set(theirs))
    if not seeds:
        return np.zeros((0, 0))
    pairs = np.array([[ours[seed], theirs[seed]] for seed in seeds])
    pairs = pairs[..., np.isfinite(pairs).all(axis=(0, 1))]
    return pairs[:, 0] - pairs[:, 1]


def _per_image(row, score):
    return [float(value) for value in row[f"{score}_per_image"].split()]


def count_claims(tables):
    """Count what the stars of a page claim or could claim.

    Args:
        tables: lists of rows that stand in one table, under one protocol.

    Returns:
        The number of differences of microgan's own recipe that have an interval.
    """
    return sum(has_interval(paired_differences(found, others, score))
               for rows in tables for found, others in _compared(rows) for score in _COMPARED
               if found[0]["method"] in OURS)


def _compared(rows):
    """Yield the rows of each method and task beside those of the reference on that task."""
    key = reference(rows)
    groups = by_values(rows, ("task", "method"))
    for (task, method), found in groups.items():
        if method != key and (task, key) in groups:
            yield found, groups[task, key]


def has_interval(differences):
    """Return whether there are trainings and images enough for an interval."""
    return min(differences.shape) > 1


def corrected_confidence(num_claims):
    """Return the confidence at which a page of claims errs once in 20 pages (Bonferroni)."""
    return 1 - _ERROR_RATE / max(1, num_claims)


def difference_text(found, others, num_claims):
    """Format the differences in PSNR and SSIM, with intervals, and stars if claims hold.

    Args:
        found: rows of one method and task.
        others: rows of the reference on that task.
        num_claims: on the page; 0: no stars.

    Returns:
        Such as "+0.27 [0.05, 0.49] / +0.007 [0.003, 0.011]*"; "" without a common seed.
    """
    return " / ".join(filter(None, (
        _one_difference(paired_differences(found, others, score), decimals,
                        num_claims if found and found[0]["method"] in OURS else 0)
        for score, decimals in _COMPARED.items())))


def _one_difference(differences, decimals, num_claims):
    if not differences.size:
        return ""
    text = f"{differences.mean():+.{decimals}f}"
    if not has_interval(differences):
        return text
    found = interval_over_trainings(differences)
    text += f" [{found.low:.{decimals}f}, {found.high:.{decimals}f}]"
    strict = interval_over_trainings(differences, confidence=corrected_confidence(num_claims))
    return text + ("*" if num_claims and strict.excludes_zero else "")


@dataclass(frozen=True)
class Settings(Config):
    """Which methods."""

    method: str = setting("limited", "The method.", choices=KEYS)
    other: str = setting("care_limited", "The method that it is compared with.", choices=KEYS)
    rows: str = setting("benchmarks/results/paper_table.csv", "Rows of all finished cells, as "
                        "paper_table.py writes them.")


def compare(rows, method, other):
    """Return the differences of one method from another, a line for each table and task."""
    cells = [["images", "pairs", "networks", "minutes", "task",
              f"{LABELS[method]} minus {LABELS[other]}: PSNR in dB / SSIM"]]
    for key, members in care_tables(rows).items():
        named = dict(zip(TABLE, key))
        groups = by_values(members, ("task", "method"))
        for task in named["tasks"].split():
            text = difference_text(groups.get((task, method), []), groups.get((task, other), []),
                                   num_claims=0)
            if text:
                cells.append([f"{named['data']} {named['images']}", named["pairs"],
                              named["networks"], named["minutes"], task, text])
    return markdown(cells)


def main(settings):
    """Print the differences."""
    print(compare(read_rows(Path(settings.rows)), settings.method, settings.other))


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, main))
