"""restore.py --trust_map: what it writes, says and refuses."""

import json

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from microgan.cli.evaluate import main as evaluate
from microgan.generator_file import read_info


def test_trust_maps_are_written_beside_the_restored_file(restore, image, tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", image, ome=True, compression="zlib", predictor=True,
                     metadata={"axes": "CYX", "PhysicalSizeX": 0.1})

    status, _, err = restore("--input=a.ome.tif", "--trust_map")

    assert (status, err) == (0, "")
    folder = tmp_path / "restored"
    scores = json.loads((folder / "a_trust.json").read_text())
    for kind in ("spread", "inconsistency"):
        with tifffile.TiffFile(folder / f"a_{kind}.ome.tif") as tiff:
            assert (tiff.series[0].axes, tiff.series[0].dtype) == ("CYX", np.float32)
            assert 'PhysicalSizeX="0.1"' in tiff.ome_metadata
            unit = 200 if kind == "spread" else 1  # the range; a deviation of the noise
            assert scores["image"][kind] == pytest.approx(tiff.asarray().mean() / unit, rel=1e-3)
    # The untrained network treats all flips alike.
    assert scores["image"]["spread"] == pytest.approx(0, abs=1e-6)
    assert len(list(folder.iterdir())) == 4


def test_spread_is_of_single_views_where_restoring_averages_over_them(restore, image, tmp_path):
    np.save(tmp_path / "a.npy", image)

    spreads = []
    for chosen in (True, False):
        status, _, err = restore("--input=a.npy", "--trust_map", f"--output={chosen}",
                                 f"--test_time_augmentation={chosen}", generator="uneven")
        assert (status, err) == (0, "")
        spreads.append(np.load(tmp_path / str(chosen) / "a_spread.npy"))

    np.testing.assert_allclose(*spreads, atol=0.5)  # of members rounded to integers or not
    assert spreads[0].mean() > 0.5
    restored = [np.load(tmp_path / name / "a.npy") for name in ("True", "False")]
    assert np.any(restored[0] != restored[1])


def test_stacks_are_sharpened_and_blurred_again(restore, image, tmp_path):
    stacks = np.stack([image, image[::-1]]).repeat(2, 1)  # TZYX, 6 slices
    tifffile.imwrite(tmp_path / "a.tif", stacks, photometric="minisblack",
                     metadata={"axes": "TZYX"})

    status, _, err = restore("--input=a.tif", "--trust_map", generator="stacks")

    assert (status, err) == (0, "")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "restored" / "a.tif"), 2 * stacks)
    # Untrained, both halves give their input back: blurred again it is the measured one.
    assert tifffile.imread(tmp_path / "restored" / "a_inconsistency.tif").max() < 1e-3

    status, _, err = restore("--input=a.tif", "--axes=TCYX", "--output=flat", generator="stacks")

    assert status == 2
    assert "axes TCYX has no Z" in err


def test_known_errors_turn_the_spread_into_an_interval(restore, generators, image, tmp_path):
    np.save(tmp_path / "a.npy", image)
    folder = tmp_path / "restored"

    status, out, err = restore("--input=a.npy", "--trust_map", generator="bounded")
    _, told, _ = restore("--input=a.npy", "--trust_map", "--output=restored/other",
                         "--test_time_augmentation", generator="bounded")
    restore("--input=a.npy", "--trust_map", "--output=restored/plain", generator="uneven")

    assert (status, err) == (0, "")
    assert "no interval" not in out and "no interval of errors" in told
    spread = np.load(folder / "plain" / "a_spread.npy")
    interval = np.load(folder / "a_interval.npy")
    bounds = read_info(generators / "bounded.h5").error_bounds["A"]
    np.testing.assert_allclose(interval, bounds(spread), rtol=1e-3)
    assert interval.min() < 4 and interval.max() == 7
    scores = json.loads((folder / "a_trust.json").read_text())["image"]
    assert scores["interval"] == pytest.approx(interval.mean() / 200, rel=1e-3)
    assert not (folder / "a_spread.npy").exists()
    assert (folder / "other" / "a_spread.npy").exists()


def test_trust_maps_of_a_generator_of_defects_are_refused(restore, image, tmp_path):
    np.save(tmp_path / "a.npy", image)

    status, _, err = restore("--input=a.npy", "--trust_map", "--task=A", generator="defects")

    assert_mistake_text(status, err, "--trust_map is for generators that restore")
    assert not (tmp_path / "restored").exists()


def test_trust_maps_in_a_folder_are_no_images_to_restore_or_score(restore, image, tmp_path,
                                                                  capsys):
    tifffile.imwrite(tmp_path / "a.ome.tif", image, metadata={"axes": "ZYX"})
    np.save(tmp_path / "b_spread.npy", image)  # only called so
    restore("--input=a.ome.tif,b_spread.npy", "--trust_map", "--output=once")
    (tmp_path / "clean").mkdir()
    for name in ("a.ome.tif", "b_spread.npy"):
        (tmp_path / name).rename(tmp_path / "clean" / name)

    status, out, err = restore("--input=once", "--output=twice")
    scored = evaluate(["evaluate.py", "--restored=once", "--clean=clean"])

    assert status == 0, err
    assert sorted(path.name for path in (tmp_path / "twice").iterdir()) == [
        "a.ome.tif", "b_spread.npy"]
    assert "once: 4 files skipped: a_inconsistency.ome.tif (trust map), " in out
    assert " b_spread_spread.npy (trust map)" in out
    assert scored == 0, capsys.readouterr()


def test_trust_maps_need_a_task_whose_intensities_they_are_in(restore, image, tmp_path):
    np.save(tmp_path / "a.npy", image)

    status, _, err = restore("--input=a.npy", "--trust_map", generator="two")

    assert status == 2 and "--trust_map needs a task" in err and "--task=A or --task=B" in err
    assert not (tmp_path / "restored").exists()
    assert restore("--input=a.npy", "--trust_map", "--task=A", generator="two")[0] == 0


def test_the_maps_tell_the_time_left(restore, image, tmp_path, monkeypatch):
    monkeypatch.setattr("microgan.runtime.progress._SECONDS_BETWEEN_LINES", 0)
    np.save(tmp_path / "a.npy", image)

    _, out, _ = restore("--input=a.npy", "--trust_map")

    # Three mirror images; the last step is the end.
    shares = [line.split(":")[2] for line in out.splitlines()
              if line.startswith("a.npy: trust maps: ")]
    assert [share.split(",")[0] for share in shares] == [
        f" {100 * step / 3:.0f} %" for step in range(1, 3)]
    assert all(share.endswith(" left") for share in shares)


def as_npy(path, image):
    np.save(path / "a.npy", image)
    return "a.npy", lambda folder, name: np.load(folder / f"{name}.npy")


def as_tiff(path, image):
    tifffile.imwrite(path / "b.tif", image, photometric="minisblack", metadata={"axes": "TYX"})
    return "b.tif", lambda folder, name: tifffile.imread(folder / f"{name}.tif")


def as_zarr(path, image):
    group = zarr.open_group(path / "c.zarr", mode="w", zarr_format=2)
    group.create_array("0", data=image, chunks=(1, 16, 16))
    group.attrs["multiscales"] = [{
        "version": "0.4", "axes": [{"name": name} for name in "tyx"], "datasets": [{
            "path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1]}]}]}]
    return "c.zarr", lambda folder, name: zarr.open_group(folder / f"{name}.zarr", mode="r")[
        "0"][:]


@pytest.mark.parametrize("nodata, formats", [
    ("nan", (as_npy, as_tiff, as_zarr)), ("-9999", (as_npy, as_tiff, as_zarr)),
    ("-3.4e38", (as_tiff,))])
def test_missing_borders_survive_in_every_format(restore, random, tmp_path, nodata, formats):
    image = random.uniform(0, 100, (2, 40, 50)).astype(np.float32)
    image[:, :6] = image[0, :, 44:] = float(nodata)
    readers = dict(write(tmp_path, image) for write in formats)
    missing = np.isnan(image) if nodata == "nan" else image == np.float32(nodata)

    status, out, err = restore(
        f"--input={','.join(readers)}", "--trust_map", "--task=A", f"--nodata={nodata}",
        "--tile=32", "--test_time_augmentation", generator="uneven")

    assert (status, err) == (0, "")
    for name, read in readers.items():
        assert f"{name}: Kept {missing.sum()} pixels" in out
        stem = name.partition(".")[0]
        for found in (stem, f"{stem}_spread", f"{stem}_inconsistency"):
            result = read(tmp_path / "restored", found)
            np.testing.assert_array_equal(result[missing], image[missing])
            assert np.isfinite(result[~missing]).all() and np.abs(result[~missing]).max() < 1000
        scores = json.loads((tmp_path / "restored" / f"{stem}_trust.json").read_text())["image"]
        spread = read(tmp_path / "restored", f"{stem}_spread")[~missing]
        assert scores["spread"] == pytest.approx(spread.mean() / 200, rel=1e-3)


@pytest.mark.parametrize("write", [as_npy, as_tiff, as_zarr])
@pytest.mark.parametrize("value, words", [
    (np.nan, "NaN or infinite. Keep such pixels as they are with --nodata=nan"),
    (-3.4e38, "-3.4e+38, which no camera measures. Keep"), (-32768, "--nodata=-32768")])
def test_missing_pixels_are_named_in_every_format(restore, image, tmp_path, write, value, words):
    image = image.astype(np.float32)
    image[1, 3, 4] = value
    name, _ = write(tmp_path, image)

    status, _, err = restore(f"--input={name}")

    assert_mistake_text(status, err, name, words)


def assert_mistake_text(status, err, *words):
    assert status == 2 and err.count("\n") == 1
    for word in words:
        assert word in err


def test_a_generator_that_makes_no_numbers_is_said_and_writes_nothing(restore, generators, image,
                                                                      tmp_path):
    with h5py.File(generators / "uneven.h5") as good, h5py.File(tmp_path / "b.h5", "w") as bad:
        for name in good:
            good.copy(name, bad)
        bad.attrs.update(good.attrs)
        weights = []
        bad["model_weights"].visititems(lambda name, node: weights.append(node) if isinstance(
            node, h5py.Dataset) else None)
        for node in weights:
            node[...] = np.float32(3e38)
    np.save(tmp_path / "a.npy", image)

    status, _, err = restore("--input=a.npy", generator=tmp_path / "b")

    assert_mistake_text(status, err, "a.npy: The generator makes", "NaN or infinite")
    assert not (tmp_path / "restored").exists()
