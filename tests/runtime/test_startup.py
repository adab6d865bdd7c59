"""Settings of other programs reach neither TensorFlow nor matplotlib, and stay the user's."""

import multiprocessing
import importlib.util
import os
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest

from helpers import ROOT
from microgan.runtime import startup
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.errors import UserError
from microgan.generator_file import GeneratorInfo, build_network, save_generator
from microgan.restoration.restorer import load_restorer

INFO = GeneratorInfo("cgan", "resnet", {"filters": 2, "num_blocks": 0}, ("A",), {
    "A": TaskNormalization(IntensityRange(0, 100), IntensityRange(0, 200))}, "YX", "0.1.0", "")


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    path = tmp_path_factory.mktemp("startup") / "generator.h5"
    save_generator(path, build_network(INFO).get_weights(), INFO)
    return path


@pytest.fixture
def settings_of_user():
    usual = keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format()
    keras.config.set_floatx("float16")
    keras.config.set_epsilon(0.1)
    keras.config.set_image_data_format("channels_first")
    yield "float16", 0.1, "channels_first"
    keras.config.set_floatx(usual[0])
    keras.config.set_epsilon(usual[1])
    keras.config.set_image_data_format(usual[2])


IMAGE = np.random.default_rng(0).uniform(0, 100, (40, 50)).astype(np.float32)


@pytest.fixture(scope="module")
def restored(generator):
    return load_restorer(generator, precision="float32")(IMAGE)


def test_generator_is_built_as_ever_and_the_users_settings_stay(generator, restored,
                                                                settings_of_user):
    whole = load_restorer(generator, precision="float32")(IMAGE)
    tiled = load_restorer(generator, precision="float32", tile=32)(IMAGE)

    np.testing.assert_array_equal(whole, restored)
    np.testing.assert_allclose(tiled, restored, atol=1e-3)
    assert settings_of_user == (keras.config.floatx(), keras.config.epsilon(),
                                keras.config.image_data_format())


INLINE = "module://matplotlib_inline.backend_inline"


@pytest.mark.parametrize("backend, kept", [
    ("svg", "svg"),
    # As in a notebook, whose package may be missing here.
    (INLINE, INLINE if importlib.util.find_spec("matplotlib_inline") else None)])
def test_figures_need_no_backend_and_leave_the_users_alone(tmp_path, backend, kept):
    program = """
import sys
from microgan.evaluation import drawing
import matplotlib, os
with drawing.plain_style():
    drawing.Figure().text(0, 0, "a").figure.savefig("figure.png")
assert "matplotlib.pyplot" not in sys.modules
print(os.environ["MPLBACKEND"], matplotlib.rcParams._get_backend_or_none())
"""
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nsavefig.format: pdf")

    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, text=True,
        capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": backend})

    assert result.stderr == ""
    assert result.stdout.split() == [backend, str(kept)]
    assert (tmp_path / "figure.png").exists()


def test_keras_with_another_backend_is_said(monkeypatch):
    monkeypatch.setattr(startup, "_started_in", None)
    monkeypatch.setattr(keras.config, "backend", lambda: "torch")

    with pytest.raises(UserError, match="backend 'torch'.*KERAS_BACKEND=tensorflow"):
        startup.import_tensorflow_quietly()


def test_warnings_are_no_errors_in_programs_but_are_elsewhere(monkeypatch):
    monkeypatch.setattr(sys, "warnoptions", ["error"])

    with startup.warnings_as_usual():
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    with pytest.raises(DeprecationWarning):
        warnings.warn("old", DeprecationWarning, stacklevel=1)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of Python 3.12
def test_a_forked_process_is_refused_and_does_not_hang(generator):
    restorer = load_restorer(generator, precision="float32")

    def refused(act):
        with pytest.raises(UserError, match="was forked .*get_context\\('spawn'\\)"):
            act()

    child = os.fork()
    if not child:
        try:
            refused(lambda: load_restorer(generator))
            refused(lambda: restorer(np.zeros((20, 20), np.uint8)))
            os._exit(0)
        finally:
            os._exit(1)

    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="told by Linux' list of threads")
def test_a_fork_of_a_program_that_started_tensorflow_itself_is_refused(generator):
    code = f"""if True:
        import os, tensorflow
        tensorflow.ones(2) + 1
        import microgan
        child = os.fork()
        if child == 0:
            try:
                microgan.load_restorer({str(generator)!r})
            except microgan.errors.UserError as error:
                os._exit(7 if "was forked" in str(error) else 1)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        microgan.load_restorer({str(generator)!r})"""

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            timeout=120)

    assert result.returncode == 0, result.stderr
