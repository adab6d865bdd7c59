"""What README and docs tell people to type is what the programs take."""

import ast
import dataclasses
import importlib
import inspect
import re
import shlex

import pytest

import microgan
from helpers import ROOT
from microgan import config
from microgan.cli import program_list
from microgan.cli.command import parse_flags

PROGRAMS = {
    "train_cGAN.py": config.CGANConfig, "train_CIN_GAN.py": config.CINGANConfig,
    "train_zsegan.py": config.ZSEGANConfig, "restore.py": config.RestoreConfig,
    "evaluate.py": config.EvaluateConfig, "-m microgan.cli.simulate": config.SimulateConfig,
    "microgan-export": config.ExportConfig,
}
# A benchmark that imports its neighbours by their bare names runs as a file, others as modules.
NEIGHBOURS = "|".join(path.stem for path in (ROOT / "benchmarks").glob("*.py"))
BENCHMARKS = {
    f"benchmarks/{path.name}" if re.search(rf"^(from|import) ({NEIGHBOURS})\b", text, re.MULTILINE)
    else f"-m benchmarks.{path.stem}": f"benchmarks.{path.stem}"
    for path in (ROOT / "benchmarks").glob("*.py")
    for text in [path.read_text(encoding="utf-8")]
    if re.search(r"class Settings\(\w*Config\)", text)}
RIVALS = {f"-m benchmarks.rivals.{path.stem}": f"benchmarks.rivals.{path.stem}"
          for path in (ROOT / "benchmarks" / "rivals").glob("*.py")
          if "run_command" in path.read_text(encoding="utf-8")}
SUBCOMMANDS = {f"microgan {program.command}": program.config_type
               for program in program_list.PROGRAMS}
PAGES = sorted([*ROOT.glob("*.md"), ROOT / "data" / "README.md", *(ROOT / "docs").glob("*.md")])
NAMES = "|".join(map(re.escape, [*PROGRAMS, *BENCHMARKS, *SUBCOMMANDS]))


def settings_of(program):
    """The config whose fields are a program's flags."""
    own = {**PROGRAMS, **SUBCOMMANDS}.get(program)
    return own or importlib.import_module(BENCHMARKS[program]).Settings


def read(page):
    return re.sub(r"\\\n", " ", page.read_text(encoding="utf-8"))


def commands_of(page):
    """Program and flags of what can be pasted: code blocks, `python ...`, `microgan-... --...`."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", read(page), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += [" ".join(code.split()) for code in re.findall(
        r"`(python [^`]+|microgan[ -][\w-]+ --[^`]+)`", read(page))]
    for line in lines:
        for name, flags in re.findall(rf"(?:python |^)({NAMES})( [^&|#]*|$)", line):
            yield name, shlex.split(flags)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page_are_understood(page):
    for name, arguments in commands_of(page):
        parse_flags(settings_of(name), [name, *arguments])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_flags_named_beside_a_program_are_its_own(page):
    for name, flags in re.findall(rf"`({NAMES})\s([^`]+)`", read(page)):
        fields = {item.name for item in dataclasses.fields(settings_of(name))}
        assert set(re.findall(r"--(\w+)", flags)) <= fields | {"help", "helpfull", "version"}, name


def test_every_program_has_a_command_on_a_page():
    found = {name for page in PAGES for name, _ in commands_of(page)}
    assert found - set(BENCHMARKS) - set(SUBCOMMANDS) == set(PROGRAMS)
    assert found & set(SUBCOMMANDS)
    assert "benchmarks/paper_table.py" in found and "-m benchmarks.speed" in found


def test_every_benchmark_on_a_page_is_run_as_its_imports_need_it():
    names = {name for page in PAGES for name in re.findall(
        r"python ((?:-m benchmarks\.|benchmarks/)[\w.]+)", read(page))}
    without_flags = {f"benchmarks/{name}.py" for name in (
        "coverage", "trust", "trust_stacks", "tiling")}

    assert names - without_flags <= {*BENCHMARKS, *RIVALS}
    assert len(RIVALS) == 6


def test_every_page_is_linked_from_the_readme_and_every_link_leads_somewhere():
    links = {page: {(page.parent / link).resolve()
                    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", read(page))}
             for page in PAGES}

    assert [str(link) for found in links.values() for link in found if not link.exists()] == []
    assert set(PAGES) - {ROOT / "README.md"} <= links[ROOT / "README.md"]


def test_every_test_named_on_a_page_exists():
    names = {name for page in PAGES
             for name in re.findall(r"`(?:tests/)?((?:\w+/)*test_\w+\.py)`", read(page))}

    assert len(names) > 40
    assert [name for name in names if not list((ROOT / "tests").rglob(name))] == []


def test_flags_table_of_the_readme_has_the_defaults():
    rows = re.findall(r"^\| (`--.*) \| .* \| (.*) \| (.*) \|$", read(ROOT / "README.md"),
                      re.MULTILINE)
    in_words = {"all": None, "all found": None, "drawn": None}

    compared = set()
    for flags, *cells in rows:
        names = re.findall(r"--(\w+)", flags)
        for recipe, cell in zip(("paper", "limited"), cells):
            defaults = config.CGANConfig.recipe_defaults(recipe)
            assert set(names) <= set(defaults)
            values = cell.replace("`", "").split(", ")
            if len(values) == len(names) and values != [""] and names != ["symmetries"]:
                for name, value in zip(names, values):
                    assert str(defaults[name]) == str(in_words.get(value, value)), name
                    compared.add(name)
    assert {"num_iters", "batch_size", "patch_size", "content_features"} <= compared


def test_python_on_the_pages_names_what_there_is():
    """Its imports work, and the calls fit the signatures."""
    codes = [code for page in PAGES for code in re.findall(r"```python\n(.*?)```", read(page),
                                                           re.DOTALL)]
    calls = 0
    for code in codes:
        names = {"microgan": microgan}
        for node in ast.parse(code).body:
            if (isinstance(node, (ast.Import, ast.ImportFrom))
                    and node.names[0].name not in ("onnxruntime", "dask.array")):  # of extras
                exec(ast.unparse(node), names)
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Call) and not isinstance(node.func, ast.Call):
                try:
                    function = eval(ast.unparse(node.func), dict(names))
                except NameError:
                    continue  # of a value that only a run would make
                inspect.signature(function).bind(
                    *node.args, **{keyword.arg: None for keyword in node.keywords})
                calls += 1
    assert calls >= 8


def test_settings_of_python_on_the_pages_are_flags():
    programs = {"train_cgan": config.CGANConfig, "restore_files": config.RestoreConfig,
                "evaluate": config.EvaluateConfig}
    found = re.findall(r"microgan\.(\w+)\(([^()]*)\)", read(ROOT / "docs" / "python.md"))
    used = {name: re.findall(r"(\w+)=", settings) for name, settings in found if name in programs}

    assert set(used) == set(programs)
    for name, settings in used.items():
        assert settings and set(settings) <= set(programs[name].recipe_defaults("paper"))
