"""Free memory is what the system and the container leave."""

from microgan.runtime.memory import free_bytes


def test_the_smaller_of_machine_and_container_counts(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  900 kB\nMemFree:  5 kB\nMemAvailable:   500 kB\n")

    assert free_bytes(meminfo=meminfo, group=tmp_path) == 500 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert free_bytes(meminfo=meminfo, group=tmp_path) == 500 * 1024
    (tmp_path / "memory.max").write_text("5000\n")
    assert free_bytes(meminfo=meminfo, group=tmp_path) == 4000


def test_copies_of_files_make_room_when_it_is_needed(tmp_path):
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("4900\n")
    (tmp_path / "memory.stat").write_text("anon 400\nfile 4500\ninactive_file 3500\n")

    assert free_bytes(meminfo=tmp_path / "none", group=tmp_path) == 100 + 3500


def test_systems_that_do_not_tell_have_four_gigabytes(tmp_path):
    assert free_bytes(meminfo=tmp_path / "none", group=tmp_path) == 4e9
