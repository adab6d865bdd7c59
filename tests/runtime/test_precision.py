import pytest

from microgan.runtime.precision import choose_precision


@pytest.mark.parametrize("features, expected", [
    ("flags : sse2 avx512f amx_bf16 amx_tile", "mixed_bfloat16"),
    ("flags : sse2 avx512_bf16", "mixed_bfloat16"),
    ("flags : sse2 avx512f", "float32"),
])
def test_auto_takes_bfloat16_where_the_processor_multiplies_it(tmp_path, features, expected):
    (tmp_path / "cpuinfo").write_text(features)

    assert choose_precision("auto", cpuinfo=str(tmp_path / "cpuinfo")) == expected


def test_auto_takes_float32_where_nothing_is_known(tmp_path):
    assert choose_precision("auto", cpuinfo=str(tmp_path / "missing")) == "float32"


def test_explicit_precision_is_kept():
    assert choose_precision("mixed_bfloat16", cpuinfo="/nowhere") == "mixed_bfloat16"
