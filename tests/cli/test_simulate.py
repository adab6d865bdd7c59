"""microgan-simulate writes its arrays whole, once, and the first images stay the same."""

import subprocess
import sys

import numpy as np
import pytest
import tifffile

from microgan.cli import simulate

SMALL = ["--datasets=Synthetic_tubulin_tubules", "--image_size=16", "--num_test_pairs=1"]


def run(*flags):
    return simulate.main(["simulate.py", *SMALL, *flags])


def test_simulate_writes_four_arrays_of_a_set(tmp_path):
    folder = tmp_path / "new" / "arrays"

    status = run(f"--output={folder}", "--num_pairs=2")

    assert status == 0
    assert {path.name: np.load(path).shape for path in folder.iterdir()} == {
        "Synthetic_tubulin_tubules_X.npy": (2, 16, 16),
        "Synthetic_tubulin_tubules_Y.npy": (2, 16, 16),
        "Synthetic_tubulin_tubules_test_X.npy": (1, 16, 16),
        "Synthetic_tubulin_tubules_test_Y.npy": (1, 16, 16),
    }


def test_simulate_writes_stacks_in_the_layout_of_their_authors(tmp_path):
    status = simulate.main(["simulate.py", "--datasets=zstack", "--num_stacks=1",
                            "--num_test_stacks=1", "--stack_size=32", f"--output={tmp_path}"])

    assert status == 0
    found = sorted(path.relative_to(tmp_path / "zstack").as_posix()
                   for path in tmp_path.rglob("*.*"))
    assert found == sorted(
        ["trainB/train_000.npz", "testB/test_000.npz", "testSharp/test_000.npz",
         *(f"{part}{kind}/{part}_00{index}.tif" for part in ("train", "test")
           for kind in ("A2D", "A29") for index in range(3))])
    assert np.load(tmp_path / "zstack/testSharp/test_000.npz")["arr_0"].shape == (32, 32, 29)
    assert tifffile.imread(tmp_path / "zstack/testA29/test_002.tif").shape == (32, 29)


def test_asking_for_more_pairs_leaves_the_first_ones_as_they_are(tmp_path):
    run(f"--output={tmp_path / 'few'}", "--num_pairs=2")
    run(f"--output={tmp_path / 'many'}", "--num_pairs=4")

    for name in ("Synthetic_tubulin_tubules_X.npy", "Synthetic_tubulin_tubules_Y.npy"):
        few, many = np.load(tmp_path / "few" / name), np.load(tmp_path / "many" / name)
        assert np.array_equal(few, many[:2])


def test_existing_arrays_are_refused_before_anything_is_written(tmp_path, capsys):
    present = tmp_path / "Synthetic_tubulin_tubules_test_Y.npy"
    present.write_bytes(b"mine")

    status = run(f"--output={tmp_path}", "--num_pairs=1")

    message = capsys.readouterr().err
    assert status == 2
    assert message.count("\n") == 1
    assert str(present) in message and "--overwrite" in message
    assert present.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [present]


def test_overwrite_replaces_existing_arrays(tmp_path):
    present = tmp_path / "Synthetic_tubulin_tubules_test_Y.npy"
    present.write_bytes(b"mine")

    status = run(f"--output={tmp_path}", "--num_pairs=1", "--overwrite")

    assert status == 0
    assert np.load(present).shape == (1, 16, 16)


@pytest.mark.parametrize("flag, part_of_message", [
    ("--datasets=Drosphila", "--datasets must be one of Drosophila"),
    ("--num_pairs=0", "--num_pairs must be at least 1"),
    ("--seed=-1", "--seed must be at least 0"),
])
def test_a_mistaken_flag_is_one_line_and_status_2(tmp_path, capsys, flag, part_of_message):
    status = run(f"--output={tmp_path / 'out'}", flag)

    message = capsys.readouterr().err
    assert status == 2
    assert message.count("\n") == 1 and part_of_message in message
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_one_line_and_status_2(tmp_path, capsys):
    file = tmp_path / "file"
    file.write_bytes(b"mine")

    status = run(f"--output={file}")

    message = capsys.readouterr().err
    assert status == 2
    assert message.count("\n") == 1 and f"--output={file}" in message


def test_help_imports_no_heavy_package():
    code = ("import sys; from microgan.cli.simulate import main; main(['simulate', '--help']);"
            "print(sorted({'numpy', 'scipy', 'tensorflow', 'keras'} & set(sys.modules)))")

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            check=True)

    assert answer.stdout.strip().endswith("[]")
