"""restore.py from flags to files."""

import dataclasses
import os
import signal
import zlib

import numpy as np
import pytest
import tifffile

from helpers import assert_mistake, run_script
from microgan.generator_file import load_weights, read_info, save_generator
from microgan.runtime.progress import Progress
from microgan.restoration.restorer import Restorer


def test_array_and_tiff_are_restored_in_their_own_form(restore, image, tmp_path):
    np.save(tmp_path / "a.npy", image)
    tifffile.imwrite(tmp_path / "b.tif", np.moveaxis(image, 0, 2), photometric="minisblack",
                     metadata={"axes": "YXZ"})

    status, out, _ = restore("--input=a.npy,b.tif")

    assert status == 0
    restored = np.load(tmp_path / "restored" / "a.npy")
    assert restored.dtype == np.uint8
    np.testing.assert_array_equal(restored, 2 * image)
    with tifffile.TiffFile(tmp_path / "restored" / "b.tif") as tiff:
        assert tiff.series[0].axes == "YXZ"
        np.testing.assert_array_equal(tiff.asarray(), 2 * np.moveaxis(image, 0, 2))
    assert "a.npy: axes ZYX assumed" in out
    assert "b.tif: axes" not in out


def test_float32_is_written_where_it_is_asked_for(restore, image, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, resolution=(2, 2),
                     metadata={"axes": "ZYX", "unit": "um", "spacing": 3.0, "min": 3.0,
                               "max": 50.0})

    status, out, _ = restore("--input=a.tif", "--output_type=float32")

    assert status == 0
    with tifffile.TiffFile(tmp_path / "restored" / "a.tif") as tiff:
        assert tiff.series[0].dtype == np.float32 and tiff.series[0].axes == "ZYX"
        assert tiff.imagej_metadata["spacing"] == 3.0
        assert (tiff.imagej_metadata["min"], tiff.imagej_metadata["max"]) == (6, 100)
        np.testing.assert_allclose(tiff.asarray(), 2.0 * image, atol=1e-3)


def test_every_image_of_a_file_is_restored(restore, image, tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(image, photometric="minisblack", metadata={"axes": "ZYX"})
        writer.write(image[0, :16].astype("f4"), metadata={"axes": "YX"})

    status, out, _ = restore("--input=a.tif")

    assert status == 0
    with tifffile.TiffFile(tmp_path / "restored" / "a.tif") as tiff:
        np.testing.assert_array_equal(tiff.series[0].asarray(), 2 * image)
        np.testing.assert_allclose(tiff.series[1].asarray(), 2.0 * image[0, :16], atol=1e-4)


def test_axes_flag_names_the_axes(restore, image, tmp_path):
    np.save(tmp_path / "a.npy", image.transpose(1, 2, 0)[:, None])

    status, out, _ = restore("--input=a.npy", "--axes=YTXZ")

    assert status == 0
    assert "assumed" not in out
    np.testing.assert_array_equal(np.load(tmp_path / "restored" / "a.npy"),
                                  2 * image.transpose(1, 2, 0)[:, None])


def test_what_a_folder_or_pattern_skips_is_listed(restore, image, tmp_path):
    (tmp_path / "in").mkdir()
    name = os.fsdecode(b"caf\xe9.npy")
    for path in (name, "b.TIF"):
        (np.save if path == name else tifffile.imwrite)(tmp_path / "in" / path, image[0])
    for path in ("._b.TIF", ".DS_Store", "stray.npz"):
        (tmp_path / "in" / path).touch()

    status, out, _ = restore("--input=in", "--output=1")
    again, said, _ = restore("--input=in/*", "--output=2")

    assert status == again == 0
    assert "in: 3 files skipped: .DS_Store, ._b.TIF, stray.npz.\n" in out
    assert "in/*: 1 file skipped: stray.npz.\n" in said
    assert r"caf\xe9.npy: restored into 1/caf\xe9.npy" in out
    assert {path.name for path in (tmp_path / "2").iterdir()} == {name, "b.TIF"}


def test_names_too_long_for_trust_maps_are_told_before_the_work(restore, image, tmp_path):
    long = 245 * "x" + ".tif"
    for name in (long, "b.tif"):
        tifffile.imwrite(tmp_path / name, image[0])

    status, out, err = restore(f"--input={long},b.tif", "--trust_map=True")

    assert status == 2 and "name too long. Choose a shorter name" in err
    assert "b.tif: restored" in out and f"{long}: restored" not in out
    alone, _, _ = restore(f"--input={long}", "--output=out")
    assert alone == 0 and (tmp_path / "out" / long).exists()


def test_folders_and_patterns_are_searched(restore, image, tmp_path):
    for name in ("in/a.npy", "in/b.npy", "other/c1.npy", "other/c2.npy", "other/d.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.save(tmp_path / name, image)
    (tmp_path / "in" / "notes.txt").write_text("not an image")

    status, _, _ = restore("--input=in,other/c*.npy", "--output=out")

    assert status == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a.npy", "b.npy", "c1.npy", "c2.npy"]


def test_percentiles_stand_in_where_no_task_is_named(restore, image, tmp_path):
    np.save(tmp_path / "a.npy", image)

    status, out, _ = restore("--input=a.npy", generator="two")

    assert status == 0
    np.testing.assert_array_equal(np.load(tmp_path / "restored" / "a.npy"), image)
    assert "a.npy: No task named: the image's own 0.1 and 99.9 percentiles" in out

    status, out, _ = restore("--input=a.npy", "--task=B", "--output=named", generator="two")

    assert status == 0
    assert "percentiles" not in out
    np.testing.assert_array_equal(np.load(tmp_path / "named" / "a.npy"), 2 * image)


def test_clipped_pixels_are_reported(restore, image, tmp_path):
    image[0, 0, :7] = 200
    np.save(tmp_path / "a.npy", image)

    _, out, _ = restore("--input=a.npy")

    assert "a.npy: 7 pixels" in out
    assert np.load(tmp_path / "restored" / "a.npy")[0, 0, :7].tolist() == [255] * 7


def test_a_file_that_fails_does_not_stop_the_others(restore, image, tmp_path):
    np.save(tmp_path / "good.npy", image)
    np.save(tmp_path / "small.npy", image[:, :4])
    np.save(tmp_path / "nan.npy", np.full((20, 20), np.nan))

    status, out, err = restore("--input=nan.npy,small.npy,missing.npy,good.npy")

    assert status == 2
    assert [path.name for path in (tmp_path / "restored").iterdir()] == ["good.npy"]
    lines = err.strip().splitlines()
    assert len(lines) == 4
    assert lines[0] == ("nan.npy: 400 pixels are NaN or infinite. Keep such pixels as they "
                        "are with --nodata=nan, or fix them first.")
    assert lines[1] == "There is no file missing.npy."
    assert lines[2].startswith("small.npy: Planes of 4 x 30 pixels are too small")
    assert lines[3] == "restore.py: error: 3 of 4 files were not restored: see above."


def test_a_bug_at_one_file_does_not_stop_the_others(restore, image, tmp_path, monkeypatch, capsys):
    for name in "abc":
        np.save(tmp_path / f"{name}.npy", image)
    usual = Restorer.restore_into

    def restore_into(restorer, target, pixels, **options):
        if options["seed"] == zlib.crc32(b"b.npy "):
            raise RuntimeError("no such thing\nshould be")
        usual(restorer, target, pixels, **options)

    monkeypatch.setattr(Restorer, "restore_into", restore_into)

    with pytest.raises(RuntimeError, match="no such thing"):
        restore("--input=a.npy,b.npy,c.npy")

    assert capsys.readouterr().err == (
        "b.npy: a bug in microgan, RuntimeError: no such thing should be\n")
    assert sorted(path.name for path in (tmp_path / "restored").iterdir()) == ["a.npy", "c.npy"]


def test_made_noise_differs_between_files_and_is_repeated(restore, image, tmp_path, monkeypatch):
    for name in ("a.npy", "b.npy"):
        np.save(tmp_path / name, image)
    seeds = []
    monkeypatch.setattr(Restorer, "restore_into", lambda *_, seed, **options: seeds.append(seed))

    for _ in range(2):
        restore("--input=a.npy,b.npy", "--task=A", "--overwrite", generator="defects")

    assert seeds[0] != seeds[1]
    assert seeds[:2] == seeds[2:]


def test_many_files_tell_the_time_left(restore, image, tmp_path, monkeypatch):
    monkeypatch.setattr("microgan.runtime.progress._SECONDS_BETWEEN_LINES", 0)
    for name in "abcd":
        np.save(tmp_path / f"{name}.npy", image)

    _, out, _ = restore("--input=a.npy,b.npy,c.npy,d.npy")

    assert [line.split(",")[0] for line in out.splitlines() if line.startswith("all files")] == [
        "all files: 25 %", "all files: 50 %", "all files: 75 %"]


def test_names_are_taken_as_they_are(restore, image, tmp_path):
    for name in ("a, b.npy", "Zelle ü ☃.npy", "x[1].npy"):
        np.save(tmp_path / name, image)

    status, _, err = restore('--input="a, b.npy",Zelle ü ☃.npy,,x[1].npy,')

    assert (status, err) == (0, "")
    assert sorted(path.name for path in (tmp_path / "restored").iterdir()) == [
        "Zelle ü ☃.npy", "a, b.npy", "x[1].npy"]


def test_results_are_replaced_only_when_asked_to(restore, image, tmp_path):
    np.save(tmp_path / "a.npy", image)
    restore("--input=a.npy")
    np.save(tmp_path / "a.npy", image // 2)

    status, _, err = restore("--input=a.npy")

    assert (status, len(err.splitlines())) == (2, 1)
    assert "--overwrite" in err
    np.testing.assert_array_equal(np.load(tmp_path / "restored" / "a.npy"), 2 * image)

    status, _, _ = restore("--input=a.npy", "--overwrite")

    assert status == 0
    np.testing.assert_array_equal(np.load(tmp_path / "restored" / "a.npy"), 2 * (image // 2))


def test_shards_restore_each_file_once(restore, image, tmp_path):
    for name in "abc":
        np.save(tmp_path / f"{name}.npy", image[0])

    first, _, _ = restore("--input=*.npy", "--shard=1/2")
    of_first = {path.name for path in (tmp_path / "restored").iterdir()}
    second, _, _ = restore("--input=*.npy", "--shard=2/2")
    empty, out, _ = restore("--input=*.npy", "--shard=4/4")

    assert (first, second, empty) == (0, 0, 0)
    assert of_first == {"a.npy", "c.npy"}
    assert {path.name for path in (tmp_path / "restored").iterdir()} == {"a.npy", "b.npy", "c.npy"}
    assert out == "None of the 3 files found is of --shard=4/4: nothing to restore.\n"


def test_files_of_one_name_are_refused_whatever_their_shards(restore, image, tmp_path):
    (tmp_path / "sub").mkdir()
    for path in ("a.npy", "sub/a.npy"):
        np.save(tmp_path / path, image[0])

    status, _, err = restore("--input=a.npy,sub/a.npy", "--shard=1/2")

    assert status == 2
    assert "both be restored into" in err


@pytest.mark.parametrize("arguments, message", [
    (["--input=a.npy", "--output=.", "--overwrite"], "a.npy is an input"),
    (["--input=a.zarr", "--output=a.zarr"], "a.zarr/a.zarr is within an input"),
    (["--input=a.npy,sub/a.npy"], "both be restored into"),
    (["--input=*.tif"], "--input=*.tif matches no"),
    (["--input=a.npy", "--task=C"], "does not know the task 'C'"),
    (["--input=a.npy", "--axes=YX"], "axes 'YX' do not fit"),
    ([], "--input is missing"),
    (["--input=a.npy", "--shard=0/2"], "--shard must be a number and how many there are"),
    (["--input=a.npy", "--shard=3/2"], "Received: 3/2"),
    (["--input=a.npy", "--shard=2"], "Received: 2"),
    (["--input=a.npy", "--generator={}/stacks.h5", "--test_time_augmentation"], "for the U-Net"),
])
def test_mistakes_are_one_line_and_write_nothing(restore, generators, image, tmp_path, arguments,
                                                 message):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.zarr").mkdir()
    np.save(tmp_path / "a.npy", image)
    np.save(tmp_path / "sub" / "a.npy", image)

    status, _, err = restore(*(argument.format(generators) for argument in arguments))

    assert status == 2
    assert len(err.splitlines()) == 1
    assert message in err
    assert not (tmp_path / "restored").exists()
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), image)


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_no_half_written_file(restore, image, tmp_path, monkeypatch, number,
                                              status):
    def restore_half(restorer, target, *arguments, **options):
        target[:1] = 7
        os.kill(os.getpid(), number)

    monkeypatch.setattr(Restorer, "restore_into", restore_half)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack")

    given, _, err = restore("--input=a.tif")

    assert given == status
    assert err.startswith("restore.py: stopped.")
    assert not (tmp_path / "restored").exists()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_progress_tells_the_time_left(capsys):
    seconds = iter([0, 5, 12, 13, 600, 700])
    progress = Progress("a.npy", clock=lambda: next(seconds))

    for share in (0.1, 0.25, 0.3, 0.5, 1):
        progress(share)

    assert capsys.readouterr().out.splitlines() == ["a.npy: 25 %, 36 s left",
                                                    "a.npy: 50 %, 24 min left"]  # 20 % took 587 s


def test_script_answers_mistakes_without_tensorflow(generators, tmp_path):
    program = ("import sys; from microgan.cli.restore import main; status = main(); "
               "assert 'keras' not in sys.modules and 'tensorflow' not in sys.modules; "
               "sys.exit(status)")
    (tmp_path / "run.py").write_text(program)
    np.save(tmp_path / "a.npy", np.zeros((2, 2, 2, 2)))

    result = run_script(tmp_path / "run.py", f"--generator={generators}/one.h5",
                        "--input=a.npy", cwd=tmp_path)

    assert_mistake(result, "a.npy", "--axes")


def test_top_level_script_restores_whatever_other_programs_have_set(generators, image, tmp_path):
    np.save(tmp_path / "a.npy", image)
    (tmp_path / "keras.json").write_text(
        '{"image_data_format": "channels_first", "floatx": "float16", "epsilon": 1, '
        '"backend": "torch"}')

    result = run_script(
        "restore.py", f"--generator={generators}/one.h5", "--input=a.npy", "--precision=float32",
        "--backend=tensorflow",
        cwd=tmp_path, KERAS_HOME=str(tmp_path), KERAS_BACKEND="jax", KERAS_MAX_EPOCHS="many",
        MPLBACKEND="module://not_installed", TF_XLA_FLAGS="--unknown", OMP_NUM_THREADS="many",
        TF_NUM_INTRAOP_THREADS="many", PYTHONWARNINGS="error", PYTHONIOENCODING="ascii",
        LC_ALL="C")

    assert (result.returncode, result.stderr) == (0, "")
    np.testing.assert_array_equal(np.load(tmp_path / "restored" / "a.npy"), 2 * image)


@pytest.mark.slow
def test_peak_memory_does_not_grow_with_the_image(generators, tmp_path):
    # Sparse on disk: only the blocks that are not zero take room.
    pixels = tifffile.memmap(tmp_path / "large.tif", shape=(8000, 8000), dtype="uint16",
                             bigtiff=True, photometric="minisblack", resolution=(5, 5))
    pixels[3000:3100, 7900:] = 10000
    pixels.flush()
    script = tmp_path / "measured.py"
    script.write_text(
        "import resource, sys\n"
        "from microgan.cli.restore import main\n"
        "status = main()\n"
        "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        "sys.exit(status)\n")

    result = run_script(script, f"--generator={generators}/one.h5", "--input=large.tif",
                        "--precision=float32", cwd=tmp_path)

    assert (result.returncode, result.stderr) == (0, "")
    assert "Restoring tiles of" in result.stdout
    peak_gb = int(result.stdout.split("peak")[-1]) / 1e6
    assert peak_gb < 3
    with tifffile.TiffFile(tmp_path / "restored" / "large.tif") as tiff:
        assert tiff.is_bigtiff
        restored = tifffile.memmap(tmp_path / "restored" / "large.tif", mode="r")
        assert restored.shape == (8000, 8000)
        assert (restored[3000:3100, 7900:] == 20000).all()
        assert not restored[:2900].any()


def test_values_that_imagej_stores_with_an_offset_are_restored_as_they_mean(restore, image,
                                                                            tmp_path):
    for name, stored, text in (
            ("plain.tif", image.astype(np.uint16), ""),
            ("signed.tif", image.astype(np.uint16) + 32768, "cf=0\nc0=-32768\nc1=1\n")):
        tifffile.imwrite(name, stored, photometric="minisblack", metadata=None,
                         resolution=(len(name), 1),  # 0.111 and 0.1 um
                         description=f"ImageJ=1.54f\nimages=3\nslices=3\nunit=um\n{text}")

    status, out, _ = restore("--input=plain.tif,signed.tif", "--output=out", "--task=A")

    assert status == 0
    np.testing.assert_array_equal(tifffile.imread("out/plain.tif"), 2 * image.astype(np.uint16))
    np.testing.assert_array_equal(tifffile.imread("out/signed.tif"),
                                  2 * image.astype(np.uint16) + 32768)
    assert "1 of 2 files (signed.tif): ImageJ calibrates its values: stored -32768.\n" in out
    assert ("Warning: the files differ in pixel size: 0.111 um in plain.tif, 0.1 um in "
            "signed.tif.\n") in out


def test_the_warning_of_a_pretrained_generator_is_said_once_for_all_files(
        restore, tmp_path, generators, random):
    pretrained = dataclasses.replace(read_info(generators / "one.h5"), tasks=(), normalization={})
    weights, _ = load_weights(generators / "one.h5")
    save_generator(tmp_path / "pretrained.h5", weights, pretrained)
    for name in "abc":
        np.save(tmp_path / f"{name}.npy", random.uniform(0, 200, (20, 30)).astype(np.float32))

    status, out, _ = restore("--input=a.npy,b.npy,c.npy", generator=tmp_path / "pretrained")

    assert status == 0
    assert out.count("has seen only simulated images") == 1
    assert out.startswith("This generator has seen only simulated images")
