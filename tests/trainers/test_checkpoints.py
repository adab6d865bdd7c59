import zipfile

import numpy as np
import pytest

from microgan.errors import UserError
from microgan.runs.checkpoints import load_last_checkpoint, save_checkpoint


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
