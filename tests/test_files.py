import errno
import json

import pytest

from microgan.errors import UserError
from microgan.files import write_json, written_whole


def test_file_appears_only_when_it_is_complete(tmp_path):
    path = tmp_path / "result.txt"

    with written_whole(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()

    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


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


def test_temporary_file_keeps_the_suffix(tmp_path):
    with written_whole(tmp_path / "image.tif") as temporary:
        assert temporary.suffix == ".tif"
        temporary.touch()


def test_json_without_nan(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, None]})

    assert json.loads((tmp_path / "a.json").read_text()) == {"b": [1, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", float("nan"))
