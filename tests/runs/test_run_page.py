"""A run's page shows the run while it trains and afterwards, and works in a browser."""

import json
import math
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from microgan.config import CGANConfig
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.datasets.findings import Finding
from microgan.evaluation.pictures import compare
from microgan.methods.cgan import CGAN
from microgan.runs.history import told_fall
from microgan.runs.method import Report
from microgan.runs.run import Run, loaded
from microgan.runs.run_folder import create_run_folder
from microgan.runs.run_page import write_page

ROWS = [{"update": 100, "score": 20.0}, {"update": 200, "score": 21.0}]
RANGES = TaskNormalization(IntensityRange(0, 100), IntensityRange(0, 100))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def comparison(name):
    clean = np.random.default_rng(0).uniform(0, 100, (600, 700))
    return compare(name, clean / 2, clean, clean, RANGES)


class Told:
    """What the page asks of a method."""

    run_folder, score_label, restores = "Told_results", "validation score", True
    large_fall, keeps_last = 1.0, False
    skipped = ()
    config = CGANConfig.create(recipe="limited", num_iters=200)

    def split(self):
        return {"A": {}, "B": {}}

    def describe_data(self):
        return "A: 8 train\n<b>"

    def glance(self):
        return [compare("A, first.tif", np.eye(96), None, np.eye(96), RANGES)]

    def compared(self):
        return [comparison("A, second.tif")]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(
        {"config": {"seed": 3}, "versions": {"microgan": "1.2"}}))
    return tmp_path


def page(folder, **settings):
    write_page(folder, Told(), ROWS, num_iters=200, **settings)
    return (folder / "report.html").read_text(encoding="utf-8")


def finished(folder):
    (folder / "scores_A.png").write_bytes(b"png")
    (folder / "more.html").touch()
    return page(folder, report=Report("| A | 3 dB |", "", [comparison("A, third.tif")],
                                      "Not seen before.", ["scores_A.png", "missing.png"],
                                      ["more.html"]))


def test_page_of_a_running_training_reloads_itself_and_promises_no_result(folder):
    text = page(folder)

    assert '<meta http-equiv="refresh" content="30">' in text
    assert "Training: update 200 of 200 at 2" in text and "so far are those of update 200" in text
    assert "<li>&lt;b&gt;</li>" in text
    assert "A, first.tif" in text and "A, second.tif" in text
    assert "<h2>Result</h2>" not in text and "What to do next" not in text


def test_page_of_a_finished_training_shows_scores_and_what_to_do(folder):
    text = finished(folder)

    assert "refresh" not in text and "Finished: 200 updates,\n2" in text
    assert "| A | 3 dB |" in text and "A, third.tif" in text and 'href="more.html"' in text
    assert "Not seen before. All on one intensity" in text and "Tasks: A, B. Choose" in text
    assert "data:image/png;base64,cG5n" in text and "missing.png" not in text
    assert f"--generator={folder / 'generator.h5'} --input=YOUR_IMAGES" in text
    assert "--num_iters=400" in text and "Seed 3. microgan 1.2." in text


@pytest.mark.parametrize("program, command, restore", [
    ("train_cGAN.py", "python train_cGAN.py &#39;--dir=my runs&#39;", "python restore.py"),
    ("/bin/microgan", "/bin/microgan &#39;--dir=my runs&#39;", "microgan restore"),
    ("/lib/ipykernel_launcher.py",
     "From Python, with recipe=&#39;limited&#39;, num_iters=200", "microgan restore"),
])
def test_page_has_commands_as_they_were_and_can_be_given(
        folder, monkeypatch, program, command, restore):
    monkeypatch.setattr(sys, "argv", [program, "--dir=my runs"])

    text = finished(folder)

    assert f"<pre>{command}</pre>" in text
    assert f"<pre>{restore} --generator=" in text


def test_last_weights_that_are_kept_are_neither_best_nor_late(folder, monkeypatch):
    assert "those of update 200." in finished(folder) and "train longer" in finished(folder)

    (folder / "history.png").write_bytes(b"png")
    assert "more training pairs like it" in finished(folder) and "Dashed:" in finished(folder)

    monkeypatch.setattr(Told, "keeps_last", True)
    monkeypatch.setattr(Told, "score_label", "")

    text = finished(folder)
    assert "The last weights are kept." in text
    assert "The best weights are" not in text and "train longer" not in text
    assert "Training images, update 200" in text and "choose the weights" not in text
    assert "more degraded images like it" in text and "more training pairs" not in text
    assert "Dashed:" not in text and 'alt="losses"' in text


def test_page_and_run_tell_that_the_score_fell(folder, capsys):
    rows = [*ROWS, {"update": 300, "score": 19.9}]

    write_page(folder, Told(), rows, num_iters=300)

    fall = told_fall(rows, Told.large_fall)
    assert fall.startswith("The validation score fell from 21.00 at update 200, whose weights are "
                           "kept, to 19.90 at update 300.") and "--learning_rate" in fall
    assert '<p class="missed">The validation score fell' in (folder / "report.html").read_text()
    assert told_fall([*ROWS, {"update": 300, "score": math.nan}], 1.0)
    assert not told_fall(ROWS, 1.0) and not told_fall([], 1.0)
    assert not told_fall(rows, 1.2)

    Run._tell_best(SimpleNamespace(method=Told(), history=SimpleNamespace(
        rows=rows, best_update=200)))

    assert f"Best on the validation images: update 200.\nWarning: {fall}\n" in (
        capsys.readouterr().out)


def test_rows_of_a_table_keep_their_columns_and_sentences_wrap(folder):
    text = page(folder, report=Report("| A | 3 dB |\ncriterion   1 < 2\n\nToo few.", ""))

    assert '<div class="row">| A | 3 dB |</div>' in text
    assert '<div class="row">criterion   1 &lt; 2</div>' in text
    assert "<div >Too few.</div>" in text and ".scores .row { white-space: pre;" in text


def test_an_image_that_is_scored_is_shown_once(folder):
    (folder / "samples").mkdir()
    (folder / "samples" / "update_000200.png").write_bytes(b"png")

    text = page(folder, report=Report("", "", [comparison("A, second.tif")]))

    assert text.count("<figcaption>A, second.tif</figcaption>") == 1
    assert "<h2>Validation images" not in text and "<h2>Samples" not in text


def test_page_needs_nothing_but_itself(folder):
    sources = re.findall(r'(?:src|href)="([^"]*)"', finished(folder))

    assert {source.partition(",")[0] for source in sources} == {
        "data:image/png;base64", "more.html"}


def test_page_lists_what_is_wrong_with_the_pairs(folder):
    assert "wrong with the pairs" not in page(folder)

    (folder / "pair_checks.json").write_text(json.dumps(
        [Finding("Cells", "a.tif", 3, "shifted", "25, -18 px", "Align both.").to_json()]))

    assert ("<td>Cells</td><td>a.tif</td><td>shifted</td><td>25, -18 px</td>"
            "<td>Align both.</td>") in page(folder)


def test_page_lists_what_was_skipped_on_loading_also_of_a_resumed_run(
        folder, tmp_path, monkeypatch, capsys, random):
    assert "Skipped files" not in page(folder)
    for half in ("degraded", "clean"):
        (tmp_path / "Cells" / half).mkdir(parents=True)
        for number in range(8):
            tifffile.imwrite(tmp_path / "Cells" / half / f"{number}.tif",
                             random.uniform(0, 100, (32, 32)).astype("float32"))
    (tmp_path / "Cells" / "clean" / "a & b.txt").touch()
    given = {"recipe": "limited", "data_dir": tmp_path, "dir": tmp_path, "seed": 1,
             "patch_size": 16, "init_generator": "none"}

    run_folder, method = loaded(CGAN, CGANConfig.create(**given))

    line, = method.skipped
    assert line == f"{tmp_path / 'Cells' / 'clean'}: 1 file skipped: a & b.txt."
    assert f"{line}\n" in capsys.readouterr().out
    monkeypatch.setattr(Told, "skipped", method.skipped)
    assert f"<li>{line.replace('&', '&amp;')}</li>" in page(folder)

    run_folder.mkdir()
    create_run_folder(run_folder, method.config, method.split(), ())
    _, resumed = loaded(CGAN, CGANConfig.create(**given, resume=True))

    assert list(resumed.skipped) == [line]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [1200, 500])
def test_page_fits_a_browser_of_any_width(folder, width):
    path = folder / "report.html"
    path.write_text(finished(folder) + """<script>
        const viewer = document.querySelector(".viewer");
        viewer.querySelector("select").value = "4";
        viewer.querySelector("select").dispatchEvent(new Event("change"));
        viewer.querySelector("[data-kind=error]").click();
        const shown = viewer.querySelector("img.shown");
        const place = viewer.querySelector("figcaption").textContent;
        document.title = [document.documentElement.scrollWidth <= innerWidth,
                          shown.dataset.kind, getComputedStyle(shown).width,
                          sessionStorage["kind" + place],
                          sessionStorage["zoom" + place]].join(" ");
        </script>""", encoding="utf-8")

    dom = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900",
         "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=60).stdout

    assert "<title>true error 2800px error 4</title>" in dom
