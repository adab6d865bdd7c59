"""The rows of the paper's table in groups: tables, learning curves, lines of a table."""

from collections import defaultdict

from cells import by_values, values_of
from methods import KEYS

# What identifies a table; its lines differ in setting and method, its columns in task.
_IMAGES = ("data", "images", "tasks")
# Computed rows, which are not trained, appear in all tables with the same values.
_BESIDE = (*_IMAGES, "pairs")
TABLE = (*_BESIDE, "symmetries", "networks", "minutes", "machine", "cores")


def tables(rows):
    """Group rows into tables: the trained ones by `TABLE`, each with computed ones beside.

    Args:
        rows: of `cells.read_rows`, or some of them.

    Returns:
        Dict of lists of rows by their values of `TABLE`, in order.
    """
    trained, computed = _by_training(rows)
    beside_trained = {values_of(row, _BESIDE) for row in trained}
    found = {key: _beside(members[0], computed, _BESIDE) + members
             for key, members in by_values(trained, TABLE).items()}
    found |= by_values([row for row in computed
                        if values_of(row, _BESIDE) not in beside_trained], TABLE)
    return dict(sorted(found.items()))


def care_tables(rows):
    """Group the rows under `care` into tables, as `tables` does."""
    return tables([row for row in rows if row["protocol"] == "care"])


def _by_training(rows):
    return ([row for row in rows if row["minutes"] != "0"],
            [row for row in rows if row["minutes"] == "0"])


def _beside(row, computed, names):
    """Return the computed rows that belong in a table with a trained one."""
    return [each for each in computed if values_of(each, names) == values_of(row, names)]


def curves(rows):
    """Group the `care` rows of learning curves: by table except for pairs, then by task."""
    trained, computed = _by_training([row for row in rows if row["protocol"] == "care"])
    found = []
    for _, members in sorted(by_values(
            trained, [name for name in TABLE if name != "pairs"]).items()):
        if len({row["pairs"] for row in members}) > 1:
            members += _beside(members[0], computed, _IMAGES)
            tasks = sorted({row["task"] for row in members})
            found.append({task: [row for row in members if row["task"] == task]
                          for task in tasks})
    return found


def curve_lines(rows):
    """Rows of one task by (setting, method), then by number of pairs, in order.

    Only seeds that a method has for all of its numbers count, so all points have the same seeds.
    """
    lines = {}
    for line, by_task in by_line(rows).items():
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


def by_line(rows):
    """Rows by (setting, method) in the table's order, then by task."""
    lines = {}
    for row in sorted(rows, key=lambda row: KEYS.index(row["method"])):
        of_task = lines.setdefault((row["setting"], row["method"]), defaultdict(list))
        of_task[row["task"]].append(row)
    return dict(sorted(lines.items(), key=lambda item: item[0][0]))
