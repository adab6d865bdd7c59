"""restore.py --dask: the cluster's result is that of one process, and nothing is done twice."""

import os
import re
import signal
import threading
import time

import numpy as np
import pytest

from microgan.errors import UserError
from microgan.restoration import dask_restorer

distributed = pytest.importorskip("distributed")
zarr = pytest.importorskip("zarr")

HIDDEN = ".restore_dask"


def write_zarr(path, image, axes="cyx"):
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    group.attrs["multiscales"] = [{
        "version": "0.4", "axes": [{"name": axis} for axis in axes],
        "datasets": [{"path": "0"}]}]
    group.create_array("0", shape=image.shape, chunks=(1, 32, 32), dtype=image.dtype)[:] = image


def read_zarr(path):
    return zarr.open_array(str(path / "0"), mode="r")[:]


@pytest.fixture(scope="module")
def cluster():
    """A cluster of threads of this process."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False,
                                  dashboard_address=None) as found:
        yield found.scheduler_address


@pytest.fixture
def files(tmp_path, random):
    image = random.integers(0, 101, (2, 70, 101)).astype(np.uint8)
    write_zarr(tmp_path / "a.zarr", image)
    np.save(tmp_path / "b.npy", image)
    return image


def test_a_cluster_restores_as_one_process_does(restore, cluster, files, tmp_path):
    restore("--input=a.zarr,b.npy", "--output=one", "--backend=tensorflow", generator="uneven")

    status, out, err = restore("--input=a.zarr,b.npy", "--tile=32", f"--dask={cluster}",
                               generator="uneven")

    assert (status, err) == (0, "")
    assert out.count("restored into") == 2 and "axes ZYX assumed" in out
    np.testing.assert_array_equal(np.load(tmp_path / "restored" / "b.npy"),
                                  np.load(tmp_path / "one" / "b.npy"))
    in_blocks, whole = (read_zarr(tmp_path / folder / "a.zarr") for folder in ("restored", "one"))
    assert np.abs(in_blocks.astype(int) - whole).max() <= 1
    assert not (tmp_path / "restored" / HIDDEN).exists()


def test_what_is_finished_is_not_done_again(restore, cluster, files, tmp_path, monkeypatch):
    arguments = ("--input=a.zarr,b.npy", "--tile=32", f"--dask={cluster}")
    whole, calls = dask_restorer.restore_part, []

    def fails_at_the_fourth(*positional, **named):
        calls.append(None)
        if len(calls) == 4:
            raise UserError("out of luck")
        return whole(*positional, **named)

    monkeypatch.setattr(dask_restorer, "restore_part", fails_at_the_fourth)

    status, _, err = restore(*arguments)

    assert status == 2 and "out of luck" in err and "1 of 2 files" in err
    assert not (tmp_path / "restored" / "a.zarr").exists()
    time_written = (tmp_path / "restored" / "b.npy").stat().st_mtime_ns
    blocks = len(list((tmp_path / "restored" / HIDDEN).glob("*/*.npz")))
    assert blocks >= 3
    calls[:] = [None] * 10

    status, out, _ = restore(*arguments)

    assert status == 0
    assert "1 of 2 files were restored before" in out
    before, total = map(int, re.search(r"(\d+) of (\d+) blocks were restored before",
                                       out).groups())
    # Blocks that a worker had begun are finished although the run has failed.
    assert before >= blocks and total - before <= len(calls) - 10 < total
    assert (tmp_path / "restored" / "b.npy").stat().st_mtime_ns == time_written
    np.testing.assert_array_equal(read_zarr(tmp_path / "restored" / "a.zarr"), 2 * files)
    assert not (tmp_path / "restored" / HIDDEN).exists()


def test_what_needs_the_whole_image_goes_to_one_worker(restore, cluster, files, tmp_path):
    status, out, _ = restore("--input=a.zarr", f"--dask={cluster}", "--task=A",
                             generator="defects")

    assert status == 0
    assert "a.zarr: one worker restores the whole image: the defects" in out
    assert read_zarr(tmp_path / "restored" / "a.zarr").shape == files.shape


@pytest.mark.parametrize("arguments, words", [
    (["--dask=local:0"], "--dask must be a scheduler's address such as tcp://host:8786"),
    (["--dask=local:2", "--trust_map"], "--dask makes no trust maps")])
def test_mistakes_are_one_line(restore, files, tmp_path, arguments, words):
    status, _, err = restore("--input=b.npy", *arguments)

    assert status == 2 and len(err.splitlines()) == 1 and words in err
    assert not (tmp_path / "restored").exists()


@pytest.mark.slow
def test_a_killed_worker_changes_no_bit(restore, tmp_path, random):
    write_zarr(tmp_path / "a.zarr", random.integers(0, 101, (2, 512, 512)).astype(np.uint8))
    arguments = ("--input=a.zarr", "--tile=64")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False,
                                  dashboard_address=None) as one:
        restore(*arguments, f"--dask={one.scheduler_address}", "--output=one", generator="uneven")

    killed = []

    def kill_one(cluster):
        while not killed:
            if len(list((tmp_path / "restored").glob(f"{HIDDEN}/*/*.npz"))) >= 20:
                killed.append(cluster.workers[0].pid)
                os.kill(killed[0], signal.SIGKILL)
            time.sleep(0.01)

    with distributed.LocalCluster(n_workers=2, threads_per_worker=1,
                                  dashboard_address=None) as cluster:
        thread = threading.Thread(target=kill_one, args=(cluster,), daemon=True)
        thread.start()
        status, _, _ = restore(*arguments, f"--dask={cluster.scheduler_address}",
                               generator="uneven")

    assert status == 0 and len(killed) == 1
    np.testing.assert_array_equal(*(read_zarr(tmp_path / folder / "a.zarr")
                                    for folder in ("restored", "one")))
