from pathlib import Path

import pytest
import tensorflow as tf

from microgan.config import CINGANConfig
from microgan.errors import Diverged, Interrupted, UserError
from microgan.runs.stops import memory_watched, stops_explained
from microgan.runs.workers import Worker


SEE = 'See "NaN or diverged" in docs/when_the_result_is_bad.md.'


@pytest.mark.parametrize("error", [
    MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")])
def test_memory_that_runs_out_names_what_to_lower(error):
    with pytest.raises(UserError, match="--batch_size=8, --patch_size=64. Lower one"):
        with memory_watched(CINGANConfig.create(batch_size=8, patch_size=64)):
            raise error


@pytest.mark.parametrize("stop, of_a_run, of_a_dry_run", [
    (Interrupted("stopped by SIGINT after 2 updates.", 130),
     "stopped by SIGINT after 2 updates. Everything is saved in run: continue with --resume.",
     "stopped by SIGINT after 2 updates. It was a dry run, which leaves no files."),
    (Diverged("every update was skipped."),
     "Stopped: every update was skipped. The last good state is saved in run: continue with "
     "--resume and a higher --max_bad_steps, or start another run with a lower --learning_rate "
     f"or --precision=float32. {SEE}",
     "Stopped: every update was skipped. Try a lower --learning_rate or --precision=float32. "
     + SEE)])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_stop_tells_how_to_continue(stop, of_a_run, of_a_dry_run, dry_run):
    with pytest.raises((Interrupted, UserError)) as caught:
        with stops_explained(CINGANConfig.create(dry_run=dry_run), Path("run")):
            raise stop

    assert str(caught.value) == (of_a_dry_run if dry_run else of_a_run)
    assert getattr(caught.value, "status", 2) == getattr(stop, "status", 2)


@pytest.mark.parametrize("dry_run, words", [
    (False, "Start all workers again with --resume: the last checkpoint is in run."),
    (True, "Start all workers again.")])
def test_a_lost_worker_tells_how_to_start_again(monkeypatch, dry_run, words):
    monkeypatch.setattr("microgan.runs.stops.this_worker", lambda: Worker(2, True))

    with pytest.raises(UserError) as caught:
        with stops_explained(CINGANConfig.create(dry_run=dry_run), Path("run")):
            raise tf.errors.UnavailableError(None, None, "socket closed")

    assert str(caught.value) == f"Another worker of this training is gone. {words}"
