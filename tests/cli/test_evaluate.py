"""evaluate.py from flags to tables and figures."""

import csv
import json
import os

import h5py
import numpy as np
import pytest
import tifffile

from helpers import assert_mistake, run_script
from microgan.cli.evaluate import main
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.datasets.paired_arrays import load_pairs
from microgan.datasets.splits import fingerprint
from microgan.generator_file import (
    GeneratorInfo, build_network, load_generator, read_info, save_generator)

RANGES = TaskNormalization(IntensityRange(0, 255), IntensityRange(0, 255))
FILES = {"scores.md", "scores.csv", "scores.json", "scores_per_image.csv"}


@pytest.fixture(scope="module")
def saved_generator(tmp_path_factory):
    """A generator of three tasks that gives its input back, as bytes."""
    tasks = ("Blobs", "Stripes", "Cells")
    info = GeneratorInfo("cgan", "unet", {"filters": 2, "depth": 1}, tasks,
                         dict.fromkeys(tasks, RANGES), "YX", "0.1.0", "")
    path = tmp_path_factory.mktemp("generator") / "generator.h5"
    save_generator(path, build_network(info).get_weights(), info)
    return path.read_bytes()


@pytest.fixture
def evaluate(saved_generator, data_dir, tmp_path, monkeypatch, capsys):
    """Run the program beside a run folder and `images`; gives status, output, error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "generator.h5").write_bytes(saved_generator)

    def run(*arguments):
        status = main(["evaluate.py", *arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


WITH_GENERATOR = ("--generator=run/generator.h5", "--data_dir=images", "--precision=float32")


def read_rows(folder):
    return json.loads((folder / "scores.json").read_text())


def image_names(folder, task):
    with open(folder / "scores_per_image.csv", newline="") as file:
        return [row["image"] for row in csv.DictReader(file)
                if (row["task"], row["method"], row["protocol"]) == (task, "restored", "care")]


def write_split(folder, **tasks):
    """Write the record of a training on the images that are there, unless it names others."""
    for name, split in tasks.items():
        pairs = load_pairs(folder / "images", name)
        split.setdefault("images", fingerprint(pairs.degraded, pairs.clean))
    (folder / "run" / "split.json").write_text(json.dumps(tasks))


def test_generator_is_scored_on_the_test_arrays_beside_the_raw_input(evaluate, tmp_path):
    status, out, _ = evaluate(*WITH_GENERATOR)

    assert status == 0
    assert {path.name for path in (tmp_path / "evaluation").iterdir()} == FILES | {
        "scores_Blobs.png", "scores_Stripes.png"}
    rows = read_rows(tmp_path / "evaluation")
    assert len(rows) == 12
    assert {(row["task"], row["method"]) for row in rows} == {
        (task, method) for task in ("Blobs", "Stripes") for method in ("raw input", "restored")}
    assert {(row["n"], row["split"]) for row in rows} == {(4, "test")}
    # The network gives its input back, so both rows are equal.
    for raw, restored in zip(rows[:3], rows[3:6]):
        assert raw["psnr"] == pytest.approx(restored["psnr"], rel=1e-4)
    assert "Not in images, so not scored: Cells." in out
    assert f"| {rows[1]['psnr']:.2f} / {rows[1]['ssim']:.3f} |" in out


def test_validation_pairs_come_from_the_run_folder(evaluate, tmp_path):
    write_split(tmp_path, Blobs={"train": [0], "validation": [7, 2, 5], "test": [],
                                 "test_from": None})

    status, _, _ = evaluate(*WITH_GENERATOR, "--datasets=Blobs", "--split=validation")

    assert status == 0
    assert image_names(tmp_path / "evaluation", "Blobs") == ["7", "2", "5"]
    degraded = np.load(tmp_path / "images" / "Blobs_X.npy")[[7, 2, 5]] / 255
    clean = np.load(tmp_path / "images" / "Blobs_Y.npy")[[7, 2, 5]] / 255
    row = next(row for row in read_rows(tmp_path / "evaluation") if row["protocol"] == "range")
    assert row["psnr"] == pytest.approx(
        np.mean(-10 * np.log10(((degraded - clean) ** 2).mean(axis=(1, 2)))))


def test_pairs_that_training_moved_are_scored_as_moved(evaluate, tmp_path):
    write_split(tmp_path, Blobs={"train": [0], "validation": [7, 2], "test": [],
                                 "test_from": None, "moves": {"2": [3, -1]}})

    status, _, _ = evaluate(*WITH_GENERATOR, "--datasets=Blobs", "--split=validation")

    assert status == 0
    degraded, clean = (np.load(tmp_path / "images" / f"Blobs_{letter}.npy") / 255
                       for letter in "XY")
    errors = [degraded[7] - clean[7], degraded[2][:-3, 1:] - clean[2][3:, :-1]]
    row = next(row for row in read_rows(tmp_path / "evaluation") if row["protocol"] == "range")
    assert row["psnr"] == pytest.approx(
        np.mean([-10 * np.log10((error ** 2).mean()) for error in errors]))


def test_held_out_pairs_are_tested_where_there_are_no_test_arrays(evaluate, tmp_path):
    for letter in "XY":
        (tmp_path / "images" / f"Blobs_test_{letter}.npy").unlink()
    write_split(tmp_path, Blobs={"train": [0], "validation": [1], "test": [8, 9],
                                 "test_from": "Blobs"})

    status, _, _ = evaluate(*WITH_GENERATOR, "--datasets=Blobs")

    assert status == 0
    assert image_names(tmp_path / "evaluation", "Blobs") == ["8", "9"]


def test_test_arrays_alone_are_enough(evaluate, tmp_path):
    for name in ("Blobs", "Stripes"):
        for letter in "XY":
            (tmp_path / "images" / f"{name}_{letter}.npy").unlink()

    status, _, _ = evaluate(*WITH_GENERATOR, "--eval_limit=3")

    assert status == 0
    assert image_names(tmp_path / "evaluation", "Stripes") == ["0", "1", "2"]


def test_stretched_tasks_have_no_range_score(evaluate, tmp_path):
    evaluate(*WITH_GENERATOR, "--stretched=Blobs")

    scored = {(row["task"], row["protocol"]): row["n"] for row in read_rows(
        tmp_path / "evaluation") if row["method"] == "restored"}
    assert scored["Blobs", "range"] == 0
    assert scored["Blobs", "care"] == scored["Stripes", "range"] == 4


@pytest.mark.parametrize("split, arguments, message", [
    (None, ["--split=validation"], "Nothing says which pairs of 'Blobs'"),
    ({}, ["--split=validation"], "does not say which pairs of 'Blobs'"),
    ({"validation": [], "test": [], "test_from": None, "images": ""}, ["--split=validation"],
     "kept no pairs of 'Blobs' for the validation"),
    ({"validation": [1], "test": [], "test_from": None, "images": "others"},
     ["--split=validation"], "pairs of 'Blobs' in images are not those of the training"),
])
def test_unknown_parts_are_one_line_errors(evaluate, tmp_path, split, arguments, message):
    if split is not None:
        write_split(tmp_path, **({"Blobs": split} if split else {}))

    status, _, err = evaluate(*WITH_GENERATOR, "--datasets=Blobs", *arguments)

    assert (status, len(err.splitlines())) == (2, 1)
    assert message in err
    assert not (tmp_path / "evaluation").exists()


def test_pairs_of_a_training_without_real_ones_chose_nothing(evaluate, tmp_path):
    pairs = load_pairs(tmp_path / "images", "Blobs")
    write_split(tmp_path, Blobs={"train": [], "validation": [0], "test": [], "test_from": None,
                                 "images": fingerprint((), pairs.clean)})

    status, _, err = evaluate(*WITH_GENERATOR, "--datasets=Blobs", "--split=validation")

    assert (status, len(err.splitlines())) == (2, 1)
    assert "Training had no real pairs of 'Blobs'" in err


def test_files_are_scored_plane_by_plane(evaluate, tmp_path, random):
    clean = random.uniform(0, 100, (3, 20, 30)).astype(np.float32)
    restored = clean + random.normal(0, 5, clean.shape).astype(np.float32)
    np.save(tmp_path / "clean.npy", clean)
    tifffile.imwrite(tmp_path / "restored.tif", np.moveaxis(restored, 0, 2),
                     metadata={"axes": "YXZ"}, photometric="minisblack")

    status, out, _ = evaluate("--restored=restored.tif", "--clean=clean.npy")

    assert status == 0
    rows = read_rows(tmp_path / "evaluation")
    assert [(row["method"], row["protocol"], row["n"]) for row in rows] == [
        ("restored", "paper", 3), ("restored", "range", 0), ("restored", "care", 3)]
    assert image_names(tmp_path / "evaluation", "files") == [
        "clean.npy[0]", "clean.npy[1]", "clean.npy[2]"]
    assert (tmp_path / "evaluation" / "scores_files.png").exists()
    assert "files, restored, range: the task has no intensity constants" in out
    assert ("clean.npy (clean) does not name its axis of 3 planes: they are compared in order "
            "with those of restored.tif (restored).") in out


def test_planes_are_paired_by_the_letters_of_the_axes(evaluate, tmp_path, random):
    clean = random.integers(0, 1000, (3, 2, 20, 30)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "clean.tif", clean, imagej=True, metadata={"axes": "ZCYX"})
    for name, noise in (("restored", 0), ("raw", 1)):
        tifffile.imwrite(tmp_path / f"{name}.ome.tif", clean.transpose(1, 0, 2, 3) + noise,
                         metadata={"axes": "CZYX"}, photometric="minisblack")

    status, out, _ = evaluate("--restored=restored.ome.tif", "--degraded=raw.ome.tif",
                              "--clean=clean.tif")

    assert status == 0
    assert "not name" not in out
    rows = [row for row in read_rows(tmp_path / "evaluation") if row["n"]]
    assert {(row["method"], row["n"]) for row in rows} == {("restored", 6), ("raw input", 6)}
    for row in rows:
        assert row["ssim"] > 0.9999  # paired by position: 0 and less


def test_axes_that_do_not_match_are_refused(evaluate, tmp_path, random):
    clean = random.integers(0, 1000, (3, 2, 20, 30)).astype(np.uint16)
    for axes in ("TCYX", "ZCYX"):
        tifffile.imwrite(tmp_path / f"{axes}.tif", clean, imagej=True, metadata={"axes": axes})

    status, _, err = evaluate("--restored=ZCYX.tif", "--clean=TCYX.tif")

    assert (status, len(err.splitlines())) == (2, 1)
    assert "ZCYX.tif (restored) has axes ZCYX of 3 x 2 x 20 x 30, but TCYX.tif" in err


def test_raw_input_files_are_scored_beside(evaluate, tmp_path, random):
    clean = random.uniform(0, 100, (2, 20, 30))
    for index in range(2):
        np.save(tmp_path / f"clean{index}.npy", clean[index])
        np.save(tmp_path / f"restored{index}.npy", clean[index] + random.normal(0, 5, (20, 30)))
        np.save(tmp_path / f"raw{index}.npy", clean[index] + random.normal(0, 20, (20, 30)))

    status, _, _ = evaluate("--restored=restored0.npy,restored1.npy",
                            "--clean=clean0.npy,clean1.npy", "--degraded=raw0.npy,raw1.npy")

    assert status == 0
    psnr = {(row["method"], row["protocol"]): row["psnr"]
            for row in read_rows(tmp_path / "evaluation")}
    assert psnr["raw input", "care"] + 5 < psnr["restored", "care"]
    assert image_names(tmp_path / "evaluation", "files") == ["clean0.npy", "clean1.npy"]


def test_files_of_folders_are_scored_by_their_names(evaluate, tmp_path, random):
    clean = random.uniform(0, 100, (3, 20, 30))
    for kind, noise in (("clean", 0), ("restored", 5), ("raw", 20)):
        (tmp_path / kind).mkdir()
        for index in range(3 if kind == "clean" else 2):  # one was not restored
            np.save(tmp_path / kind / f"{index}.npy",
                    clean[index] + random.normal(0, noise, (20, 30)))

    status, _, _ = evaluate("--restored=restored", "--clean=clean", "--degraded=raw")

    assert status == 0
    psnr = {(row["method"], row["protocol"]): row["psnr"]
            for row in read_rows(tmp_path / "evaluation")}
    assert psnr["raw input", "care"] + 5 < psnr["restored", "care"]
    assert image_names(tmp_path / "evaluation", "files") == ["0.npy", "1.npy"]


def test_files_of_folders_match_however_their_names_are_written(evaluate, tmp_path, random):
    images = random.integers(0, 255, (3, 20, 30)).astype(np.uint8)
    for folder, names in (("restored", ("e\u0301.tif", "b.TIF")),
                          ("clean", ("\u00e9.tif", "b.tif", "c.tif"))):
        (tmp_path / folder).mkdir()
        for image, name in zip(images, names):
            tifffile.imwrite(tmp_path / folder / name, image)
    for name in ("._b.TIF", "Thumbs.db"):
        (tmp_path / "restored" / name).touch()

    status, out, _ = evaluate("--restored=restored", "--clean=clean")

    assert status == 0
    assert image_names(tmp_path / "evaluation", "files") == ["b.tif", "\u00e9.tif"]
    assert "restored: 2 files skipped: ._b.TIF, Thumbs.db.\n" in out
    assert "clean: 1 file skipped: c.tif (not in restored).\n" in out


def test_names_that_are_not_utf_8_are_written_by_their_bytes(evaluate, tmp_path, random):
    name = os.fsdecode(b"caf\xe9.npy")
    np.save(tmp_path / name, random.integers(0, 255, (20, 30)).astype(np.uint8))

    status, _, _ = evaluate(f"--restored={name}", f"--clean={name}")

    assert status == 0
    assert image_names(tmp_path / "evaluation", "files") == [r"caf\xe9.npy"]


def test_a_generator_whose_images_cannot_be_scored_fails(evaluate, tmp_path):
    with h5py.File(tmp_path / "run" / "generator.h5", "r+") as file:
        file["model_weights"].visititems(
            lambda _, node: node.write_direct(np.full(node.shape, 3e38, np.float32))
            if isinstance(node, h5py.Dataset) else None)

    status, out, error = evaluate(*WITH_GENERATOR, "--datasets=Blobs", "--output=scores")

    assert status == 2
    assert "What run/generator.h5 makes of 'Blobs' cannot be scored: the scored image has NaN" in (
        error)
    assert "not scored" in out and (tmp_path / "scores" / "scores.md").is_file()


def test_nan_in_a_restored_file_is_reported(evaluate, tmp_path, random):
    clean = random.uniform(0, 100, (2, 20, 30))
    restored = clean + 1
    restored[1, 3, 4] = np.nan
    np.save(tmp_path / "clean.npy", clean)
    np.save(tmp_path / "restored.npy", restored)

    status, out, _ = evaluate("--restored=restored.npy", "--clean=clean.npy")

    assert status == 0
    assert "the scored image has NaN or infinite pixels (1 of 2, not scored)" in out


def test_scores_are_replaced_only_when_asked_to(evaluate, tmp_path, random):
    np.save(tmp_path / "clean.npy", random.uniform(0, 100, (20, 30)))
    evaluate(*WITH_GENERATOR)
    before = read_rows(tmp_path / "evaluation")
    (tmp_path / "evaluation" / "scores_mine.png").write_text("the user's own")
    files = ("--restored=clean.npy", "--clean=clean.npy")

    status, _, err = evaluate(*files)

    assert (status, len(err.splitlines())) == (2, 1)
    assert "--overwrite" in err
    assert read_rows(tmp_path / "evaluation") == before

    status, _, _ = evaluate(*files, "--overwrite")

    assert status == 0
    assert {path.name for path in (tmp_path / "evaluation").iterdir()} == FILES | {
        "scores_files.png", "scores_mine.png"}


@pytest.mark.parametrize("arguments, message", [
    ([], "either a --generator"),
    (["--generator=run/generator.h5", "--restored=a.npy"], "either a --generator"),
    (["--restored=a.npy"], "the same number of files. Received: 1, 0, 0"),
    (["--restored=a.npy", "--clean=a.npy", "--datasets=A"], "--datasets has no meaning without"),
    (["--generator=run/generator.h5", "--axes=ZYX"], "--axes has no meaning with --generator"),
    (["--restored=a.npy", "--clean=b.npy"], "a.npy (restored) has axes YX of 20 x 30, but b.npy "
     "(clean) has YX of 20 x 31"),
    (["--restored=a.npy", "--clean=foreign"], "foreign is a folder: name a file in it"),
    (["--restored=foreign", "--clean=."], "There is no file Foreign_X.npy"),
    (["--restored=run", "--clean=foreign"], "run has no files that end in .npy, "),
    (["--restored=cells", "--clean=a.npy"], "There is no file cells."),
    (["--generator=none.h5"], "no file none.h5"),
    (["--generator=run"], "run is a folder. Name the generator.h5 in it."),
    (["--generator=a.npy"], "not an HDF5 file"),
    ([*WITH_GENERATOR, "--datasets=Other"], "--datasets names 'Other'"),
    ([*WITH_GENERATOR, "--stretched=Other"], "--stretched names 'Other'"),
    (["--generator=run/generator.h5", "--data_dir=none"], "no folder none"),
    (["--generator=run/generator.h5", "--data_dir=foreign"], "none of the generator's tasks"),
])
def test_mistakes_are_one_line(evaluate, tmp_path, random, arguments, message):
    np.save(tmp_path / "a.npy", random.uniform(size=(20, 30)))
    np.save(tmp_path / "b.npy", random.uniform(size=(20, 31)))
    (tmp_path / "foreign").mkdir()
    for letter in "XY":
        np.save(tmp_path / "foreign" / f"Foreign_{letter}.npy", random.uniform(size=(1, 8, 8)))

    status, _, err = evaluate(*arguments)

    assert (status, len(err.splitlines())) == (2, 1)
    assert message in err
    assert not (tmp_path / "evaluation").exists()


def test_files_are_scored_without_tensorflow(tmp_path, random):
    np.save(tmp_path / "a.npy", random.uniform(size=(20, 30)))
    (tmp_path / "run.py").write_text(
        "import sys; from microgan.cli.evaluate import main; status = main(); "
        "assert 'keras' not in sys.modules and 'tensorflow' not in sys.modules; "
        "sys.exit(status)")

    result = run_script(tmp_path / "run.py", "--restored=a.npy", "--clean=a.npy", cwd=tmp_path)

    assert (result.returncode, result.stderr) == (0, "")
    assert "inf / 1.000" in result.stdout


def test_top_level_script_answers_a_mistake(tmp_path):
    result = run_script("evaluate.py", "--genrator=x", cwd=tmp_path)

    assert_mistake(result, "--genrator", "--generator")


def test_mirror_images_are_averaged_when_asked_to(evaluate, data_dir, tmp_path):
    model = load_generator(tmp_path / "run" / "generator.h5")[0]
    info = read_info(tmp_path / "run" / "generator.h5")
    random = np.random.default_rng(0)
    weights = [random.normal(0, 0.2, weight.shape) for weight in model.get_weights()]
    save_generator(tmp_path / "run" / "generator.h5", weights, info)

    scores = []
    for chosen in ("True", "False"):
        status, _, err = evaluate(*WITH_GENERATOR, f"--test_time_augmentation={chosen}",
                                  f"--output={chosen}")
        assert (status, err) == (0, "")
        scores.append([row["psnr"] for row in read_rows(tmp_path / chosen)
                       if (row["method"], row["protocol"]) == ("restored", "care")])

    assert np.mean(scores[0]) > np.mean(scores[1])
