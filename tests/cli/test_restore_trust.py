"""restore.py --trust_map: what it writes, says and refuses."""

import json
import shutil

import numpy as np
import pytest
import tifffile


def test_trust_maps_are_written_beside_the_restored_file(restore, generators, image,
                                                         tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", image, ome=True, compression="zlib", predictor=True,
                     metadata={"axes": "CYX", "PhysicalSizeX": 0.1})

    status, _, err = restore("--input=a.ome.tif", "--trust_map",
                             f"--cin_generator_path={generators}/defects.h5",
                             f"--snapshots={generators}/one.h5")

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


def test_spread_is_of_single_views_where_restoring_averages_over_them(restore, generators, image,
                                                                      tmp_path):
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

    status, out, err = restore("--input=a.tif", "--trust_map", generator="stacks")

    assert (status, err) == (0, "")
    assert "spread only" not in out
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "restored" / "a.tif"), 2 * stacks)
    # Untrained, both halves give their input back: blurred again it is the measured one.
    assert tifffile.imread(tmp_path / "restored" / "a_inconsistency.tif").max() < 1e-3

    status, _, err = restore("--input=a.tif", "--axes=TCYX", "--output=flat", generator="stacks")

    assert status == 2
    assert "axes TCYX has no Z" in err


def test_trust_maps_without_a_defect_generator_say_what_is_missing(restore, image, tmp_path):
    np.save(tmp_path / "a.npy", image)

    status, out, _ = restore("--input=a.npy", "--trust_map")

    assert status == 0
    assert "No --cin_generator_path: trust maps show the spread only" in out
    assert sorted(path.name for path in (tmp_path / "restored").iterdir()) == [
        "a.npy", "a_spread.npy", "a_trust.json"]


@pytest.mark.parametrize("arguments, message", [
    (["--cin_generator_path=cin.h5"], "add --trust_map"),
    (["--trust_map", "--cin_generator_path=none.h5"], "no file none.h5"),
    (["--trust_map", "--snapshots=two.h5"], "trained on other tasks"),
    (["--trust_map", "--cin_generator_path=two.h5"], "train_CIN_GAN.py is needed"),
])
def test_mistaken_trust_flags_write_nothing(restore, generators, image, tmp_path, arguments,
                                            message):
    np.save(tmp_path / "a.npy", image)
    shutil.copy(generators / "two.h5", tmp_path)

    status, _, err = restore("--input=a.npy", *arguments)

    assert (status, len(err.splitlines())) == (2, 1)
    assert message in err
    assert not (tmp_path / "restored").exists()


def test_trust_maps_need_a_task_whose_intensities_they_are_in(restore, image, tmp_path):
    np.save(tmp_path / "a.npy", image)

    status, _, err = restore("--input=a.npy", "--trust_map", generator="two")

    assert status == 2 and "--trust_map needs a task" in err and "--task=A or --task=B" in err
    assert not (tmp_path / "restored").exists()
    assert restore("--input=a.npy", "--trust_map", "--task=A", generator="two")[0] == 0


def test_the_maps_tell_the_time_left(restore, generators, image, tmp_path, monkeypatch):
    monkeypatch.setattr("microgan.experiments.progress._SECONDS_BETWEEN_LINES", 0)
    np.save(tmp_path / "a.npy", image)

    _, out, _ = restore("--input=a.npy", "--trust_map",
                        f"--cin_generator_path={generators}/defects.h5")

    # Three mirror images and four draws of the defect; the last step is the end.
    shares = [line.split(":")[2] for line in out.splitlines()
              if line.startswith("a.npy: trust maps: ")]
    assert [share.split(",")[0] for share in shares] == [
        f" {100 * step / 7:.0f} %" for step in range(1, 7)]
    assert all(share.endswith(" left") for share in shares)
