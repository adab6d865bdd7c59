"""The program behind the results table, with trainings that only pretend."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import paper_table
from cells import read_rows
from helpers import ROOT, Trainings, write_pairs
from methods import METHODS
from microgan.datasets.normalization import TaskNormalization, fit_percentiles
from microgan.errors import UserError
from microgan.metrics.paired import least_squares_fit
from paper_table_differences import compare, count_claims, difference_text
from paper_table_figures import save_curves, save_seeds
from paper_table_pages import write_tables


@pytest.fixture
def table(tmp_path, random, monkeypatch):
    """Build tables of one task, whose networks restore nothing."""
    write_pairs(tmp_path, "Blobs", 12, random)
    write_pairs(tmp_path, "Blobs_test", 4, random)
    monkeypatch.setattr(paper_table, "score_rows", lambda task, *images, is_raw_input: [
        {"task": task, "protocol": "care", "n": 4, "psnr": 20, "ssim": 0.5, "nrmse": 0.1,
         "frc": 3, "frc_threshold": 0.5, "micro_ssim": 0.4, "feature_distance": 7,
         "psnr_per_image": "19 21 20 20", "ssim_per_image": "0.5 0.5 0.5 0.5"}])

    monkeypatch.setattr(paper_table.Table, "_restore", lambda self, generator, tasks, method: {
        name: list(self.test[name].degraded) for name in tasks})

    def build(train, **changes):
        settings = {"data_dir": str(tmp_path), "methods": ("raw", "care", "limited"),
                    "seeds": ("1",), "minutes": 10.0, "output": str(tmp_path / "rows.csv"),
                    "work": str(tmp_path / "work")}
        return paper_table.Table(paper_table.Settings(**{**settings, **changes}), train)

    return build


def test_every_method_trains_for_the_minutes(table):
    trainings = Trainings()

    table(trainings).fill()

    assert trainings.updates() == {"care": 600, "limited": 600}


def test_cin_gan_takes_half_of_the_minutes_and_serves_both_settings(table):
    trainings = Trainings()

    table(trainings, methods=("limited_cin", "limited_made")).fill()

    assert trainings.updates() == {"cin_limited": 300, "limited_cin": 300,
                                   "limited_made": 300}
    flags = {name: flags for _, name, flags in trainings.done}
    assert flags["limited_made"]["alpha"] == "1" and "alpha" not in flags["limited_cin"]
    assert flags["limited_made"]["cin_generator_path"].endswith("cin_limited/run/generator.h5")


def test_finished_cells_are_not_trained_again_and_other_seeds_are(table):
    table(Trainings()).fill()
    trainings = Trainings()

    finished = table(trainings, seeds=("1", "2"))
    finished.fill()

    assert [name for _, name, _ in trainings.done] == ["care", "limited"]
    assert {flags["seed"] for _, _, flags in trainings.done} == {"2"}
    rows = read_rows(finished.output)
    assert [(row["method"], row["seed"]) for row in rows] == [
        (method, seed) for seed in "12" for method in ("raw", "care", "limited")]
    assert rows[1]["num_iters"] == "600" and rows[1]["cores"] == str(finished.cores)


@pytest.mark.parametrize("changed", ["symmetries", "images"])
def test_other_symmetries_and_other_images_are_other_cells(table, tmp_path, random, changed):
    table(Trainings(), methods=("care",)).fill()
    trainings = Trainings()
    before = len(list((tmp_path / "work").glob("*/10_minutes/*")))

    if changed == "images":
        write_pairs(tmp_path, "Blobs", 12, random)
        table(trainings, methods=("care",)).fill()
    else:
        table(trainings, methods=("care",), symmetries=("Blobs:all",)).fill()

    assert [name for _, name, _ in trainings.done] == ["care"]
    # A run that was trained with other symmetries must not be continued.
    folders = len(list((tmp_path / "work").glob("*/10_minutes/*")))
    assert folders == before + (changed == "symmetries")


def test_rows_of_an_older_program_are_refused(table):
    begun = table(Trainings(), methods=("raw",))
    begun.output.write_text("data,method\nd,raw\n")

    with pytest.raises(UserError, match="has other columns .* --output"):
        begun.fill()


def test_all_rows_of_a_seed_are_scored_by_the_range_of_its_pairs(table, tmp_path, monkeypatch):
    ranges = []
    monkeypatch.setattr(paper_table, "score_rows", lambda task, clean, restored, constants, **_:
                        ranges.append(constants) or [])

    table(Trainings(), methods=("raw", "care", "limited_made"), pairs=("12",)).fill()

    pairs = (np.load(tmp_path / f"Blobs_{kind}.npy") for kind in "XY")
    assert ranges == 3 * [TaskNormalization(*map(fit_percentiles, pairs))]


def test_linear_filter_restores_to_the_clean_images_range(table, tmp_path, random, monkeypatch):
    clean = [1000 + 100 * gaussian_filter(random.normal(size=(64, 64)), 3) for _ in range(14)]
    degraded = [image / 10 + random.normal(size=image.shape) for image in clean]
    for name, part in (("Blobs", slice(12)), ("Blobs_test", slice(12, None))):
        np.save(tmp_path / f"{name}_X.npy", degraded[part])
        np.save(tmp_path / f"{name}_Y.npy", clean[part])
    errors = []
    monkeypatch.setattr(paper_table, "score_rows", lambda task, clean, restored, *_, **__:
                        errors.append(np.abs(np.subtract(restored, clean)).mean()) or [])

    table(Trainings(), methods=("linear",)).fill()

    # The noise has a mean absolute value of 8 clean grey levels.
    assert errors[0] < 4


def test_pages_are_written_after_every_cell(table):
    class Stopped(Trainings):
        def __call__(self, script, folder, flags):
            if folder.name == "limited":
                raise KeyboardInterrupt
            return super().__call__(script, folder, flags)

    begun = table(Stopped())
    with pytest.raises(KeyboardInterrupt):
        begun.fill()

    assert "| A | CARE | 1 |" in begun.page.read_text()


def test_minutes_of_made_pairs_are_counted(table):
    made = table(Trainings(), methods=("limited_made",))
    made.fill()

    (row,) = read_rows(made.output)
    assert (row["num_iters"], row["trained_minutes"]) == ("300", "10.00")


def test_averaging_over_mirror_images_needs_no_training_of_its_own(table, monkeypatch):
    restored_by = []

    def restore(self, generator, tasks, method):
        restored_by.append((generator.parent.parent.name, method.mirrored))
        return {name: list(self.test[name].degraded) for name in tasks}

    monkeypatch.setattr(paper_table.Table, "_restore", restore)
    trainings = Trainings()

    table(trainings, methods=("care_64", "care_64_mirrored")).fill()

    assert restored_by == [("care_64", False), ("care_64", True)]
    assert {name for _, name, _ in trainings.done if "updates" not in name} == {"care_64"}


def test_network_of_a_rival_is_known_when_it_restores(tmp_path, random, monkeypatch):
    from benchmarks.rivals.care import CARE, CAREConfig, build_unet_generator
    from microgan.generator_file import save_generator
    from microgan.networks import registry

    write_pairs(tmp_path, "Blobs", 4, random)
    write_pairs(tmp_path, "Blobs_test", 2, random)
    method = CARE(CAREConfig.create(recipe="limited", generator_filters=2, patch_size=32, seed=1,
                                    data_dir=str(tmp_path)))
    method.load()
    save_generator(tmp_path / "generator.h5", build_unet_generator(filters=2).get_weights(),
                   method.describe())
    # As in the table's own process, which has trained nothing.
    monkeypatch.delitem(registry._NETWORKS, ("care", "unet"))
    monkeypatch.delitem(sys.modules, "benchmarks.rivals.care")
    table = paper_table.Table(paper_table.Settings(data_dir=str(tmp_path)))

    restored = table._restore(tmp_path / "generator.h5", ("Blobs",), METHODS["care_limited"])

    assert [image.shape for image in restored["Blobs"]] == 2 * [(32, 32)]


def test_networks_of_single_tasks_share_the_minutes(table, tmp_path, random, monkeypatch):
    write_pairs(tmp_path, "Stripes", 12, random)
    write_pairs(tmp_path, "Stripes_test", 4, random)
    trainings = Trainings()

    table(trainings, methods=("care",), networks="per_task").fill()

    assert [flags["num_iters"] for _, name, flags in trainings.done if name == "care"] == [
        "300", "300"]


def test_method_for_degraded_images_alone_has_a_network_for_each_task_and_their_intensities(
        table, tmp_path, random, monkeypatch):
    for name in ("Blobs", "Stripes"):
        degraded = 10 * random.random((12, 32, 32)) + 100
        for part, images in (("", degraded), ("_test", degraded[:4])):
            np.save(tmp_path / f"{name}{part}_X.npy", images)
            np.save(tmp_path / f"{name}{part}_Y.npy", images + 500 + len(part))
    ranges = []
    monkeypatch.setattr(paper_table, "score_rows", lambda task, clean, restored, constants, **_:
                        ranges.append((np.mean(restored), np.mean(clean))) or [])
    trainings = Trainings()

    table(trainings, methods=("n2v",), pairs=("12",)).fill()

    trained = [flags for _, name, flags in trainings.done if name == "n2v"]
    assert [(flags["datasets"], flags["num_iters"]) for flags in trained] == [
        ("Blobs", "300"), ("Stripes", "300")]
    for restored, clean in ranges:
        assert restored == pytest.approx(clean, abs=10)


def begun_elsewhere(table, **changes):
    """A table with seed 1 of `paper`, done by a machine that does two updates a second."""
    begun = table(Trainings(), methods=("paper",), **changes)
    begun.fill()
    text = begun.output.read_text()
    begun.output.write_text(text.replace(begun.here, "Other").replace(",600,", ",1200,"))
    return begun


def test_other_machine_goes_on_with_as_many_updates(table):
    begun = begun_elsewhere(table)
    trainings = Trainings()

    table(trainings, methods=("paper",), seeds=("1", "2"), machine="Other").fill()

    assert trainings.updates() == {"paper": 1200}
    ((_, name, flags),) = trainings.done  # not timed
    assert flags["seed"] == "2"
    rows = read_rows(begun.output)
    assert [(row["machine"], row["trained_on"], row["seed"], row["num_iters"])
            for row in rows] == [
                ("Other", "Other", "1", "1200"), ("Other", begun.here, "2", "1200")]
    assert "| 1200 in 10.0, 20.0 (" in begun.page.read_text()


def test_other_machine_is_as_much_faster_with_a_cin_gan_as_with_its_cgan(table):
    begun = begun_elsewhere(table)
    text = begun.output.read_text()
    begun.output.write_text(text + "".join(
        line.replace(",paper,", ",paper_cin,").replace(",1200,", ",500,")
        for line in text.splitlines(keepends=True)[1:]))
    trainings = Trainings()

    table(trainings, methods=("paper_cin",), seeds=("2",), machine="Other").fill()

    # Five minutes each, at a second per update here.
    assert trainings.updates() == {"cin_paper": 600, "paper_cin": 500}


def test_method_that_takes_more_time_does_more_updates_of_its_twin(table):
    table(Trainings(), methods=("care_limited",)).fill()
    here, elsewhere = Trainings(), Trainings()

    timed = table(here, methods=("care_long",))
    timed.fill()
    text = timed.output.read_text()
    timed.output.write_text(text.replace(timed.here, "Other").replace(",600,", ",1200,"))
    table(elsewhere, methods=("care_long",), seeds=("2",), machine="Other").fill()

    ((_, _, flags),) = here.done  # its twin was timed
    assert (flags["num_iters"], flags["recipe"]) == ("2400", "limited")
    assert elsewhere.updates() == {"care_long": 4800}


def test_machine_that_no_row_names_is_a_mistake(table):
    with pytest.raises(UserError, match="no row of 'care' .* core.s. of Nowhere, .* --machine"):
        table(Trainings(), methods=("care",), machine="Nowhere").fill()


def test_every_flag_of_every_method_exists(tmp_path):
    """Parsed as its script does."""
    from microgan.cli.command import parse_flags
    from microgan.config import CGANConfig, CINGANConfig
    from benchmarks.rivals.care import CAREConfig
    from benchmarks.rivals.cyclegan import CycleGANConfig
    from benchmarks.rivals.deblurgan import DeblurGANConfig
    from benchmarks.rivals.n2v import N2VConfig
    from benchmarks.rivals.pix2pix import Pix2PixConfig
    from methods import CIN_GANS

    configs = {"train_cGAN.py": CGANConfig, "benchmarks.rivals.care": CAREConfig,
               "benchmarks.rivals.deblurgan": DeblurGANConfig,
               "benchmarks.rivals.cyclegan": CycleGANConfig,
               "benchmarks.rivals.pix2pix": Pix2PixConfig, "benchmarks.rivals.n2v": N2VConfig}
    for method in METHODS.values():
        augment = ["--cin_augment=True", "--cin_generator_path=g.h5"] if method.cin else []
        parse_flags(configs[method.script], ["program", *method.flags, *augment])
    for flags in CIN_GANS.values():
        parse_flags(CINGANConfig, ["program", *flags])


def test_data_without_test_images_is_a_mistake(table, tmp_path, random):
    write_pairs(tmp_path, "Untested", 12, random)

    with pytest.raises(UserError, match="'Untested' has no test images"):
        table(Trainings())


def row(method, psnr, seed="1", task="Blobs"):
    return {"data": "d", "images": "i", "tasks": task, "symmetries": "", "setting": "A",
            "method": method, "pairs": "10", "networks": "joint", "seed": seed, "machine": "m",
            "cores": "2", "task": task, "protocol": "care",
            "minutes": "0" if method == "raw" else "15",
            "psnr": str(np.mean(psnr)), "ssim": "0.5", "nrmse": "0.1", "frc": "3",
            "frc_threshold": "0.5", "micro_ssim": "0.4", "feature_distance": "7",
            "num_iters": "600", "trained_minutes": "15.1", "trained_on": "m",
            "psnr_per_image": " ".join(map(str, psnr)),
            "ssim_per_image": " ".join(["0.5"] * len(psnr))}


def seeds_of(method, gains, care=(20.0, 25.0, 30.0, 22.0)):
    """Rows of a method that is ahead of CARE's scores by so much with each seed."""
    return [row(method, np.array(care) + gain, seed) for seed, gain in gains.items()]


def test_difference_is_of_the_seeds_that_both_have_and_tells_its_chance():
    ours = seeds_of("limited", {"1": 0.2, "2": 0.4, "4": 9.0})
    care = seeds_of("care", {"1": 0.0, "2": 0.0, "3": -9.0})

    text = difference_text(ours, care, num_claims=1)

    # Student's t of two trainings, 12.71, times their standard error, 0.1.
    assert text == "+0.30 [-0.97, 1.57] / +0.000 [0.000, 0.000]"


def test_star_needs_more_with_more_claims_and_is_for_microgan_alone():
    gains = {"1": 0.38, "2": 0.40, "3": 0.42}
    care = seeds_of("care_64", dict.fromkeys(gains, 0.0))

    texts = [difference_text(seeds_of(method, gains), care, num_claims).split(" / ")[0]
             for method, num_claims in (("limited", 1), ("limited", 72), ("care", 1),
                                        ("limited", 0))]

    # At 99.93 % the margin is 0.44.
    assert texts == ["+0.40 [0.35, 0.45]*", *3 * ["+0.40 [0.35, 0.45]"]]


def test_claims_are_microgans_differences_that_have_an_interval():
    care, limited, raw = (seeds_of(method, {"1": 0.0, "2": 1.0})
                          for method in ("care", "limited", "raw"))

    assert count_claims([raw + care + limited, care + limited, care[:1] + limited]) == 4
    assert count_claims([limited, care]) == 0


def test_any_two_methods_are_compared_where_both_are():
    rows = seeds_of("limited", {"1": 0.2, "2": 0.4}) + seeds_of("raw", {"1": 0.0, "2": 0.0})

    assert compare(rows, "limited", "raw").splitlines()[2:] == [
        "| d i | 10 | joint | 15 | Blobs | +0.30 [-0.97, 1.57] / +0.000 [0.000, 0.000] |"]
    assert len(compare(rows, "limited", "care").splitlines()) == 2


def test_image_without_a_score_does_not_count():
    ours, care = row("limited", [21, np.nan, 23]), row("care", [20, 20, np.inf])

    assert difference_text([ours], [care], 1) == "+1.00 / +0.000"


def test_page_has_a_line_a_method_with_spread_over_seeds(tmp_path):
    rows = [row("limited", [21, 22], seed="1"), row("limited", [23, 24], seed="2"),
            row("care", [21, 21]), row("raw", [15, 15])]

    write_tables(tmp_path / "page.md", rows)

    text = (tmp_path / "page.md").read_text()
    lines = re.findall(r"^\| A \| ([^|]*) \| (\d) \| ([^|]*) \|$", text, re.MULTILINE)
    assert lines[:3] == [
        ("raw input", "1", "15.00 / 0.500"), ("CARE", "1", "21.00 / 0.500"),
        ("microgan, limited", "2", "22.50 ± 1.41 / 0.500")]
    # Of seed 1, the only one of CARE.
    assert lines[3:5] == [("raw input", "1", "-6.00 / +0.000"),
                          ("microgan, limited", "1", "+0.50 / +0.000")]
    assert "15 minutes on 2 core(s) of m" in text


def test_rows_are_compared_with_the_strongest_form_of_care(tmp_path):
    write_tables(tmp_path / "page.md", [
        row("care", [21, 21]), row("care_64", [22, 22]), row("limited", [23, 23])])

    text = (tmp_path / "page.md").read_text()
    assert "### `care`: difference from CARE, 8 crops of 64, PSNR" in text
    assert "| CARE | 1 | -1.00 / +0.000 |" in text
    assert "| microgan, limited | 1 | +1.00 / +0.000 |" in text


def test_two_rows_of_one_seed_are_no_spread_over_seeds(tmp_path):
    rows = [{**row("deblurgan", [20, 20]), "vgg": name} for name in ("a.npz", "b.npz")]

    with pytest.raises(UserError, match="'DeblurGAN' of seed 1 on Blobs twice, as with VGG"):
        write_tables(tmp_path / "page.md", rows)


def test_filters_alone_make_a_page(tmp_path):
    write_tables(tmp_path / "page.md", [row("raw", [20, 20]), row("care", [21, 21], task="Other")])

    assert "| A | raw input | 1 | 20.00 / 0.500 |" in (tmp_path / "page.md").read_text()


def test_resolutions_of_another_threshold_are_named_and_kept_apart(tmp_path):
    older = {**row("limited", [20, 20], seed="2"), "frc": "2.5", "frc_threshold": "0.143"}

    write_tables(tmp_path / "page.md", [row("limited", [20, 20]), older])

    assert "| 0.100 / 3.00, 2.50 at 0.143 / 0.400 / 7.000 |" in (tmp_path / "page.md").read_text()


def test_page_and_docs_are_what_the_rows_give(tmp_path):
    results = Path(paper_table.__file__).parent / "results"
    docs = (ROOT / "docs" / "results.md").read_text().split("### What the tables show")[0]

    write_tables(tmp_path / "page.md", read_rows(results / "paper_table.csv"))

    page = (tmp_path / "page.md").read_text()
    assert page == (results / "paper_table.md").read_text()
    rows = [line for line in docs.splitlines() if line.startswith(("| A |", "| B |"))]
    assert len(rows) > 30
    assert set(rows) <= set(page.splitlines())


def test_networks_of_other_tasks_are_other_tables(tmp_path):
    write_tables(tmp_path / "page.md", [
        row("care", [20, 20]), {**row("care", [30, 30]), "tasks": "Blobs Stripes"}])

    text = (tmp_path / "page.md").read_text()
    assert text.count("| A | CARE | 1 | 20.00 / 0.500 |") == 1
    assert "## d (Blobs Stripes; images i): 10 pairs" in text


def test_learning_curve_has_a_column_a_number_of_pairs(tmp_path):
    def cell(method, seed, number):
        return {**row(method, [20 + number, 20 + number], seed), "pairs": str(number)}

    rows = [cell("care", "1", 10), cell("care", "1", 5), cell("care", "2", 10),  # 2 has no 5
            cell("care", "3", 5), cell("limited", "1", 10),
            cell("raw", "1", 10), cell("raw", "1", 5)]

    write_tables(tmp_path / "page.md", rows)

    curve = (tmp_path / "page.md").read_text().split("## Learning curve of Blobs")[1]
    assert curve.splitlines()[2:] == [
        "|  | method | seeds | 5 | 10 |", "|---|---|---|---|---|",
        "| A | raw input | 1 | 25.00 / 0.500 | 30.00 / 0.500 |",
        "| A | CARE | 1 | 25.00 / 0.500 | 30.00 / 0.500 |"]


def test_learning_curves_are_drawn_through_the_means_of_their_tables(tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    drawn = {}
    plot = Axes.plot

    def recorded(self, x, y, *style, label):
        drawn[label] = (x, [float(value) for value in y])
        return plot(self, x, y, *style, label=label)

    monkeypatch.setattr(Axes, "plot", recorded)
    rows = [{**row("care", [20 + number, 20 + number], seed=seed), "pairs": str(number)}
            for seed in "12" for number in (10, 5)]

    assert save_curves(tmp_path / "curves.png", rows)

    assert drawn == {"CARE": ([5, 10], [25, 30])} and (tmp_path / "curves.png").exists()
    assert not save_curves(tmp_path / "none.png", rows[:1]) and len(list(tmp_path.iterdir())) == 1


def test_every_training_is_a_dot(tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    dots = []
    plot = Axes.plot
    monkeypatch.setattr(Axes, "plot", lambda self, x, *others, **style: dots.append(
        (round(x, 6), style["color"])) or plot(self, x, *others, **style))
    rows = (seeds_of("limited", {"1": 2.0, "2": 3.0}) + seeds_of("raw", {"1": -4.0})
            + seeds_of("care", {"1": 0.0, "2": 1.0}))

    assert save_seeds(tmp_path / "seeds.png", rows)

    # From CARE's mean; the colour is the seed's.
    assert sorted(dots) == [(-4.5, "C0"), (-0.5, "C0"), (0.5, "C1"), (1.5, "C0"), (2.5, "C1")]
    assert not save_seeds(tmp_path / "none.png", rows[:1])
    assert [path.name for path in tmp_path.iterdir()] == ["seeds.png"]


def test_augmentation_table_has_a_line_a_share_with_spread_over_seeds():
    from augmentation import table

    rows = [{"seed": seed, "share": share, "task": "Blobs", "psnr": psnr, "ssim": "0.5"}
            for seed, share, psnr in (("1", "raw input", "15"), ("1", "0", "20"),
                                      ("2", "0", "22"), ("1", "0.3", "21"))]

    assert table(rows).splitlines()[2:] == [
        "| raw input | 1 | 15.00 / 0.500 |",
        "| real pairs | 2 | 21.00 ± 1.41 / 0.500 |",
        "| and synthetic ones, alpha 0.3 | 1 | 21.00 / 0.500 |"]


def test_figure_shows_the_first_test_image_through_every_finished_method(
        table, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("matplotlib.axes.Axes.imshow",
                        lambda axes, image, **_: drawn.append(image))
    finished = table(Trainings())
    finished.fill()

    table(Trainings(), methods=("raw", "care", "limited", "cyclegan")).draw(tmp_path / "all.png")

    degraded, clean = (np.load(tmp_path / f"Blobs_test_{kind}.npy")[0] for kind in "XY")
    # The networks here restore nothing; CycleGAN is not trained yet.
    shown = [least_squares_fit(degraded, clean)] * 3 + [clean]
    np.testing.assert_allclose(drawn, shown, atol=1e-3)
    assert (tmp_path / "all.png").exists()
