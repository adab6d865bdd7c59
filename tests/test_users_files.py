"""Files as microscopes and Fiji write them: trained on and restored with one command each."""

import importlib.util
import json

import numpy as np
import pytest
import tifffile

from helpers import NARROW_CGAN, make_pairs
from microgan.cli import evaluate, restore, train_cgan
from microgan.restoration.image_files import result_name
from vendor_writers import PACKAGES, WRITERS

CHANNELS = ["DAPI", "Actin"]
RUN = "Microscopy_cGAN_results"


def write_imagej(path, movie):
    tifffile.imwrite(path.with_name(path.name + ".tif"), movie, imagej=True, metadata={
        "axes": "TCYX", "Labels": CHANNELS * len(movie)})


def write_ome(path, movie):
    tifffile.imwrite(path.with_name(path.name + ".ome.tif"), movie, photometric="minisblack",
                     metadata={"axes": "TCYX", "Channel": {"Name": CHANNELS}})


def written_as(kind):
    return lambda path, movie: WRITERS[kind](path.with_name(f"{path.name}.{kind}"), movie,
                                             CHANNELS)


# By what a file is called: its writer. Files of makers need the libraries of `formats`.
FILES = {
    "movie.tif": write_imagej, "movie.ome.tif": write_ome,
    **{f"movie.{kind}": written_as(kind) for kind, package in PACKAGES.items()
       if importlib.util.find_spec(package)}}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of one movie a condition and format, and the run that learned its channels."""
    folder = tmp_path_factory.mktemp("users")
    random = np.random.default_rng(3)
    for number, write in enumerate(FILES.values()):
        movies = [make_pairs(4, random, 16) for _ in CHANNELS]
        for half, name in enumerate(("degraded", "clean")):
            path = folder / "images" / "Cells" / name / f"day{number}" / "movie"
            path.parent.mkdir(parents=True)
            write(path, np.stack([movie[half] for movie in movies], 1))

    status = train_cgan.main(["train_cGAN.py", *NARROW_CGAN, f"--data_dir={folder / 'images'}",
                              f"--dir={folder}", "--channels=DAPI,Actin", "--num_iters=2",
                              "--seed=1"])

    assert status == 0
    return folder


def test_planes_of_a_movie_are_learned_or_validate(trained):
    split = json.loads((trained / RUN / "split.json").read_text())

    assert list(split) == ["Cells_DAPI", "Cells_Actin"]
    planes = [set(range(4 * number, 4 * number + 4)) for number in range(len(FILES))]
    for part in split.values():
        assert set(part["train"] + part["validation"] + part["test"]) == set.union(*planes)
        for name in ("train", "validation"):
            assert part[name] and all(movie <= set(part[name]) or not movie & set(part[name])
                                      for movie in planes)
    assert split["Cells_DAPI"]["train"] == split["Cells_Actin"]["train"]


@pytest.mark.parametrize("name", FILES)
def test_every_channel_of_a_movie_is_restored_by_its_task(trained, tmp_path, capsys, name):
    day = f"day{list(FILES).index(name)}"
    path = trained / "images" / "Cells" / "degraded" / day / name

    status = restore.main(["restore.py", f"--generator={trained / RUN / 'generator.h5'}",
                           f"--input={path}", f"--output={tmp_path}"])

    assert status == 0
    out = capsys.readouterr().out
    assert "channel DAPI as Cells_DAPI, channel Actin as Cells_Actin" in out
    with tifffile.TiffFile(tmp_path / result_name(path)) as tiff:
        assert tiff.series[0].axes == "TCYX" and tiff.asarray().shape == (4, 2, 16, 16)
        assert tiff.is_imagej if name == "movie.tif" else tiff.is_ome


def test_channels_are_scored_as_tasks(trained, tmp_path, capsys):
    status = evaluate.main([
        "evaluate.py", f"--generator={trained / RUN / 'generator.h5'}", "--split=validation",
        f"--data_dir={trained / 'images'}", f"--output={tmp_path / 'scores'}"])

    assert status == 0
    rows = json.loads((tmp_path / "scores" / "scores.json").read_text())
    assert {row["task"] for row in rows} == {"Cells_DAPI", "Cells_Actin"}
    assert "not scored" not in capsys.readouterr().out
