"""restore.py --method=filter --data_dir: the linear filter that pairs tell, applied to files."""

import numpy as np
import pytest

from microgan.cli import restore
from microgan.estimation.linear_filter import LinearFilter, clean_spectrum
from microgan.estimation.paired import measure_paired
from microgan.simulation.datasets import simulate_pair


@pytest.fixture(scope="module")
def pairs():
    return [np.stack(images) for images in zip(*(
        simulate_pair("Retina", seed=1, part="test", index=index) for index in range(6)))]


@pytest.fixture
def run(tmp_path, pairs, monkeypatch, capsys):
    """Run the program in a folder with the first four pairs; gives status, output and errors."""
    degraded, clean = pairs
    (tmp_path / "mine").mkdir()
    np.save(tmp_path / "mine" / "Cells_X.npy", degraded[:4])
    np.save(tmp_path / "mine" / "Cells_Y.npy", clean[:4])
    np.save(tmp_path / "new.npy", degraded[4:].reshape(1, 2, 128, 128))
    monkeypatch.chdir(tmp_path)

    def run(*flags):
        status = restore.main(["restore.py", "--method=filter", "--data_dir=mine",
                               "--input=new.npy", "--axes=TCYX", *flags])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_planes_are_filtered_as_the_pairs_tell(run, pairs, tmp_path):
    degraded, clean = pairs

    status, out, _ = run("--output_type=float32")

    assert status == 0 and "Cells: " in out and "photons" in out
    found = np.load(tmp_path / "restored" / "new.npy")
    restore = LinearFilter(measure_paired(degraded[:4], clean[:4]).model,
                           clean_spectrum(clean[:4])).restore
    assert (found.shape, found.dtype) == ((1, 2, 128, 128), np.float32)
    for plane, image in zip(found[0], degraded[4:]):
        np.testing.assert_array_equal(plane, restore(image).astype(np.float32))
    errors = [np.mean((images - clean[4:].astype(float)) ** 2) for images in (
        found[0], degraded[4:].astype(float))]
    assert errors[0] < 0.8 * errors[1]


def test_mistakes_are_one_line(run, pairs, tmp_path):
    def refused(words, *flags):
        status, _, err = run(*flags)
        assert (status, len(err.splitlines())) == (2, 1) and words in err, err

    np.save(tmp_path / "small.npy", np.zeros((8, 40)))
    refused("small.npy: ", "--input=small.npy", "--axes=YX")
    refused("--data_dir has no meaning without --method=filter", "--method=network",
            "--generator=embedded")
    refused("--generator has no meaning with --method=filter", "--generator=embedded")
    for letter, images in zip("XY", pairs):
        np.save(tmp_path / "mine" / f"Tiny_{letter}.npy", images[:, :20, :20])
    refused("--task is missing: mine has pairs of Cells, Tiny.")
    refused("The pairs of Tiny in mine do not tell a filter", "--task=Tiny")
    assert not (tmp_path / "restored").exists()
