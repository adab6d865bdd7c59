"""Which commands are timed from the command to the restored file."""

import pytest

from benchmarks.restore_waits import Settings, measure, ways
from benchmarks.timing import measured
from microgan.errors import UserError


def test_all_restore_with_mirror_images_and_without():
    commands = ways("256", True)

    assert len(commands) == 8
    assert sum(name.endswith("without") for name in commands) == 4
    for command in commands.values():
        if "-c" in command:
            compile(command[2], "care", "exec")
            assert command[-1] in ("True", "False")


def test_stacks_have_no_rival():
    assert list(ways("stack", True)) == ["microgan, filter", "microgan, ZSE-GAN"]


@pytest.mark.parametrize("image", ["8", "large"])
def test_images_that_are_neither_a_side_nor_the_stack_are_refused(image):
    with pytest.raises(UserError, match=f"--images={image} is neither"):
        measure(Settings(images=(image,)))


def test_a_command_is_measured_in_its_folder(tmp_path):
    run = measured(["touch", "made"], tmp_path)

    assert (tmp_path / "made").exists()
    assert 0 <= run.processor_seconds and 0 < run.seconds and 1e5 < run.peak_bytes < 1e9
    with pytest.raises(UserError, match="false failed"):
        measured(["false"], tmp_path)
