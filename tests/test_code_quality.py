"""Lint, types, import rules and packaging, in the same command as the tests."""

import configparser
import re
import subprocess
import sys

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from helpers import ROOT
from microgan.cli.program_list import PROGRAMS


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
    in_list = {f"microgan.cli.{program.command.replace('-', '_')}": program.script
               for program in PROGRAMS}
    assert set(modules) == {"microgan.cli.main", *in_list}
    assert {module for module in in_list if module in scripts} == {
        module for module, script in in_list.items() if script}


def test_ci_names_tests_that_there_are():
    named = re.findall(r"tests/[^ \n\\]+", (ROOT / ".ci" / "run").read_text())

    for pattern in named:
        braces = re.search(r"\{(.*)\}", pattern)
        patterns = [pattern.replace(braces[0], part) for part in braces[1].split(",")
                    ] if braces else [pattern]
        assert all(list(ROOT.glob(each)) for each in patterns), pattern
    assert len(named) > 5


def test_lowest_versions_are_those_that_the_package_allows():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    allowed = {}
    for lines in (settings["options"]["install_requires"],
                  settings["options.extras_require"]["zarr"],
                  settings["options.extras_require"]["formats"]):
        for requirement in map(Requirement, filter(None, lines.split("\n"))):
            if requirement.marker and not requirement.marker.evaluate({"python_version": "3.11"}):
                continue
            (bound,) = requirement.specifier
            assert bound.operator == ">=", requirement
            allowed[requirement.name] = Version(bound.version)

    tested = {}
    for line in (ROOT / "tests" / "lowest_versions.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, _, version = line.partition("==")
            tested[name] = Version(version)

    assert tested == allowed
