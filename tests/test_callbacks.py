import csv
import json
import math
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from microgan.runs.callbacks import BadSteps, Checkpoints, Progress, Recorder
from microgan.errors import Diverged, UserError
from microgan.runs.checkpoints import load_last_checkpoint, save_checkpoint
from microgan.runs.guard import BAD_STEPS
from microgan.runs.loop import run_updates


GOOD = {"pixel": 1.0, BAD_STEPS: 0.0}
BAD = {"pixel": math.nan, BAD_STEPS: 1.0}


def make_checkpoints(folder, variables, recorder, bad_steps=None, *, every=10**9, minutes=10**6):
    return Checkpoints(folder, variables, recorder, bad_steps or BadSteps(9), every=every,
                       minutes=minutes)


def make_recorder(folder, scores, best, **changes):
    """A recorder whose validations give `scores` in turn; `best` collects what was kept."""
    remaining = iter(scores)
    settings = {"num_iters": 6, "validate_every": 2,
                "validate": lambda: {"score": next(remaining)},
                "get_weights": lambda: [np.array([1.0])],
                "on_best": lambda update, weights: best.append(update),
                "on_validated": lambda update, rows: None}
    return Recorder(folder, **{**settings, **changes})


def test_recorder_averages_losses_and_keeps_the_best(tmp_path):
    best = []
    recorder = make_recorder(tmp_path, [10, 30, 20], best)

    recorder.on_train_begin()
    for update in range(1, 7):
        recorder.on_train_batch_end(update, {**GOOD, "pixel": float(update)})

    with open(tmp_path / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["pixel_loss"]) for row in rows] == [1.5, 3.5, 5.5]
    assert best == [2, 4] and recorder.best_update == 4


@pytest.mark.parametrize("scores, kept, best_score", [
    ([-math.inf] * 3, [2], None), ([math.nan] * 3, [2], None), ([math.nan, 3, 2], [2, 4], 3),
    ([-math.inf, math.nan, 1], [2, 6], 1)])
def test_some_weights_are_kept_where_scores_are_not_finite(tmp_path, scores, kept, best_score):
    best = []
    recorder = make_recorder(tmp_path, scores, best)

    recorder.on_train_begin()
    for update in range(1, 7):
        recorder.on_train_batch_end(update, GOOD)

    assert best == kept
    assert json.loads(json.dumps(recorder.to_json()))["best_score"] == best_score


def test_last_update_is_validated_even_off_the_beat(tmp_path):
    recorder = make_recorder(tmp_path, [1, 2], [], num_iters=3)

    recorder.on_train_begin()
    for update in range(1, 4):
        recorder.on_train_batch_end(update, GOOD)

    assert [row["update"] for row in recorder.rows] == [2, 3]


def test_bad_steps_are_counted_in_the_history_and_not_averaged(tmp_path):
    recorder = make_recorder(tmp_path, [1, 2, 3], [])

    recorder.on_train_begin()
    for update, logs in enumerate([GOOD, BAD, BAD, BAD, GOOD, GOOD], start=1):
        recorder.on_train_batch_end(update, logs)

    with open(tmp_path / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["bad_steps"] for row in rows] == ["1", "2", "0"]
    assert [row["pixel_loss"] for row in rows] == ["1.0", "nan", "1.0"]


def test_run_stops_after_too_many_bad_steps_in_a_row_and_saves(tmp_path):
    recorder = make_recorder(tmp_path, [1] * 9, [], num_iters=99)
    bad_steps = BadSteps(3)
    checkpoints = make_checkpoints(tmp_path, {"net": []}, recorder, bad_steps)
    callbacks = keras.callbacks.CallbackList([bad_steps, recorder, checkpoints])

    with pytest.raises(Diverged, match=r"since number 5 was undone, 3 in a row: .*pixel loss nan"):
        run_updates(lambda logs: logs, [BAD, BAD, GOOD, GOOD, BAD, BAD, BAD, BAD],
                    first_update=0, callbacks=callbacks)

    assert bad_steps.total == 5
    state = load_last_checkpoint(tmp_path)[1]
    assert state["update"] == 7 and state["bad_steps"]["since"] == 5


def test_updates_run_in_a_thread_which_hears_no_signals():
    seen = []
    callbacks = keras.callbacks.CallbackList([keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda number, logs: seen.append(number))])
    with ThreadPoolExecutor(1) as thread:
        thread.submit(run_updates, lambda logs: logs, [GOOD, GOOD], first_update=0,
                      callbacks=callbacks).result()

    assert seen == [1, 2]


@pytest.mark.parametrize("interval", [{"minutes": 1e-9}, {"every": 1}])
def test_checkpoint_restores_variables_and_history_and_keeps_two(tmp_path, interval):
    variable = keras.Variable([1.0, 2.0])
    recorder = make_recorder(tmp_path, [5, 7, 6], [])
    checkpoints = make_checkpoints(tmp_path / "checkpoint", {"net": [variable]}, recorder,
                                   **interval)
    for callback in (recorder, checkpoints):
        callback.on_train_begin()
    for update in range(1, 6):
        variable.assign([update, -update])
        for callback in (recorder, checkpoints):
            callback.on_train_batch_end(update, GOOD)
    variable.assign([0.0, 0.0])
    fresh = make_recorder(tmp_path, [], [])
    restored = make_checkpoints(tmp_path / "checkpoint", {"net": [variable]}, fresh)

    update = restored.restore()

    assert update == 5
    np.testing.assert_array_equal(variable.numpy(), [5, -5])
    assert fresh.rows == recorder.rows
    assert (fresh.best_update, fresh.best_score) == (4, 7)
    assert fresh.to_json()["sums"] == {"pixel": 1.0}
    names = sorted(path.name for path in (tmp_path / "checkpoint").iterdir())
    assert names == ["update_000004.npz", "update_000005.npz"]


def test_checkpoint_of_other_networks_is_refused(tmp_path):
    recorder = make_recorder(tmp_path, [], [])
    make_checkpoints(tmp_path, {"net": [keras.Variable([1.0])]}, recorder)._save()

    with pytest.raises(UserError, match="does not fit the net"):
        make_checkpoints(tmp_path, {"net": [keras.Variable([[1.0]])]}, recorder).restore()


def test_the_last_of_a_million_updates_is_the_last(tmp_path):
    for update in (999_999, 1_000_000, 1_000_001):
        save_checkpoint(tmp_path, update, {"best_weights": []}, {})

    assert load_last_checkpoint(tmp_path)[1]["update"] == 1_000_001
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("names, remedy", [
    (["000003"], "start again with --overwrite"),
    (["000002", "000003"], "Delete it to go on from update_000002.npz")])
def test_damaged_checkpoint_is_named(tmp_path, names, remedy):
    for name in names:
        (tmp_path / f"update_{name}.npz").write_bytes(b"half")

    with pytest.raises(UserError, match=f"update_000003.npz is damaged: .*{remedy}"):
        make_checkpoints(tmp_path, {}, make_recorder(tmp_path, [], [])).restore()


def test_checkpoint_that_lacks_something_is_damaged(tmp_path):
    save_checkpoint(tmp_path, 3, {"best_weights": []}, {"rows": []})

    with pytest.raises(UserError, match="update_000003.npz is damaged: it lacks 'best_update'"):
        make_checkpoints(tmp_path, {}, make_recorder(tmp_path, [], [])).restore()


def test_no_checkpoint_starts_from_nothing(tmp_path):
    assert make_checkpoints(tmp_path, {}, make_recorder(tmp_path, [], [])).restore() == 0


def test_progress_tells_the_pace_of_the_last_minute_and_the_time_left_at_it(capsys):
    now = 0.0
    progress = Progress(num_iters=1000, batch_size=8, bad_steps=BadSteps(9), clock=lambda: now)

    progress.on_train_begin()
    for update in range(1, 401):  # half a minute to compile, two seconds each, then a quarter
        now += 30 if update == 1 else 2 if update <= 100 else 0.25
        progress.on_train_batch_end(update, GOOD)

    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "update 2/1000  4 images/s  pixel 1.0000  33 min left"
    assert lines[-1] == "update 396/1000  32 images/s  pixel 1.0000  3 min left"
