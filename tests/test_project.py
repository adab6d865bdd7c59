"""What strangers meet first: citation, changes, issue forms, workflows, containers, the site."""

import configparser
import os
import re
import shlex
import subprocess
import sys

import pytest
import yaml

from helpers import ROOT
from microgan.version import __version__

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
DOCKERFILES = sorted(ROOT.glob("Dockerfile*"))


def read_yaml(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def read_setup():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    return settings


def pythons_allowed():
    return re.findall(r"Python :: (3\.\d+)", read_setup()["metadata"]["classifiers"])


def steps(job):
    return [step["run"] for step in job["steps"] if "run" in step]


def test_version_is_the_same_in_all_files():
    assert read_yaml(ROOT / "CITATION.cff")["version"] == __version__
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (.*)$", changes, re.MULTILINE)[1] == __version__


def test_citation_names_the_licence_and_the_methods():
    citation = read_yaml(ROOT / "CITATION.cff")

    assert citation["license"] == read_setup()["metadata"]["license"]
    assert "https://arxiv.org/abs/1910.14207" in [
        reference["url"] for reference in citation["references"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_takes_pythons_that_are_allowed_and_only_reads_by_default(path):
    workflow = read_yaml(path)

    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 90
        for step in job["steps"]:
            python = step.get("with", {}).get("python-version")
            assert python is None or python in [*pythons_allowed(), "${{ matrix.python }}"]


def test_workflow_tests_every_python_on_every_system():
    tests = read_yaml(ROOT / ".github/workflows/tests.yml")
    matrix = tests["jobs"]["newest"]["strategy"]["matrix"]

    assert matrix["python"] == pythons_allowed()
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]


def test_lowest_versions_are_tested_as_by_ci():
    (command,) = [run for run in steps(read_yaml(ROOT / ".github/workflows/tests.yml")["jobs"][
        "lowest"]) if "pytest" in run]
    wanted = shlex.split(command.replace("\\\n", " "))[3:]

    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace("\\\n", " ")
    assert wanted == shlex.split(ci.splitlines()[-1])[3:]


def release_step(text):
    (step,) = [step["run"] for step in
               read_yaml(ROOT / ".github/workflows/release.yml")["jobs"]["build"]["steps"]
               if step.get("name") == text]
    return step


@pytest.mark.skipif(os.name != "posix", reason="the workflow runs on Linux")
def test_release_takes_only_the_tag_of_this_version(tmp_path):
    def status(tag):
        return subprocess.run(["bash", "-c", release_step("The tag is the version")], cwd=ROOT,
                              env={**os.environ, "GITHUB_REF_NAME": tag}).returncode

    assert status(f"v{__version__}") == 0
    assert status("v9.9.9") != 0


@pytest.mark.skipif(os.name != "posix", reason="the workflow runs on Linux")
@pytest.mark.parametrize("text, is_released", [
    ("# Changes\n\n## 1.2.3\nNews.\n\n## 1.2.2\nOld.\n", True),
    ("# Changes\n\n## 1.2.3\nNot yet released.\n\nNews.\n", False),
    ("# Changes\n\n## 1.2.2\nOld.\n", False)])
def test_text_of_a_release_is_its_part_of_the_changes(tmp_path, text, is_released):
    (tmp_path / "CHANGELOG.md").write_text(text)

    status = subprocess.run(["bash", "-e", "-c", release_step("The release has a text")],
                            cwd=tmp_path,
                            env={**os.environ, "GITHUB_REF_NAME": "v1.2.3"}).returncode

    assert (status == 0) == is_released
    if is_released:
        assert (tmp_path / "notes.md").read_text() == "News.\n\n"


@pytest.mark.parametrize("path", [form for form in FORMS if form.stem != "config"],
                         ids=lambda path: path.stem)
def test_issue_form_asks_for_the_diagnosis(path):
    fields = {field["id"]: field for field in read_yaml(path)["body"]}

    assert "microgan --diagnose" in fields["diagnose"]["attributes"]["label"]
    assert any(field.get("validations", {}).get("required") for field in fields.values())


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_container_copies_files_that_are_there_and_installs_extras_that_there_are(path):
    text = path.read_text(encoding="utf-8")
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert re.search(r"^FROM python:(3\.\d+)-slim$", text, re.MULTILINE)[1] in pythons_allowed()
    copied = [name for line in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE)
              for name in line.split()]
    assert "microgan" in copied
    for name in copied:
        assert (ROOT / name).exists() and f"!{name}" in ignored
    extras = re.search(r"'/source\[(.*)\]'", text)[1].split(",")
    assert set(extras) <= set(read_setup()["options.extras_require"])
    assert ("gpu" in extras) == (path.name == "Dockerfile.gpu")


def test_every_page_is_in_the_navigation_of_the_site():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"^ +- [^:]+: (\S+\.md)$", text, re.MULTILINE))

    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= listed


@pytest.mark.slow
def test_site_is_built_without_a_warning(tmp_path):
    """Among others, a link that leads nowhere is a warning, also to a heading."""
    result = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet",
                             "--site-dir", tmp_path / "site"], cwd=ROOT, text=True,
                            capture_output=True)

    assert result.returncode == 0, result.stdout + result.stderr
    page = (tmp_path / "site/reference/metrics/index.html").read_text(encoding="utf-8")
    assert "microgan.metrics.paired" in page
    functions = (tmp_path / "site/reference/microgan/index.html").read_text(encoding="utf-8")
    assert "train_cgan" in functions and "settings" in functions
    assert '<span class="gp">&gt;&gt;&gt; </span>' in functions  # an example, as code
    assert "--images_limit" in (tmp_path / "site/flags/index.html").read_text(encoding="utf-8")
    assert (tmp_path / "site/benchmarks/results/paper_table/index.html").exists()
    tutorial = (tmp_path / "site/notebooks/pairs/index.html").read_text(encoding="utf-8")
    assert "train_cgan" in tutorial and 'href="../../#your-own-images"' in tutorial
    assert (tmp_path / "site/notebooks/pairs.ipynb").exists()
    gallery = (tmp_path / "site/gallery/index.html").read_text(encoding="utf-8")
    assert 'src="../images/samples.png"' in gallery and "paper_table_data.png" in gallery
