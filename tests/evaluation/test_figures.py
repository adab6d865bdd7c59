"""Figures show the right images, on one scale, pixel for pixel."""

import numpy as np
import pytest
from matplotlib.image import imread

from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.evaluation import figures
from microgan.evaluation.scores import score_task

NORMALIZATION = TaskNormalization(degraded=IntensityRange(100, 300), clean=IntensityRange(0, 50))


@pytest.fixture
def drawn(monkeypatch):
    """What each panel was given, in drawing order, and the name of its row."""
    panels, names = [], {}
    original, name_row = figures._Sheet.draw, figures._Sheet.name_row

    def draw(self, row, column, image, limits, *, title, **rest):
        panels.append({"row": row, "column": column, "image": image, "limits": limits,
                       "title": title, "name": names[row]})
        return original(self, row, column, image, limits, title=title, **rest)

    def name(self, row, text):
        names[row] = text
        name_row(self, row, text)

    monkeypatch.setattr(figures._Sheet, "draw", draw)
    monkeypatch.setattr(figures._Sheet, "name_row", name)
    return panels


@pytest.fixture
def clean():
    return np.random.default_rng(0).uniform(0, 50, (5, 16, 20))


def test_sample_sheet_shows_a_row_on_one_intensity_scale(tmp_path, clean, drawn):
    degraded = 100 + 4 * clean[0]  # the same image in the units of degraded ones

    figures.save_sample_sheet(tmp_path / "samples.png", [
        ("A", degraded, clean[0] + 5, clean[0], NORMALIZATION)])

    first, second, third = drawn
    np.testing.assert_allclose(first["image"], third["image"])
    np.testing.assert_allclose(second["image"], third["image"] + 0.1)
    assert first["limits"] == second["limits"] == third["limits"]
    assert [panel["title"] for panel in drawn] == ["degraded", "restored", "clean"]


def test_sample_sheet_keeps_pixels_sharp(tmp_path):
    checkers = 50.0 * (np.indices((128, 128)).sum(axis=0) % 2)

    figures.save_sample_sheet(tmp_path / "samples.png", [
        ("A", 100 + 4 * checkers, checkers, checkers, NORMALIZATION)] * 2)

    # Twice enlarged, a checkerboard has only black and white, half of each.
    panel = imread(tmp_path / "samples.png")[80:280, 40:240, 0]
    assert set(np.unique(panel)) == {0, 1}
    assert panel.mean() == pytest.approx(0.5)


def test_rows_of_several_sizes_fit_one_sheet(tmp_path, clean, drawn):
    large = np.random.default_rng(0).uniform(0, 50, (600, 400))

    figures.save_sample_sheet(tmp_path / "samples.png", [
        ("A", large, large, large, NORMALIZATION),
        ("B", clean[0], clean[0], clean[0], NORMALIZATION)])

    assert [panel["image"].shape for panel in drawn[::3]] == [(600, 400), (16, 20)]


def extremes(path, clean, restored, degraded, normalization):
    candidates = {"restored": restored}
    if degraded is not None:
        candidates = {"raw input": degraded, **candidates}
    scores = score_task("A", "test", clean=clean, candidates=candidates,
                        normalization=normalization)
    return figures.save_extremes_figure(path, scores, clean=clean, restored=restored,
                                        degraded=degraded, normalization=normalization)


def test_extremes_are_best_median_and_worst_by_range(tmp_path, clean, drawn):
    restored = clean + np.array([5, 1, 20, 10, 2]).reshape(5, 1, 1)

    is_drawn = extremes(tmp_path / "A.png", clean, restored, 100 + 4 * clean, NORMALIZATION)

    assert is_drawn
    assert (tmp_path / "A.png").exists()
    assert [panel["name"] for panel in drawn if panel["column"] == 0] == [
        "best: image 1", "median: image 0", "worst: image 2"]
    assert drawn[0]["title"].startswith("input, ")
    errors = [panel["image"] for panel in drawn if panel["column"] == 3]
    for error, expected in zip(errors, (0.02, 0.1, 0.4), strict=True):
        np.testing.assert_allclose(error, expected)
    assert len({panel["limits"] for panel in drawn if panel["column"] == 3}) == 1


def test_extremes_of_files_need_no_input_and_no_constants(tmp_path, clean, drawn):
    noise = np.random.default_rng(1).normal(size=clean.shape)
    restored = clean + noise * np.array([5, 1, 20, 10, 2]).reshape(5, 1, 1)

    assert extremes(tmp_path / "A.png", clean, restored, None, None)

    assert {panel["column"] for panel in drawn} == {0, 1, 2}
    assert drawn[0]["name"] == "best: image 1" and drawn[0]["title"].startswith("restored, ")


def test_extremes_leave_out_what_was_not_scored(tmp_path, clean, drawn):
    restored = clean + 5
    restored[3] = np.nan

    assert extremes(tmp_path / "A.png", clean[2:4], restored[2:4], None, NORMALIZATION)
    assert not extremes(tmp_path / "B.png", clean[3:4], restored[3:4], None, NORMALIZATION)

    assert [panel["name"] for panel in drawn if panel["column"] == 0] == [
        "best, median, worst: image 0"]
    assert not (tmp_path / "B.png").exists()


def test_perfect_restoration_can_be_drawn(tmp_path, clean):
    assert extremes(tmp_path / "A.png", clean, clean, None, NORMALIZATION)


@pytest.mark.parametrize("num_rows", [1, 60])
def test_history_figure_draws_every_curve(tmp_path, monkeypatch, num_rows):
    curves = {}
    original = figures._draw_curve

    def draw(axes, updates, values, label, **style):
        curves[label] = list(values)
        original(axes, updates, values, label, **style)

    monkeypatch.setattr(figures, "_draw_curve", draw)
    rows = [{"update": 50 * (i + 1), "seconds": 2.0, "generator_loss": 1.0 + i,
             "discriminator_loss": 0.7, "score": 20.0 - i, "psnr_A": 20.0 - i}
            for i in range(num_rows)]

    figures.save_history_figure(tmp_path / "history.png", rows)

    assert imread(tmp_path / "history.png").shape[2] == 4
    assert curves == {"generator": [row["generator_loss"] for row in rows],
                      "discriminator": [0.7] * num_rows,
                      "mean": [row["score"] for row in rows], "A": [row["psnr_A"] for row in rows]}


@pytest.mark.parametrize("score", ["psnr_signal_loss", "closed_signal_loss"])
def test_history_of_a_task_named_like_a_loss_is_a_score(tmp_path, monkeypatch, score):
    panels = {}
    monkeypatch.setattr(figures, "_draw_curve", lambda axes, updates, values, label, **style:
                        panels.setdefault(label, axes.get_subplotspec().rowspan.start))

    figures.save_history_figure(tmp_path / "history.png", [
        {"update": 1, "seconds": 1.0, "pixel_loss": 0.5, "score": 2.0, score: 2.0}])

    assert panels == {"pixel": 0, "mean": 1, "signal_loss": 1}


def test_synthetic_and_real_degraded_images_share_one_scale(tmp_path, drawn, random):
    clean, synthetic, real = (random.normal(mean, 1, (32, 48)) for mean in (0, 5, 9))

    figures.save_synthetic_sheet(tmp_path / "synthetic.png", [("Cells", clean, synthetic, real)])

    assert [panel["title"] for panel in drawn] == ["clean", "synthetic", "real degraded"]
    assert {panel["name"] for panel in drawn} == {"Cells"}
    assert drawn[1]["limits"] == drawn[2]["limits"] != drawn[0]["limits"]
    np.testing.assert_array_equal(drawn[1]["image"], synthetic)
    assert (tmp_path / "synthetic.png").exists()


def test_name_with_dollar_signs_is_no_mathematics(tmp_path, random):
    name = r"cost_$\frac{1$"
    image = random.normal(size=(32, 32))

    figures.save_synthetic_sheet(tmp_path / "synthetic.png", [(name, image, image, image)])
    figures.save_history_figure(tmp_path / "history.png", [
        {"update": 1, "seconds": 1.0, "pixel_loss": 0.5, "score": 2.0, f"psnr_{name}": 2.0}])

    assert all((tmp_path / file).exists() for file in ("synthetic.png", "history.png"))


def test_history_draws_weighted_losses_and_levels(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(figures, "_draw_curve", lambda axes, updates, values, label, **style:
                        drawn.setdefault(label, (values, axes)))

    figures.save_history_figure(
        tmp_path / "history.png",
        [{"update": 1, "seconds": 1.0, "content_loss": 200.0, "critic_loss": -3.0, "score": 2.0}],
        weights={"content": 0.01}, levels={"raw input": 1.5})

    values, axes = drawn["content x 0.01"]
    assert values == [2.0] and axes.get_yscale() == "symlog"
    assert [line.get_ydata()[0] for line in drawn["mean"][1].lines
            if line.get_label() == "raw input"] == [1.5]


@pytest.mark.parametrize("kept, update", [(None, 1), (2, 2)])
def test_history_marks_what_was_kept(tmp_path, monkeypatch, kept, update):
    saved = []
    monkeypatch.setattr(figures, "_save", lambda figure, path: saved.append(figure))

    figures.save_history_figure(tmp_path / "history.png", [
        {"update": 1, "seconds": 1.0, "pixel_loss": 0.2, "score": 3.0},
        {"update": 2, "seconds": 2.0, "pixel_loss": 0.1, "score": 2.0}], kept=kept)

    labels = [line.get_label() for line in saved[0].axes[1].lines]
    assert f"kept: update {update}" in labels


@pytest.mark.parametrize("score_label, panels", [("", 1), ("PSNR", 2)])
def test_history_without_scores_draws_losses_alone(tmp_path, monkeypatch, score_label, panels):
    saved = []
    monkeypatch.setattr(figures, "_save", lambda figure, path: saved.append(figure))

    figures.save_history_figure(
        tmp_path / "history.png",
        [{"update": 1, "seconds": 1.0, "pixel_loss": 0.5, "score": 2.0}], score_label=score_label)

    axes = saved[0].axes
    assert len(axes) == panels and axes[0].lines
    assert [each.get_xlabel() for each in axes] == [""] * (panels - 1) + ["update"]


def test_a_large_image_is_cut_not_averaged(tmp_path):
    checkers = 50.0 * (np.indices((600, 600)).sum(axis=0) % 2)

    figures.save_sample_sheet(tmp_path / "samples.png", [
        ("A", 100 + 4 * checkers, checkers, checkers, NORMALIZATION)])

    panel = imread(tmp_path / "samples.png")[80:280, 40:240, 0]
    assert set(np.unique(panel)) == {0, 1}


@pytest.mark.parametrize("name", ["A", f"{40 * 'deep/folder/'}last_image.tif"])
def test_titles_of_long_names_neither_overlap_nor_leave_the_figure(tmp_path, monkeypatch, name):
    image = np.zeros((32, 32))
    figure = []
    monkeypatch.setattr(figures, "_save", lambda drawn, path: figure.append(drawn))

    figures.save_synthetic_sheet(tmp_path / "synthetic.png", [(name, image, image, image)] * 2)

    figure[0].draw_without_rendering()
    texts = [*figure[0].texts, *(axes.title if axes.title.get_text() else axes._left_title
                                 for axes in figure[0].axes)]
    boxes = [text.get_window_extent() for text in texts]
    assert any(text.get_text().endswith(name[-10:]) for text in texts)
    assert not any(first.overlaps(second) for number, first in enumerate(boxes)
                   for second in boxes[:number])
    assert all(0 <= box.x0 and box.x1 <= figure[0].bbox.width for box in boxes)
