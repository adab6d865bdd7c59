"""Free memory of the system and the container."""

from __future__ import annotations

from pathlib import Path

# If unknown: what a small machine has to spare.
_USUAL_BYTES = 4e9


def free_bytes(*, meminfo: str = "/proc/meminfo", group: str = "/sys/fs/cgroup") -> float:
    """Return the memory available without swapping, in bytes.

    Args:
        meminfo: Linux's table of memory, for tests.
        group: Linux's folder of this container's limits, for tests.

    Returns:
        What the system, or the container, has left; 4 GB if unknown.
    """
    free = [_USUAL_BYTES]
    if Path(meminfo).is_file():
        lines = dict(line.split(":") for line in Path(meminfo).read_text().splitlines())
        free = [1024.0 * int(lines["MemAvailable"].split()[0])]
    try:
        limit, used = ((Path(group) / name).read_text() for name in
                       ("memory.max", "memory.current"))
        free.append(float(limit) - float(used) + _cached_bytes(Path(group) / "memory.stat"))
    except (OSError, ValueError):  # no container, or one without limit
        pass
    return max(min(free), 0)


def _cached_bytes(statistics: Path) -> float:
    """Return a container's cache of files, which is freed when memory is needed."""
    if not statistics.is_file():
        return 0.0
    parts = dict(line.split() for line in statistics.read_text().splitlines())
    return float(parts.get("inactive_file", 0))
