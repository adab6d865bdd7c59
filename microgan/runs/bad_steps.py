"""Updates that were skipped because they were not finite."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

# Key among the losses of an update: 1 if it was skipped, otherwise 0; see `guard`.
BAD_STEPS = "bad_steps"


class BadSteps:
    """Count the updates that were skipped, in all and in a row.

    Args:
        max_in_a_row: skipped updates after which a run should stop, > 0.
    """

    def __init__(self, max_in_a_row: int) -> None:
        self.max_in_a_row = max_in_a_row
        self.total = 0
        self.since: int | None = None
        self.what = ""

    def count(self, update: int, losses: Mapping[str, Any]) -> None:
        """Note whether an update was skipped, and why."""
        if not float(losses[BAD_STEPS]):
            self.since = None
            return
        self.total += 1
        self.since = self.since or update
        self.what = ", ".join(f"{name} loss {float(loss)}" for name, loss in losses.items()
                              if not math.isfinite(float(loss))) or "a gradient"

    def too_many(self, update: int) -> bool:
        """Return whether the last `max_in_a_row` updates, up to this one, were skipped."""
        return self.since is not None and update + 1 - self.since >= self.max_in_a_row

    def told(self, update: int) -> str:
        """Explain why a run stops after this update."""
        assert self.since is not None
        return (f"every update since number {self.since} was skipped, "
                f"{update + 1 - self.since} in a row: not finite ({self.what}).")

    def to_json(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"total": self.total, "since": self.since, "what": self.what}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore what `to_json` returned."""
        self.total, self.since, self.what = state["total"], state["since"], state["what"]
