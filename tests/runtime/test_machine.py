import os

from microgan.runtime.machine import processor


def test_processor_is_named_with_its_bfloat16_units(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model name\t: Some CPU\nflags\t: fpu avx512_bf16\n\n")

    assert processor(cpuinfo=str(cpuinfo)) == f"Some CPU, {os.cpu_count()} cores, avx512_bf16"


def test_processor_has_a_name_without_linux_file(tmp_path):
    assert processor(cpuinfo=str(tmp_path / "missing")).endswith(f", {os.cpu_count()} cores")
