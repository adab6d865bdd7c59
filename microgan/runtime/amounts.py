"""Amounts as people write them, and the pace of work."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

_PACE_SECONDS = 60.0


def significant(value: float, digits: int = 3) -> str:
    """Write a finite number to some significant digits, never with an exponent.

    Example:
        >>> significant(1234.5), significant(0.00012345), significant(10.0)
        ('1230', '0.000123', '10')
    """
    return format(Decimal(f"{value:.{digits}g}"), "f")


def interval(low: float, high: float) -> str:
    """Write the ends of a range of intensities.

    Example:
        >>> interval(0, 1_234_567), interval(-0.5, 1e-7)
        ('0 to 1234570', '-0.5 to 0.0000001')
    """
    return f"{significant(low, 6)} to {significant(high, 6)}"


def percent(share: float) -> str:
    """Write a share: `100 %` and `0 %` mean all and nothing.

    Example:
        >>> percent(1), percent(0.256), percent(0.0123), percent(0.9996), percent(2e-6)
        ('100 %', '26 %', '1.2 %', '99.9 %', 'under 0.01 %')
    """
    number = 100 * share
    if 99 < number < 100:
        return f"{min(number, 99.9):.1f} %"
    if 0 < number < 0.01:
        return "under 0.01 %"
    return f"{number:.0f} %" if number >= 10 else f"{significant(number, 2)} %"


def duration(seconds: float) -> str:
    """Write a duration, at least 0.

    Example:
        >>> duration(0.052), duration(45), duration(720), duration(11100), duration(352800)
        ('0.052 s', '45 s', '12 min', '3 h 05 min', '4 days 2 h')
    """
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{significant(seconds, 2)} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24} days {hours % 24} h"


def byte_size(num_bytes: float) -> str:
    """Write an amount of memory, in powers of 1000.

    Example:
        >>> byte_size(512), byte_size(1_240_000), byte_size(65e9), byte_size(4.4e12)
        ('512 bytes', '1.2 MB', '65 GB', '4.4 TB')
    """
    amount = num_bytes
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, "TB"
    return f"{amount:.0f} {unit}" if amount >= 10 else f"{significant(amount, 2)} {unit}"


def rate(per_second: float, unit: str) -> str:
    """Write how many of something are done in a second, a minute or an hour.

    Example:
        >>> rate(1234, "images"), rate(0.05, "images"), rate(0.01, "images")
        ('1230 images/s', '3 images/min', '36 images/h')
    """
    amount, period = per_second, "s"
    for longer in ("min", "h"):
        if amount < 1:
            amount, period = 60 * amount, longer
    return f"{significant(amount)} {unit}/{period}"


class Pace:
    """Measures the pace of work over its last minute."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, float]] = deque()

    def mark(self, now: float, done: float) -> float | None:
        """Record how much is done.

        Args:
            now: seconds on any clock.
            done: so far, in any unit.

        Returns:
            How much was done per second over the last minute, or since the previous mark if
            that is longer ago; None if nothing was done.
        """
        self._marks.append((now, done))
        while len(self._marks) > 2 and self._marks[1][0] <= now - _PACE_SECONDS:
            self._marks.popleft()
        since, before = self._marks[0]
        return (done - before) / (now - since) if now > since and done > before else None
