"""Minutes until `limited` reaches what the best rival reaches in fifteen.

Reads the rows that `benchmarks/paper_table.py` writes, of every method in its fifteen minutes and
of `limited` in fewer:

    python benchmarks/paper_table.py --data_dir=data --methods=limited --minutes=1
    python -m benchmarks.speed --table=time_to_quality
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.cells import by_values, read_rows
from microgan.errors import UserError

OURS = "limited"
_MINUTES = 15.0
_PROTOCOL = "care"


def minutes_to_quality(path: Path) -> list[dict[str, str]]:
    """Compare PSNR after a fit of scale and offset (`care`), the mean over seeds.

    Args:
        path: rows of `benchmarks/paper_table.py`. Only trainings with ten pairs, one network for
            all tasks, count.

    Returns:
        A row for each task: the rival of that name that scores highest after fifteen minutes, and
        the fewest minutes after which `limited` scores as high; "not reached" if it never does.

    Raises:
        UserError: no task has rows of both.
    """
    rows = [row for row in read_rows(path)
            if (row["protocol"], row["pairs"], row["networks"], row["setting"])
            == (_PROTOCOL, "10", "joint", "A") and float(row["minutes"]) > 0]
    result = []
    for (data, task), group in by_values(rows, ("data", "task")).items():
        scores = {(method, float(minutes)): float(np.mean([float(row["psnr"]) for row in same]))
                  for (method, minutes), same in by_values(group, ("method", "minutes")).items()}
        rivals = {method: score for (method, minutes), score in scores.items()
                  if minutes == _MINUTES and not method.startswith((OURS, "paper"))}
        ours = {minutes: score for (method, minutes), score in sorted(scores.items())
                if method == OURS}
        if not rivals or not ours:
            continue
        rival = max(rivals, key=lambda method: rivals[method])
        enough = [minutes for minutes, score in ours.items() if score >= rivals[rival]]
        result.append({
            "data": data, "task": task, "best rival": rival,
            "its PSNR after 15 minutes": f"{rivals[rival]:.2f}",
            "limited's PSNR by minutes": ", ".join(
                f"{minutes:g}: {score:.2f}" for minutes, score in ours.items()),
            "minutes of limited": f"{enough[0]:g}" if enough else "not reached"})
    if not result:
        raise UserError(f"{path} has no rows of '{OURS}' beside a rival's of fifteen minutes. "
                        f"Train some: python benchmarks/paper_table.py --methods={OURS} "
                        "--minutes=1")
    return result
