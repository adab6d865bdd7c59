from microgan.runs.bad_steps import BAD_STEPS, BadSteps
from microgan.runs.progress import UpdateProgress


def test_progress_tells_the_pace_of_the_last_minute_and_the_time_left_at_it(capsys):
    now = 0.0
    progress = UpdateProgress(1000, 8, BadSteps(9), clock=lambda: now)

    for update in range(1, 401):  # half a minute to compile, two seconds each, then a quarter
        now += 30 if update == 1 else 2 if update <= 100 else 0.25
        progress(update, {"pixel": 1.0, BAD_STEPS: 0.0})

    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "update 2/1000  4 images/s  pixel 1.0000  33 min left"
    assert lines[-1] == "update 396/1000  32 images/s  pixel 1.0000  3 min left"
