"""evaluate.py --stacks: from a generator and files to the z-stack report."""

import csv
import dataclasses
import json

import h5py
import numpy as np
import pytest
import tifffile
from scipy import ndimage

from helpers import with_random_weights
from microgan.cli import evaluate
from microgan.config import EvaluateConfig
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.simulation.fitted_microscope import NONNEGATIVE_3D
from microgan.programs import evaluate_stacks
from microgan.programs.evaluate_stacks import load_reported_stacks
from microgan.generator_file import (
    ATTRIBUTE, GeneratorInfo, build_network, save_generator)
from microgan.restoration.in_memory import translate_stacks

DEPTH, SIZE = 17, 32


FULL = IntensityRange(0.0, 255.0)
INFO = GeneratorInfo("zse_gan", "residual", {"filters": 2, "num_blocks": 1}, ("z_stack",),
                     {"z_stack": TaskNormalization(FULL, FULL)}, "ZYX", "0", "0")


@pytest.fixture
def generator(tmp_path):
    """A file that says it is of ZSE-GAN; its weights are never read."""
    with h5py.File(tmp_path / "generator.h5", "w") as file:
        file.attrs[ATTRIBUTE] = json.dumps(INFO.to_json())
    return tmp_path / "generator.h5"


@pytest.fixture
def layout(tmp_path, random):
    """The authors' layout with known truth: two stacks, images and crops in focus."""
    for index in range(2):
        sharp = np.clip(200 + 300 * ndimage.gaussian_filter(
            random.normal(size=(DEPTH, SIZE, SIZE)), 2), 0, 255)
        blurred = np.stack([ndimage.gaussian_filter(image, 0.3 * abs(z - 8))
                            for z, image in enumerate(sharp)])
        for kind, volume in (("B", blurred), ("Sharp", sharp)):
            (tmp_path / f"test{kind}").mkdir(exist_ok=True)
            np.savez(tmp_path / f"test{kind}" / f"s{index}.npz",
                     np.moveaxis(volume, 0, 2).astype(np.uint8))
    (tmp_path / "trainB").mkdir()
    np.savez(tmp_path / "trainB" / "t.npz",
             random.integers(0, 255, (SIZE, SIZE, DEPTH), np.uint8))
    for kind, shape in (("A2D", (SIZE, SIZE)), ("A29", (SIZE, DEPTH))):
        (tmp_path / f"test{kind}").mkdir()
        tifffile.imwrite(tmp_path / f"test{kind}" / "0.tif",
                         random.integers(0, 255, shape, np.uint8))
    return tmp_path


def run(generator, layout, *flags, stacks="testB"):
    return evaluate.main(["evaluate.py", f"--generator={generator}", f"--stacks={layout / stacks}",
                          f"--output={layout / 'report'}", "--precision=float32", *flags])


@pytest.mark.slow
def test_stacks_become_a_report(layout, capsys):
    # A residual network that has learned nothing changes little.
    generator = layout / "generator.h5"
    save_generator(generator, build_network(INFO).get_weights(), INFO)

    status = run(generator, layout, "--pixel_size_um=1", "--z_step_um=2", "--cell_radius_um=3")

    folder = layout / "report"
    assert status == 0
    assert "recall of cells in y" in capsys.readouterr().out
    report = json.loads((folder / "z_stack_report.json").read_text())
    assert report["stacks"] == ["s0", "s1"]
    assert report["conditions"]["spacing_um"] == [2.0, 1.0, 1.0]
    assert report["conditions"]["tissue"] == [2, 15]
    volumes = ["blurred", "Wiener", "Richardson-Lucy", "extended depth of field", "3D linear",
               "3D non-negative", "3D Richardson-Lucy", "sharpened"]
    assert {row["volume"] for row in report["tables"]["truth"]} == set(volumes)
    assert [row["volume"] for row in report["tables"]["comparison"]] == volumes
    assert any("fitted to 1 stacks of trainB: Wiener, noise to signal" in note
               for note in report["notes"])
    with open(folder / "z_stack_slices.csv") as file:
        rows = list(csv.DictReader(file))
    assert {(row["volume"], row["plane"]) for row in rows} >= {
        ("sharpened", "xy"), ("sharpened", "xz"), ("Wiener", "xz"), ("in focus", "crop"),
        ("in focus", "xy")}
    assert (folder / "z_stack_report.html").read_text().count("data:image/png;base64,") >= 6


@pytest.mark.slow
@pytest.mark.parametrize("free, is_tiled", [(1e15, False), (0.0, True)])
def test_stacks_that_memory_does_not_hold_are_sharpened_in_tiles(
        tmp_path, random, monkeypatch, capsys, free, is_tiled):
    model = with_random_weights(build_network(INFO))
    save_generator(tmp_path / "generator.h5", model.get_weights(), INFO)
    stack = random.integers(0, 255, (DEPTH, 80, 80), np.uint8)
    np.save(tmp_path / "one.npy", stack)
    stacks = load_reported_stacks(EvaluateConfig.create(
        generator="generator.h5", stacks=str(tmp_path / "one.npy")))
    whole = translate_stacks(model, [stack], FULL)
    monkeypatch.setattr("microgan.restoration.restorer.memory.free_bytes", lambda: free)

    sharpened, reconstructed = evaluate_stacks._sharpen(
        tmp_path / "generator.h5", stacks, "float32", None, [])

    assert ("Restoring tiles of" in capsys.readouterr().out) == is_tiled
    for (found,), (wanted,) in zip((sharpened, reconstructed), whole):
        assert found.dtype == np.uint8 and wanted.std() > 5
        assert np.mean(found != wanted) < 1e-3 and np.ptp(found.astype(int) - wanted) <= 1


def test_a_report_is_replaced_only_when_asked_to(generator, layout, capsys):
    (layout / "report").mkdir()
    stale = layout / "report" / "z_stack_views_worst.png"
    stale.write_bytes(b"mine")

    status = run(generator, layout)

    assert status == 2
    assert "--overwrite" in capsys.readouterr().err
    assert stale.read_bytes() == b"mine"


@pytest.mark.parametrize("flags, stacks, message", [
    (["--datasets=A"], "testB", "--datasets has no meaning with --stacks"),
    (["--focal_plane=18"], "testB", "--focal_plane=18 is not in"),
    (["--tissue_from=8", "--tissue_to=3"], "testB", "slices 8 to 3 of 17"),
    ([], "nothing", "There is no file or folder"),
    ([], "damaged", "s1.npz cannot be read"),
    ([], "deeper", "s1.npz has 18 slices of uint8, but"),
])
def test_mistakes_are_one_line_before_anything_is_written(generator, layout, capsys, flags,
                                                          stacks, message):
    for name in ("damaged", "deeper"):
        (layout / name).mkdir()
        (layout / name / "s0.npz").write_bytes((layout / "testB" / "s0.npz").read_bytes())
    (layout / "damaged" / "s1.npz").write_bytes(b"PK")
    np.savez(layout / "deeper" / "s1.npz", np.arange(SIZE * SIZE * 18, dtype=np.uint8).reshape(
        SIZE, SIZE, 18))

    status = run(generator, layout, *flags, stacks=stacks)

    error = capsys.readouterr().err
    assert (status, len(error.splitlines())) == (2, 1)
    assert message in error
    assert not (layout / "report").exists()


@pytest.mark.parametrize("name", ["testA2D/0.tif", "testA29/0.tif", "testSharp/s1.npz"])
def test_references_of_another_type_than_the_stacks_are_named(generator, layout, capsys, name):
    """They are scaled like the stacks: 16-bit ones beside 8-bit stacks would be nonsense."""
    path = layout / name
    if path.suffix == ".tif":
        tifffile.imwrite(path, tifffile.imread(path).astype(np.uint16))
    else:
        np.savez(path, np.load(path)["arr_0"].astype(np.uint16))

    status = run(generator, layout)

    error = capsys.readouterr().err
    assert (status, len(error.splitlines())) == (2, 1)
    assert f"{name} holds uint16, but" in error and "uint8" in error


@pytest.mark.parametrize("flags, message", [
    (["--stacks=a", "--restored=a.npy", "--clean=a.npy"], "--stacks needs a --generator"),
    (["--generator=a.h5", "--z_step_um=2"], "--z_step_um has no meaning without --stacks"),
])
def test_flags_that_do_not_belong_together_are_refused(capsys, flags, message):
    assert evaluate.main(["evaluate.py", *flags]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_correction_gets_filtered_stacks_and_is_blurred_again_by_the_fitted_microscope(
        layout):
    info = dataclasses.replace(INFO, network="correction", tasks=(), normalization={})
    save_generator(layout / "generator.h5", build_network(info).get_weights(), info)
    stacks = load_reported_stacks(EvaluateConfig.create(
        generator="generator.h5", stacks=str(layout / "testB"))).first()
    stacks = dataclasses.replace(stacks, training_stacks=())  # of noise alone
    filters, fit, _ = evaluate_stacks._fit_filters(stacks)

    (sharpened,), (again,) = evaluate_stacks._sharpen(
        layout / "generator.h5", stacks, "float32", fit, filters)

    # An untrained correction changes nothing.
    (base,) = (each for each in filters if each.name == NONNEGATIVE_3D)
    filtered = base.sharpen(stacks.blurred[0], stacks.focal_planes[0])
    filtered = np.clip(np.rint(filtered), 0, 255)
    assert np.abs(sharpened - filtered).max() <= 1
    assert sharpened.dtype == again.dtype == np.uint8
    assert np.std(again[0]) < np.std(sharpened[0])
