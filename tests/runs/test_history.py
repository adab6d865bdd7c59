"""What a run keeps of its updates: losses, scores, the best weights and `history.csv`."""

import csv
import json
import math

import pytest

from microgan.runs.bad_steps import BAD_STEPS
from microgan.runs.history import History

GOOD = {"pixel": 1.0, BAD_STEPS: 0.0}
BAD = {"pixel": math.nan, BAD_STEPS: 1.0}


def rows_of(folder):
    with open(folder / "history.csv") as file:
        return list(csv.DictReader(file))


def record(history, scores, losses):
    """Validate after every second update; return the updates that were the best so far."""
    scores, best = iter(scores), []
    for update, each in enumerate(losses, start=1):
        history.add(each)
        if update % 2 == 0 and history.record(update, {"score": next(scores)}):
            best.append(update)
        history.write()
    return best


def test_losses_are_averaged_between_validations_and_the_best_is_told(tmp_path):
    history = History(tmp_path)

    best = record(history, [10, 30, 20], [{**GOOD, "pixel": float(n)} for n in range(1, 7)])

    assert [float(row["pixel_loss"]) for row in rows_of(tmp_path)] == [1.5, 3.5, 5.5]
    assert best == [2, 4] and history.best_update == 4


@pytest.mark.parametrize("scores, kept, best_score", [
    ([-math.inf] * 3, [2], None), ([math.nan] * 3, [2], None), ([math.nan, 3, 2], [2, 4], 3),
    ([-math.inf, math.nan, 1], [2, 6], 1)])
def test_some_weights_are_kept_where_scores_are_not_finite(tmp_path, scores, kept, best_score):
    history = History(tmp_path)

    best = record(history, scores, 6 * [GOOD])

    assert best == kept
    assert json.loads(json.dumps(history.to_json()))["best_score"] == best_score


def test_skipped_updates_are_counted_and_not_averaged(tmp_path):
    record(History(tmp_path), [1, 2, 3], [GOOD, BAD, BAD, BAD, GOOD, GOOD])

    assert [row["bad_steps"] for row in rows_of(tmp_path)] == ["1", "2", "0"]
    assert [row["pixel_loss"] for row in rows_of(tmp_path)] == ["1.0", "nan", "1.0"]


def test_time_of_validations_does_not_count(tmp_path, monkeypatch):
    now = 100.0
    monkeypatch.setattr("microgan.runs.history.time.monotonic", lambda: now)
    history = History(tmp_path)
    history.start()

    now = 103.0
    with history.clock_stopped():
        now = 150.0
        assert history.seconds == 3.0
    now = 151.0

    assert history.seconds == 4.0


def test_a_resumed_history_no_longer_holds_losses_that_are_not_computed(tmp_path):
    history = History(tmp_path)
    history.add({"content": 1.0, "pixel": 2.0, BAD_STEPS: 0.0})

    history.add({"content": 3.0, BAD_STEPS: 0.0})
    history.record(2, {"score": 1.0})

    assert history.rows[0]["content_loss"] == 2.0 and "pixel_loss" not in history.rows[0]
