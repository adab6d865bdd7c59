"""Lint, types, import rules and packaging, in the same command as the tests."""

import configparser
import subprocess
import sys

import pytest

from helpers import ROOT


def run(*command):
    return subprocess.run([sys.executable, *command], cwd=ROOT, text=True, capture_output=True)


@pytest.mark.parametrize("command", [
    ("-m", "flake8"),
    ("-m", "mypy"),
    ("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"),
], ids=["flake8", "mypy", "import-linter"])
def test_check_passes(command):
    result = run(*command)

    assert result.returncode == 0, result.stdout + result.stderr


def test_importing_microgan_loads_no_framework():
    result = run("-c", "import microgan, sys; "
                 "sys.exit(bool({'tensorflow', 'keras', 'numpy'} & set(sys.modules)))")

    assert result.returncode == 0, result.stderr


def test_every_command_of_the_package_has_its_script_and_function():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    commands = settings["options.entry_points"]["console_scripts"].split("\n")
    modules = [line.split("=")[1].split(":")[0].strip() for line in commands if line]

    scripts = "".join(path.read_text() for path in ROOT.glob("*.py"))
    for module in modules:
        assert (ROOT / f"{module.replace('.', '/')}.py").exists()
        assert module in scripts or module == "microgan.cli.simulate"
