"""One rule says which files are found, which names match, and how a task may be called."""

import os
import unicodedata

import numpy as np
import pytest
import tifffile

from microgan.config import CGANConfig
from microgan.datasets.image_planes import find_images
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.datasets.paired_arrays import find_datasets, load_pairs, load_test_pairs
from microgan.datasets.unpaired_arrays import load_extra_clean
from microgan.datasets.z_stacks import find_stacks
from microgan.errors import UserError
from microgan.generator_file import GeneratorInfo
from microgan.files.names import check_task_name, matching_name, noted_skipped, shown
from microgan.restoration.image_files import images_in_folder

COMPOSED = "Zellen é"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)
RANGES = TaskNormalization(IntensityRange(0, 1), IntensityRange(0, 1))
FINDERS = [images_in_folder, find_images, find_stacks, lambda folder: find_stacks(folder / "*")]


def write_image(path, side=16):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(1).integers(0, 255, (side, side), np.uint8)
    if path.suffix.lower() == ".npy":
        np.save(path.with_suffix(".npy"), np.stack([image, image]))
        path.with_suffix(".npy").rename(path)
    else:
        tifffile.imwrite(path, image)


@pytest.mark.parametrize("find", FINDERS)
def test_hidden_and_other_files_are_skipped_and_listed_alike(tmp_path, capsys, find):
    for name in ("a.tif", "B.TIF"):
        write_image(tmp_path / name)
    for name in ("._a.tif", ".DS_Store", "Thumbs.db", "notes.txt"):
        (tmp_path / name).write_bytes(b"\0\5\26\7 nothing")

    assert [path.name for path in find(tmp_path)] == ["B.TIF", "a.tif"]
    said = capsys.readouterr().out
    assert said.startswith(str(tmp_path)) and said.endswith("Thumbs.db, notes.txt.\n")
    # A pattern matches no hidden file.
    assert "4 files skipped: .DS_Store, ._a.tif, " in said or "2 files skipped: Thumbs" in said


@pytest.mark.parametrize("find", FINDERS)
@pytest.mark.parametrize("names", [("a.tif", "a.TIF"),
                                   (f"{COMPOSED}.tif", f"{DECOMPOSED}.tif")])
def test_one_name_written_in_two_ways_is_explained_alike(tmp_path, find, names):
    for name in names:
        write_image(tmp_path / name)

    with pytest.raises(UserError, match="beside it are one name.*Rename or remove one"):
        find(tmp_path)


def test_few_skipped_files_are_named_and_all_are_counted(tmp_path, capsys):
    write_image(tmp_path / "a.tif")
    for number in range(9):
        (tmp_path / f"{number}.txt").touch()

    find_images(tmp_path)

    assert "9 files skipped: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt, ....\n" in capsys.readouterr().out


@pytest.mark.parametrize("number, end", [(1, "1 file skipped: 10.txt."),
                                         (20, ", 28.txt, 29.txt."),
                                         (23, ", 28.txt, 29.txt and 3 more.")])
def test_skipped_files_are_noted_once_and_named_further_than_printed(tmp_path, number, end):
    write_image(tmp_path / "a.tif")
    for name in range(10, 10 + number):
        (tmp_path / f"{name}.txt").touch()

    find_images(tmp_path)
    with noted_skipped() as noted:
        find_images(tmp_path)
        find_images(tmp_path)
    (tmp_path / "later.txt").touch()
    find_images(tmp_path)

    line, = noted
    assert line.startswith(f"{tmp_path}: {number} file") and line.endswith(end)
    assert all(f"{name}.txt" in line for name in range(10, min(30, 10 + number)))


def test_hidden_files_beside_arrays_are_no_data_sets(tmp_path, capsys):
    for name in ("Cells_X.npy", "Cells_Y.npy", ".Hidden/degraded/1.tif"):
        write_image(tmp_path / name)
    for name in ("._Cells_X.npy", "._Cells_Y.npy", "._Cells.npz"):
        (tmp_path / name).write_bytes(b"\0\5\26\7 nothing")

    assert find_datasets(tmp_path) == ("Cells",)
    assert "3 files skipped: ._Cells.npz, ._Cells_X.npy, ._Cells_Y.npy." in capsys.readouterr().out


def test_an_archive_of_something_else_is_no_data_set(tmp_path, capsys):
    for name in ("Cells_X.npy", "Cells_Y.npy"):
        write_image(tmp_path / name)
    np.savez(tmp_path / "weights.npz", a=1)

    assert find_datasets(tmp_path) == ("Cells",)
    assert "1 file skipped: weights.npz (no X or Y in it).\n" in capsys.readouterr().out


@pytest.mark.parametrize("on_disk", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED])
def test_a_data_set_is_found_however_its_name_is_written(tmp_path, on_disk, typed):
    for name in ("_X.npy", "_Y.NPY", "_test_X.npy", "_test_Y.npy", "_extra_Y.npy"):
        write_image(tmp_path / f"{on_disk}{name}")
    config = CGANConfig.create(datasets=[typed])

    (name,) = config.datasets

    assert (name,) == find_datasets(tmp_path) == (COMPOSED,)
    assert len(load_pairs(tmp_path, name)) == len(load_test_pairs(tmp_path, name)) == 2
    assert len(load_extra_clean(tmp_path, name)) == 2


def test_folders_of_pairs_are_matched_however_names_are_written(tmp_path):
    for number, names in enumerate([("é", "degraded/é.tif", "clean/e\u0301.TIF"),
                                    ("e", "degraded/f.TIF", "clean/f.tif")]):
        for name in names[1:]:
            write_image(tmp_path / DECOMPOSED / name, side=16 + number)

    pairs = load_pairs(tmp_path, COMPOSED)

    assert [[image.shape for image in images] for images in (pairs.degraded, pairs.clean)] == [
        [(17, 17), (16, 16)]] * 2


GOOD = ["Cells", "a b", "v1.2", "7", "細胞", COMPOSED, 100 * "é", "100 % (a)_b-c"]
BAD = {"": "one character", "nb\u00a0sp": r"'\\xa0' cannot be printed", "a\nb": r"'\\n' cannot",
       "a\tb": r"'\\t'", "a\x1b[2Jb": r"'\\x1b'", "a\u202eb": r"'\\u202e'", "a\u200bb": r"u200b",
       "caf\udce9": r"'\\udce9' cannot be printed", "a\\b": r"allows '\\'", "a/b": "allows '/'",
       "../../evil": "allows '/'", "a:b": "allows ':'", "a?": r"allows '\?'",
       "a|b": r"allows '\|'", ".": "begin or end", "a.": "begin or end",
       " a": "begin or end", "a ": "begin or end", "CON": "device", "nul.x": "device",
       "Com1": "device", 201 * "a": "longer than 200 bytes", 101 * "é": "longer than 200"}


@pytest.mark.parametrize("name", GOOD)
def test_good_names_of_tasks_are_read_and_written(tmp_path, name):
    for letter in "XY":
        write_image(tmp_path / f"{name}_{letter}.npy")
    info = GeneratorInfo("cgan", "unet", {}, (name,), {name: RANGES}, "YX", "0", "")

    assert load_pairs(tmp_path, name).name == name
    assert GeneratorInfo.from_json(info.to_json()) == info
    assert check_task_name(unicodedata.normalize("NFD", name)) == name


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_bad_names_of_tasks_are_refused_by_the_data_the_writer_and_the_reader(tmp_path, name):
    good = GeneratorInfo("cgan", "unet", {}, ("A",), {"A": RANGES}, "YX", "0", "").to_json()
    words = f"cannot be the name of a task: .*{BAD[name]}.* Rename"

    with pytest.raises(UserError, match=words) as refused:
        check_task_name(name)
    with pytest.raises(UserError, match=words):
        GeneratorInfo("cgan", "unet", {}, (name,), {name: RANGES}, "YX", "0", "")
    with pytest.raises(UserError, match=words):
        GeneratorInfo.from_json({**good, "tasks": [name]})
    if "/" not in name and name not in ("", "."):
        with pytest.raises(UserError, match=words):
            load_pairs(tmp_path, name)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("name", [None, 7, ["A"], b"A"])
def test_what_is_no_text_is_no_name_of_a_task(name):
    with pytest.raises(UserError, match="it must be a text"):
        check_task_name(name)


def test_suffixes_of_images_alone_are_matched_whatever_their_capitals():
    assert matching_name("a.TIF") == "a.tif" and matching_name("a.OME.Tiff") == "a.OME.tiff"
    assert matching_name("Cells.V2") == "Cells.V2" != matching_name("Cells.v2")


def test_a_name_that_is_not_utf_8_is_shown_by_its_bytes():
    assert shown(os.fsdecode(b"caf\xe9.tif")) == r"caf\xe9.tif" and shown("é") == "é"
