"""Which folders a run may write into, and with which settings it goes on."""

import pytest

from microgan.config import CGANConfig, ZSEGANConfig
from microgan.experiments.run_folder import check_run_folder, create_run_folder


def begin(folder, config):
    config = check_run_folder(folder, config)
    create_run_folder(folder, config, {"Cells": {"train": [0]}})
    return config


def test_a_run_that_replaced_another_can_be_resumed(tmp_path):
    begun = begin(tmp_path / "run", CGANConfig.create(overwrite=True, num_iters=7))

    resumed = check_run_folder(tmp_path / "run", CGANConfig.create(resume=True))

    assert (resumed.resume, resumed.overwrite) == (True, False)
    assert (resumed.seed, resumed.num_iters) == (begun.seed, 7)


@pytest.mark.parametrize("how", ["resume", "overwrite"])
@pytest.mark.parametrize("name", ["z_stack_report.html", "scores_Cells.png", "defect_report.md"])
def test_reports_in_a_run_folder_are_its_own(tmp_path, how, name):
    begin(tmp_path / "run", ZSEGANConfig.create())
    (tmp_path / "run" / name).touch()

    check_run_folder(tmp_path / "run", ZSEGANConfig.create(**{how: True}))
