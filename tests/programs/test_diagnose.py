import configparser
import re
import sys

from packaging.requirements import Requirement

from helpers import ROOT
from microgan.programs import diagnose as program
from microgan.programs.diagnose import PACKAGES, diagnose, setting_lines


def test_report_has_versions_and_devices_that_compute_but_no_path(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TF_XLA_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "3")

    diagnose()

    report = capsys.readouterr().out
    assert re.search(r"^- microgan \d+\.\d+\.\d+$", report, re.MULTILINE)
    assert f"- Python {sys.version.split()[0]} on" in report
    assert "keras 3." in report and "- device CPU:0: works\n" in report
    assert "OMP_NUM_THREADS=3" in report and "TF_XLA_HOME (set)" in report
    assert "/" not in report and str(tmp_path) not in report


def test_what_may_be_private_is_not_shown():
    (line,) = setting_lines({"TF_CONFIG": '{"cluster": {"worker": ["lab:1"]}}', "HOME": "/home/me",
                             "CUDA_VISIBLE_DEVICES": "0,1", "KERAS_HOME": "C:\\Users\\me"})

    assert line == "- settings: CUDA_VISIBLE_DEVICES=0,1, KERAS_HOME (set), TF_CONFIG (set)"


def test_tensorflow_that_does_not_start_is_part_of_the_report(capsys, monkeypatch):
    def fail():
        raise ImportError("/home/me/lib/libcudart.so: cannot open\nshared object")

    monkeypatch.setattr("microgan.runtime.startup.import_tensorflow_quietly", fail)

    diagnose()

    assert capsys.readouterr().out.endswith(
        "- TensorFlow does not start: [path] cannot open shared object\n")


def test_driver_that_fails_is_part_of_the_report(monkeypatch):
    monkeypatch.setattr(program.shutil, "which", lambda name: "/no/such/nvidia-smi")

    assert "No such file or directory: [path]" in program._nvidia_driver()


def test_every_package_that_microgan_needs_is_reported():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    needed = filter(None, settings["options"]["install_requires"].split("\n"))

    assert {Requirement(line).name for line in needed} <= set(PACKAGES)
