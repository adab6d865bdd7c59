"""The sdist and the wheel: what they hold, and that the wheel works where nothing else is."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest

from helpers import ROOT, files_in
from microgan.cli.program_list import PROGRAMS
from microgan.version import __version__

pytestmark = pytest.mark.slow
# Files that the code reads, besides modules.
DATA = {name for name in files_in(ROOT / "microgan") if not name.endswith((".py", ".pyc"))}


def build(kind, source, folder):
    """Build "sdist" or "wheel" from a folder of sources; gives the file."""
    subprocess.run([sys.executable, "-c", "import sys; from setuptools import build_meta; "
                    f"build_meta.build_{kind}(sys.argv[1])", folder], cwd=source, check=True,
                   capture_output=True)
    (built,) = folder.glob("*.tar.gz" if kind == "sdist" else "*.whl")
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """Built from a copy of the checkout, in which nothing is left from earlier builds."""
    source = tmp_path_factory.mktemp("checkout") / "microgan"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(
        ".*", "build", "dist", "data", "docs", "site", "*.egg-info", "__pycache__", "*_results*"))
    return build("sdist", source, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """Built from the sdist alone, as an installer does it."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return build("wheel", source, tmp_path_factory.mktemp("wheel"))


def names_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_the_package_and_nothing_else(wheel):
    names = names_in(wheel)

    assert wheel.name == f"microgan-{__version__}-py3-none-any.whl"
    assert {name.split("/")[0] for name in names} == {
        "microgan", f"microgan-{__version__}.dist-info"}
    wanted = {path.relative_to(ROOT).as_posix() for path in (ROOT / "microgan").rglob("*.py")}
    wanted |= {f"microgan/{name}" for name in DATA}
    assert {name for name in names if name.startswith("microgan/")} == wanted
    assert {"py.typed", "losses/embedded_features.npz", "networks/embedded_generator.h5",
            "pages/templates/run.html"} <= DATA


def test_wheel_has_its_commands_and_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        folder = f"microgan-{__version__}.dist-info"
        commands = archive.read(f"{folder}/entry_points.txt").decode()
        assert b"BSD 3-Clause" in archive.read(f"{folder}/licenses/LICENSE")

    assert "microgan = microgan.cli.main:main" in commands
    for program in PROGRAMS:
        assert f"microgan-{program.command} = " in commands


def test_installed_wheel_restores(wheel, tmp_path, random):
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    folder = subprocess.run([python, "-c", where], text=True, capture_output=True,
                            check=True).stdout.strip()
    # What microgan needs is that of this environment; microgan itself comes from the wheel.
    with open(os.path.join(folder, "needed.pth"), "w") as file:
        file.writelines(f"{path}\n" for path in sys.path if path.endswith("site-packages"))
    # --force-reinstall: microgan may be installed in this environment, too.
    subprocess.run([sys.executable, "-m", "pip", "--python", python, "install", "--no-deps",
                    "--no-index", "--force-reinstall", wheel], check=True, capture_output=True)
    np.save(tmp_path / "cells.npy", random.integers(0, 4000, (64, 50)).astype(np.uint16))

    def run(*command):
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        result = subprocess.run(command, cwd=tmp_path, env=variables, text=True,
                                capture_output=True)
        assert result.returncode == 0, result.stderr
        return result.stdout

    imported = run(python, "-c", "import microgan; print(microgan.__file__)").strip()
    page = run(scripts / "microgan", "--help")
    run(scripts / "microgan", "restore", "--generator=embedded", "--input=cells.npy")

    assert os.path.dirname(os.path.dirname(imported)) == os.path.realpath(folder)
    assert "train-cgan" in page
    restored = np.load(tmp_path / "restored" / "cells.npy")
    assert (restored.shape, restored.dtype) == ((64, 50), np.uint16)
    assert restored.std() > 0
