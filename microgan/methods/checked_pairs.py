"""Check the pairs of a training, and tell the user what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

from microgan.datasets.findings import Finding
from microgan.datasets.pair_checks import check_pairs
from microgan.datasets.paired_arrays import PairedImages, load_test_pairs
from microgan.datasets.task_files import DataDir
from microgan.estimation.illumination import corner_fall
from microgan.runs.run_files import PAIR_CHECKS_FILE
from microgan.runtime.amounts import percent
from microgan.runtime.progress import Progress

_MOST_FINDINGS = 20  # lines


def find_wrong_pairs(pairs: PairedImages, *, can_register: bool) -> list[Finding]:
    """Check the pairs of one task by `check_pairs` and `corner_fall`, and show the progress."""
    findings = check_pairs(pairs, Progress(f"Checking the pairs of {pairs.name}"),
                           can_register=can_register)
    lost = corner_fall(list(pairs.degraded), list(pairs.clean), are_pairs=True)
    if lost is not None:
        findings.append(Finding(
            pairs.name, "all", None, "unevenly lit",
            f"{percent(lost.value)} darker in the corners",
            "networks see crops and cannot know where in the image they are. Divide all images "
            "by a flat field first."))
    return findings


def load_checked_test_pairs(data_dir: DataDir, name: str
                            ) -> tuple[PairedImages | None, list[Finding]]:
    """Load the test pairs of one task; print what is wrong with them.

    Args:
        data_dir: folder of the files.
        name: of the task.

    Returns:
        The pairs, None without files, and the findings.

    Raises:
        UserError: see `load_test_pairs`.
    """
    pairs = load_test_pairs(data_dir, name)
    findings = [] if pairs is None else find_wrong_pairs(pairs, can_register=False)
    print_findings(findings)
    return pairs, findings


def print_findings(findings: Sequence[Finding]) -> None:
    """Print the findings of one task, a line each, or how many more there are."""
    for finding in findings[:_MOST_FINDINGS]:
        print(f"Warning: {finding.line()}")
    if len(findings) > _MOST_FINDINGS:
        print(f"Warning: {len(findings) - _MOST_FINDINGS} more pairs of "
              f"{findings[0].task} look wrong; {PAIR_CHECKS_FILE} in the run folder names them.")
