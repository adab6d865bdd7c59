"""What this machine is, in words."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def processor(*, cpuinfo: str = "/proc/cpuinfo") -> str:
    """Describe the processor: its name, cores and bfloat16 units.

    Args:
        cpuinfo: Linux's file of the processor's features, for tests.
    """
    name, units = platform.processor() or platform.machine(), ""
    info = Path(cpuinfo)
    if info.is_file():
        lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        lines = {key.strip(): value.strip() for key, value in lines.items()}
        name = lines.get("model name", name)
        flags = lines.get("flags", "").split()
        units = ", ".join(flag for flag in ("amx_bf16", "avx512_bf16") if flag in flags)
    return f"{name}, {os.cpu_count()} cores" + (f", {units}" if units else "")
