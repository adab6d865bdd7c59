import zipfile

import keras
import numpy as np
import pytest

from microgan.errors import UserError
from microgan.runs.bad_steps import BAD_STEPS, BadSteps
from microgan.runs.checkpoints import Checkpoints, load_last_checkpoint, save_checkpoint
from microgan.runs.history import History


def arrays(megabytes):
    return {"net": [np.full(megabytes * 2**18, megabytes, np.float32)], "best_weights": []}


def test_full_disk_keeps_the_checkpoint_before(small_disk):
    save_checkpoint(small_disk, 1, arrays(40), {})

    for attempt in range(2):  # the failure must leave the disk as it was
        with pytest.raises(UserError, match="update_000002.npz: No space left on device"):
            save_checkpoint(small_disk, 2, arrays(30), {})

    assert [path.name for path in small_disk.iterdir()] == ["update_000001.npz"]
    loaded, state = load_last_checkpoint(small_disk)
    assert state["update"] == 1
    np.testing.assert_array_equal(loaded["net"][0], arrays(40)["net"][0])


@pytest.mark.parametrize("space_kb", [0, 100, 1000])
def test_write_that_fails_keeps_the_checkpoint_before(tmp_path, monkeypatch, space_kb):
    """The same without mounting: the archive's file takes so much, then no more."""
    save_checkpoint(tmp_path, 1, arrays(1), {})
    open_usually = zipfile.io.open

    def open_nearly_full(path, mode="r", *arguments, **settings):
        file = open_usually(path, mode, *arguments, **settings)
        if "w" in mode:
            write_usually = file.write

            def write(content):
                if file.tell() > 1024 * space_kb:
                    raise OSError(28, "No space left on device")
                return write_usually(content)

            file.write = write
        return file

    monkeypatch.setattr(zipfile.io, "open", open_nearly_full)
    with pytest.raises(UserError, match="No space left on device"):
        save_checkpoint(tmp_path, 2, arrays(2), {})

    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["update_000001.npz"]
    assert load_last_checkpoint(tmp_path)[1]["update"] == 1


def test_arrays_and_state_come_back_as_they_were(tmp_path):
    saved = {"net": [np.float32([[1, 2]]), np.int64(7)], "empty": [],
             "random": [np.uint32([3, 4])]}

    save_checkpoint(tmp_path, 5, saved, {"rows": [{"loss": 0.5}]})
    loaded, state = load_last_checkpoint(tmp_path)

    assert state == {"rows": [{"loss": 0.5}], "update": 5, "owners": list(saved)}
    assert list(loaded) == list(saved)
    for owner in saved:
        for old, new in zip(saved[owner], loaded[owner], strict=True):
            assert new.dtype == old.dtype and np.array_equal(old, new)


GOOD = {"pixel": 1.0, BAD_STEPS: 0.0}


def make_checkpoints(folder, variables, history=None, *, every=10**9, minutes=10**6):
    return Checkpoints(folder, variables, history or History(folder), BadSteps(9), every=every,
                       minutes=minutes)


@pytest.mark.parametrize("interval", [{"minutes": 1e-9}, {"every": 1}])
def test_checkpoint_restores_variables_and_history_and_keeps_two(tmp_path, interval):
    variable = keras.Variable([1.0, 2.0])
    history, scores = History(tmp_path), iter([5, 7, 6])
    checkpoints = make_checkpoints(tmp_path / "checkpoint", {"net": [variable]}, history,
                                   **interval)
    for update in range(1, 6):
        variable.assign([update, -update])
        history.add(GOOD)
        if update % 2 == 0:
            history.record(update, {"score": next(scores)})
        checkpoints.save_if_due(update)
    variable.assign([0.0, 0.0])
    fresh = History(tmp_path)
    restored = make_checkpoints(tmp_path / "checkpoint", {"net": [variable]}, fresh)

    update = restored.restore()

    assert update == 5
    np.testing.assert_array_equal(variable.numpy(), [5, -5])
    assert fresh.rows == history.rows
    assert (fresh.best_update, fresh.best_score) == (4, 7)
    assert fresh.to_json()["sums"] == {"pixel": 1.0}
    names = sorted(path.name for path in (tmp_path / "checkpoint").iterdir())
    assert names == ["update_000004.npz", "update_000005.npz"]


def test_checkpoint_of_other_networks_is_refused(tmp_path):
    make_checkpoints(tmp_path, {"net": [keras.Variable([1.0])]}).save(1)

    with pytest.raises(UserError, match="does not fit the net"):
        make_checkpoints(tmp_path, {"net": [keras.Variable([[1.0]])]}).restore()


def test_the_last_of_a_million_updates_is_the_last(tmp_path):
    for update in (999_999, 1_000_000, 1_000_001):
        save_checkpoint(tmp_path, update, {"best_weights": []}, {})

    assert load_last_checkpoint(tmp_path)[1]["update"] == 1_000_001
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("names, remedy", [
    (["000003"], "start again with --overwrite"),
    (["000002", "000003"], "Delete it to continue from update_000002.npz")])
def test_damaged_checkpoint_is_named(tmp_path, names, remedy):
    for name in names:
        (tmp_path / f"update_{name}.npz").write_bytes(b"half")

    with pytest.raises(UserError, match=f"update_000003.npz is damaged: .*{remedy}"):
        make_checkpoints(tmp_path, {}).restore()


def test_checkpoint_that_lacks_something_is_damaged(tmp_path):
    save_checkpoint(tmp_path, 3, {"best_weights": []}, {"rows": []})

    with pytest.raises(UserError, match="update_000003.npz is damaged: it lacks 'best_update'"):
        make_checkpoints(tmp_path, {}).restore()


def test_no_checkpoint_starts_from_nothing(tmp_path):
    assert make_checkpoints(tmp_path, {}).restore() == 0
