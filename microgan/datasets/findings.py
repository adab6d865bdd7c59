"""What is wrong with pairs, as the user reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """What is wrong with one pair, or with all pairs of a task.

    Args:
        task: its name.
        image: its file, or its number in the array; "all" for all of them.
        index: of the pair in the task; None for all of them.
        kind: "shifted", "swapped", "mirrored or rotated", "stretched", "empty", "unmatched",
            "identical", "exchanged", "saturated" or "unevenly lit".
        number: how much, with unit; empty where there is nothing to count.
        text: what it means and what to do, a sentence or two.
        shift: whole pixels (Y, X), to be added to places in the degraded image to find them in
            the clean one; only of a shifted pair.
    """

    task: str
    image: str
    index: int | None
    kind: str
    number: str
    text: str
    shift: tuple[int, int] | None = None

    def line(self) -> str:
        """Return the finding as a line for the user."""
        pair = "all pairs" if self.index is None else f"pair {self.image}"
        return (f"{self.task}, {pair}: {self.kind}"
                f"{self.number and f' ({self.number})'}: {self.text}")

    def to_json(self) -> dict[str, Any]:
        """Return the finding as a row of a table."""
        return {"task": self.task, "image": self.image, "kind": self.kind,
                "number": self.number, "what_to_do": self.text}
