import errno
import json
import os
import secrets
import subprocess
import sys

import pytest

from helpers import ROOT
from microgan.errors import UserError
from microgan.files.whole import (
    check_can_write, folder_written_whole, is_partial, make_folder, name_when_whole, put_back,
    write_json, written_whole)


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


def test_a_name_that_cannot_be_written_is_told_before_the_work(tmp_path):
    check_can_write(tmp_path / "a.tif")
    with pytest.raises(UserError, match="name too long. Choose a shorter name"):
        check_can_write(tmp_path / (252 * "x" + ".tif"))
    with pytest.raises(UserError, match="No such file"):
        check_can_write(tmp_path / "none" / "a.tif")
    (tmp_path / "b.tif").mkdir()
    with pytest.raises(UserError, match="b.tif: It is a folder. Remove it"):
        check_can_write(tmp_path / "b.tif")
    (tmp_path / "b.tif").rmdir()

    assert not list(tmp_path.iterdir())


def test_temporary_file_keeps_the_suffix(tmp_path):
    with written_whole(tmp_path / "image.tif") as temporary:
        assert temporary.suffix == ".tif"
        temporary.touch()


def test_json_without_nan(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, None]})

    assert json.loads((tmp_path / "a.json").read_text()) == {"b": [1, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", float("nan"))


def content_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_text()
            for path in folder.rglob("*") if path.is_file()}


def write_folder(folder, text):
    with folder_written_whole(folder) as new:
        (new / "inner").mkdir()
        (new / "inner" / "a.txt").write_text(text)
        (new / "b.txt").write_text(text)


def test_folder_takes_the_place_of_the_earlier_one(tmp_path):
    folder = tmp_path / "image.zarr"
    write_folder(folder, "old")
    (folder / "other.txt").touch()

    write_folder(folder, "new")

    assert content_of(tmp_path) == {"image.zarr/inner/a.txt": "new", "image.zarr/b.txt": "new"}
    assert list(tmp_path.iterdir()) == [folder]


def test_failure_leaves_the_old_folder_and_nothing_else(tmp_path):
    folder = tmp_path / "image.zarr"
    write_folder(folder, "old")

    with pytest.raises(ZeroDivisionError):
        with folder_written_whole(folder) as new:
            (new / "b.txt").write_text("half")
            raise ZeroDivisionError

    assert set(content_of(folder).values()) == {"old"} and list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("number", [1, 2])
def test_failed_rename_leaves_the_old_folder(tmp_path, monkeypatch, number):
    folder = tmp_path / "image.zarr"
    write_folder(folder, "old")
    rename, calls = os.rename, []

    def fail(old, new):
        calls.append(new)
        if len(calls) == number:
            raise OSError(errno.EACCES, "Permission denied")
        rename(old, new)

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(UserError, match="image.zarr: Permission denied.*before is untouched"):
        write_folder(folder, "new")

    assert set(content_of(folder).values()) == {"old"} and list(tmp_path.iterdir()) == [folder]


def test_link_is_replaced_and_not_followed(tmp_path):
    elsewhere, link = tmp_path / "elsewhere", tmp_path / "image.zarr"
    write_folder(elsewhere, "old")
    link.symlink_to(elsewhere)

    write_folder(link, "new")

    assert set(content_of(elsewhere).values()) == {"old"}
    assert set(content_of(link).values()) == {"new"} and not link.is_symlink()


KILLED_AT_EVERY_STEP = """
import os, signal, sys
from pathlib import Path
from microgan.files.whole import folder_written_whole

def write(folder, text):
    with folder_written_whole(folder) as new:
        (new / "inner").mkdir()
        (new / "inner" / "a.txt").write_text(text)
        (new / "b.txt").write_text(text)

def killed_at(last):
    step = 0
    def count(event, arguments):
        nonlocal step
        if event.split(".")[0] in ("open", "os", "shutil"):
            step += 1
            if step == last:
                os.kill(os.getpid(), signal.SIGKILL)
    return count

step, status = 0, None
while status != 0:
    step += 1
    folder = Path(sys.argv[1], str(step), "image.zarr")
    folder.parent.mkdir()
    write(folder, "old")
    child = os.fork()
    if not child:
        sys.addaudithook(killed_at(step))
        write(folder, "new")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
def test_folder_is_whole_after_a_kill_at_any_step(tmp_path, capsys):
    """Before every opening, making, renaming and removing of a file or folder."""
    subprocess.run([sys.executable, "-c", KILLED_AT_EVERY_STEP, tmp_path], cwd=ROOT, check=True)

    found = []
    for step in range(1, 1 + len(list(tmp_path.iterdir()))):
        folder = tmp_path / str(step) / "image.zarr"
        put_back(folder)
        assert list(folder.parent.iterdir()) == [folder]
        texts = content_of(folder)
        assert set(texts) == {"inner/a.txt", "b.txt"}
        found += set(texts.values())
    assert len(found) == step > 20 and found == sorted(found, reverse=True)
    assert set(found) == {"old", "new"}
    lines = capsys.readouterr().out
    assert "put back, since the program" in lines and "removed; the program" in lines


def test_folder_that_another_program_writes_is_left_alone(tmp_path, capsys):
    folder = tmp_path / "image.zarr"

    with folder_written_whole(folder) as new:
        (new / "b.txt").write_text("new")
        put_back(folder)

    assert content_of(folder) == {"b.txt": "new"} and not capsys.readouterr().out


def test_foreign_folders_are_not_cleaned_up(tmp_path):
    folder = tmp_path / "image.zarr"
    foreign, elsewhere = tmp_path / ".image.0123abcd.partial.zarr", tmp_path / "elsewhere"
    foreign.mkdir()
    (foreign / "mine.txt").touch()
    elsewhere.mkdir()
    (tmp_path / ".image.0123abce.partial.zarr").symlink_to(elsewhere)

    put_back(folder)

    assert (foreign / "mine.txt").exists() and elsewhere.exists()


@pytest.mark.parametrize("name, words", [
    ("a.tif", "--output=.*a.tif: it is a file. Choose another."),
    ("a.tif/deep/er", "--output=.*a.tif/deep/er: .*a.tif is a file. Choose another.")])
def test_file_where_a_folder_should_be_is_called_a_file(tmp_path, name, words):
    (tmp_path / "a.tif").touch()

    with pytest.raises(UserError, match=f"^Cannot create the folder {words}$"):
        make_folder(tmp_path / name, "--output")
