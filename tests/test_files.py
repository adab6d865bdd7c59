import errno
import json
import os
import secrets

import pytest

from microgan.errors import UserError
from microgan.files import is_partial, name_when_whole, write_json, written_whole


def test_file_appears_only_when_it_is_complete(tmp_path):
    path = tmp_path / "result.txt"

    with written_whole(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()

    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="Windows cannot flush a folder")
def test_file_is_on_disk_before_it_is_renamed_and_its_folder_after(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace

    def flush(descriptor):
        calls.append(os.readlink(f"/proc/self/fd/{descriptor}").rpartition("/")[2]
                     if os.path.exists("/proc/self/fd") else "")
        fsync(descriptor)

    def rename(old, new):
        calls.append("rename")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", rename)
    with written_whole(tmp_path / "result.txt") as temporary:
        temporary.write_text("new")

    assert calls in ([temporary.name, "rename", tmp_path.name], ["", "rename", ""])


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failed_flush_or_rename_leaves_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "result.txt"
    path.write_text("old")

    def fail(*arguments):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(UserError, match="result.txt: Input/output error"):
        with written_whole(path) as temporary:
            temporary.write_text("new")

    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["history.csv", "image.ome.tif", "no_suffix", "v1.2.json"])
def test_partial_file_tells_what_it_was_to_become(tmp_path, name):
    with written_whole(tmp_path / name) as temporary:
        temporary.touch()

    assert is_partial(temporary.name) and name_when_whole(temporary.name) == name
    assert not is_partial(name) and name_when_whole(name) == name


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")

    with pytest.raises(ZeroDivisionError):
        with written_whole(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_is_a_mistake_with_a_remedy(tmp_path):
    with pytest.raises(UserError, match="Cannot write .*result.txt: No space.*Free some"):
        with written_whole(tmp_path / "result.txt") as temporary:
            temporary.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    assert not list(tmp_path.iterdir())


def test_nothing_is_written_through_a_link_or_over_another_file(tmp_path, monkeypatch):
    monkeypatch.setattr(secrets, "token_hex", lambda size: "7")
    precious = tmp_path / "precious"
    precious.write_text("old")
    (tmp_path / ".a.7.partial.json").symlink_to(precious)

    with pytest.raises(UserError, match="Cannot write .*a.json: File exists"):
        write_json(tmp_path / "a.json", 1)

    assert precious.read_text() == "old" and (tmp_path / ".a.7.partial.json").is_symlink()
    assert not (tmp_path / "a.json").exists()


def test_the_temporary_name_cannot_be_foreseen(tmp_path):
    names = set()
    for _ in range(2):
        with written_whole(tmp_path / "a.json") as temporary:
            names.add(temporary.name)

    assert len(names) == 2


@pytest.mark.parametrize("name", [251 * "x" + ".tif", 61 * "\N{GRINNING FACE}" + ".ome.tif",
                                  125 * "µ" + ".json", "x" + 125 * "é" + ".npz",
                                  os.fsdecode(251 * b"\xe9" + b".tif")],
                         ids=["ascii", "emoji", "µ", "é", "latin-1"])
def test_a_name_as_long_as_names_may_be_can_be_written(tmp_path, name):
    assert 250 <= len(os.fsencode(name)) <= 255

    with written_whole(tmp_path / name) as temporary:
        temporary.write_text("new")

    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_temporary_file_keeps_the_suffix(tmp_path):
    with written_whole(tmp_path / "image.tif") as temporary:
        assert temporary.suffix == ".tif"
        temporary.touch()


def test_json_without_nan(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, None]})

    assert json.loads((tmp_path / "a.json").read_text()) == {"b": [1, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", float("nan"))
