"""The notebooks: what they name exists, and they run from top to bottom."""

import ast
import inspect
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tifffile

import microgan
from helpers import ROOT

FOLDER = ROOT / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
EXECUTE = "from nbclient.cli import main; main()"


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def cells(notebook, kind):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


def python(notebook):
    """All code without IPython's own commands."""
    return ast.parse("\n".join(re.sub(r"^( *)%.*$", r"\1pass", source(cell), flags=re.MULTILINE)
                               for cell in cells(notebook, "code")))


def settings_cell(notebook):
    (cell,) = [cell for cell in cells(notebook, "code")
               if "parameters" in cell["metadata"].get("tags", ())]
    return cell


def settings(notebook):
    return {node.targets[0].id: ast.literal_eval(node.value)
            for node in ast.parse(source(settings_cell(notebook))).body}


def parametrize(function):
    return pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)(function)


def test_there_is_a_notebook_for_each_kind_of_data():
    assert [path.stem for path in PATHS] == ["pairs", "unpaired", "z_stacks"]


@parametrize
def test_notebook_is_stored_without_results(path):
    notebook = read(path)

    assert len(cells(notebook, "code")) > 5
    for cell in cells(notebook, "code"):
        assert cell["outputs"] == [] and cell["execution_count"] is None
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}


@parametrize
def test_calls_of_a_notebook_fit_what_there_is(path):
    tree = python(read(path))

    calls = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("microgan"):
            exec(ast.unparse(node), {})
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("microgan."):
            name = node.func.attr
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            inspect.signature(getattr(microgan, name)).bind(*node.args, **keywords)
            calls[name] = keywords
    trainings = [keywords for name, keywords in calls.items() if name.startswith("train_")]
    assert trainings
    for keywords in trainings:  # a second time, they overwrite nothing and go on
        assert keywords["recipe"].value == "limited" and keywords["resume"].value is True
        assert ast.unparse(keywords["dir"]) == "RUN_DIR" and "overwrite" not in keywords


@parametrize
def test_settings_are_all_used_and_lead_to_files_and_pages_that_there_are(path):
    notebook = read(path)

    values = settings(notebook)
    used = {node.id for node in ast.walk(python(notebook))
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    assert set(values) <= used
    assert (FOLDER / values["DATA_DIR"]).is_dir() and (FOLDER / values.pop("NEW_STACKS" if (
        "NEW_STACKS" in values) else "NEW_IMAGES")).exists()
    links = re.findall(r"\]\(([^)#]+)#?([^)]*)\)", " ".join(
        map(source, cells(notebook, "markdown"))))
    assert links
    for page, heading in links:
        headings = re.findall(r"^#+ (.*)$", (FOLDER / page).read_text("utf-8"), re.MULTILINE)
        assert heading in [text.lower().replace(" ", "-") for text in headings]


def test_run_folders_of_the_notebooks_are_not_committed():
    ignored = (ROOT / ".gitignore").read_text().splitlines()

    assert {settings(read(path))["RUN_DIR"].split("/")[0] for path in PATHS} == {"runs"}
    assert {"notebooks/runs/", ".ipynb_checkpoints/"} <= set(ignored)


def execute(notebook, folder):
    """Run a notebook in a kernel of its own; return its code cells with their outputs."""
    for name in ("nbclient", "ipykernel", "ipywidgets", "tqdm"):
        pytest.importorskip(name)
    path = folder / "notebook.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, "--inplace", "--allow-errors", path], cwd=folder,
        capture_output=True, text=True, timeout=1800,
        env={**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder / "ipython")})
    assert done.returncode == 0, done.stderr
    return cells(read(path), "code")


def outputs(code_cells, kind):
    """All outputs of a kind, such as image/png, as text."""
    return ["".join(output["data"][kind]) for cell in code_cells for output in cell["outputs"]
            if kind in output.get("data", {})]


def run(name, folder, **changed):
    """Run a notebook with some settings changed."""
    notebook = read(FOLDER / f"{name}.ipynb")
    cell = settings_cell(notebook)
    assert set(changed) <= set(settings(notebook))
    cell["source"] = "\n".join(f"{key} = {value!r}" for key, value in {
        **settings(notebook), **changed, "RUN_DIR": "runs/trial"}.items())
    code_cells = execute(notebook, folder)
    for cell in code_cells:
        assert [output for output in cell["outputs"] if output["output_type"] == "error"] == []
    assert code_cells[0]["outputs"] == []  # nothing is installed
    return code_cells


def few_images(folder):
    """Copy some of the images of data/."""
    folder.mkdir()
    for part, count in (("", 8), ("_test", 2)):
        for kind in "XY":
            name = f"Retina{part}_{kind}.npy"
            np.save(folder / name, np.load(ROOT / "data" / name)[:count])
    return folder


@pytest.mark.slow
def test_notebook_for_pairs_restores_images_and_shows_scores_and_progress(tmp_path):
    data = few_images(tmp_path / "data")

    done = run("pairs", tmp_path, DATA_DIR=str(data), NUM_PAIRS=4, NUM_ITERS=2,
               NEW_IMAGES=str(data / "Retina_test_X.npy"))

    restored = np.load(tmp_path / "runs" / "trial" / "restored" / "Retina_test_X.npy")
    assert restored.shape == (2, 128, 128)
    assert len(outputs(done, "image/png")) == 4
    (scores,) = outputs(done, "text/markdown")
    assert re.search(r"^\| Retina +\| restored ", scores, re.MULTILINE)
    assert outputs(done, "application/vnd.jupyter.widget-view+json")  # a bar


@pytest.mark.slow
def test_notebook_without_pairs_describes_the_defect_and_restores(tmp_path):
    data = few_images(tmp_path / "data")

    done = run("unpaired", tmp_path, DATA_DIR=str(data), NUM_IMAGES=6, NUM_ITERS_DEFECT=2,
               NUM_ITERS=2, NEW_IMAGES=str(data / "Retina_test_X.npy"))

    restored = np.load(tmp_path / "runs" / "trial" / "restored" / "Retina_test_X.npy")
    assert restored.shape == (2, 128, 128)
    assert len(outputs(done, "image/png")) == 6
    report, scores = outputs(done, "text/markdown")
    assert "Retina" in report and re.search(r"^\| Retina +\| linear filter ", scores, re.MULTILINE)


@pytest.mark.slow
def test_notebook_for_z_stacks_sharpens_and_shows_the_report(tmp_path):
    stacks = tmp_path / "stacks"
    for kind, count in (("train", 3), ("test", 1)):
        (stacks / f"{kind}B").mkdir(parents=True)
        for number in range(count):
            name = f"{kind}B/{kind}_{number:03d}.npz"
            shutil.copy(ROOT / "data" / "zstack" / name, stacks / name)

    done = run("z_stacks", tmp_path, DATA_DIR=str(stacks), NUM_ITERS=2,
               NEW_STACKS=str(stacks / "testB"))

    (path,) = (tmp_path / "runs" / "trial" / "sharpened").iterdir()
    assert path.name == "test_000.ome.tif"
    with tifffile.TiffFile(path) as file:
        assert file.series[0].axes == "ZYX" and file.series[0].shape == (29, 96, 96)
    assert len(outputs(done, "image/png")) == 5


@pytest.mark.slow
def test_mistake_in_a_notebook_is_one_line(tmp_path):
    notebook = read(FOLDER / "pairs.ipynb")
    notebook["cells"] = [{**settings_cell(notebook), "source": (
        "import microgan\nmicrogan.train_cgan(data_dir='nowhere')")}]

    ((cell,),) = [execute(notebook, tmp_path)]

    (output,) = [output for output in cell["outputs"] if output["output_type"] == "error"]
    (line,) = output["traceback"]
    assert line.startswith("UserError: ") and "nowhere" in line and "\n" not in line
