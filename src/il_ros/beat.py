"""How well a node keeps its period. No rclpy, no clock."""

from __future__ import annotations

from collections import deque

from il_core.types import NS_PER_S
from il_ros.window import Window

# A tick that begins later than this many periods after the one before is late.
LATE_PERIODS = 1.5
# So many ticks tell how fast simulated time passes.
PACE = 15
# Overruns between two diagnostics, which are a second apart, that are worth a warning.
MISSED, MISSED_SHARE = 2, 0.1


class Beat:
    """Counts overruns of a periodic tick.

    Attributes:
        ticks: so many ticks were begun.
        late: of those, so many began more than `LATE_PERIODS` after the one before.
        slow: of those, so many took longer than a period.

    Args:
        period_ns: between two ticks, on the clock of `begin` and `end`.
        follows: time is simulated, and may pass slower than that clock: then a period is as long
            as it makes it, by the stamps of the ticks.
    """

    def __init__(self, period_ns: int, follows: bool = False) -> None:
        self.ticks = self.late = self.slow = 0
        self._period_ns, self._begun_ns = period_ns, 0
        self._told = (0, 0)
        self._seen = deque[tuple[int, int]](maxlen=PACE) if follows else None
        self._error = Window('period_error_s')

    def begin(self, now_ns: int, stamp_ns: int = 0) -> None:
        """A tick begins, of the data with that stamp (0: of none)."""
        if self._seen is not None and stamp_ns:
            self._seen.append((now_ns, stamp_ns))
        if self.ticks:
            gap_ns = now_ns - self._begun_ns
            period_ns = self._pace_ns()
            self.late += gap_ns > LATE_PERIODS * period_ns
            self._error.add(abs(gap_ns - period_ns) / NS_PER_S)
        self.ticks += 1
        self._begun_ns = now_ns

    def end(self, now_ns: int) -> None:
        """Its work is done."""
        self.slow += now_ns - self._begun_ns > self._pace_ns()

    def _pace_ns(self) -> float:
        """Return how long a period is now."""
        if not self._seen:
            return self._period_ns
        (first_ns, first), (last_ns, last) = self._seen[0], self._seen[-1]
        slower = (last_ns - first_ns) / (last - first) if last > first else 1.0
        return self._period_ns * max(slower, 1.0)

    def overruns(self) -> tuple[int, int]:
        """Return how many ticks there were since the last call, and how many late or slow ones
        among them."""
        now, before = (self.ticks, self.late + self.slow), self._told
        self._told = now
        return now[0] - before[0], now[1] - before[1]

    def worth_telling(self) -> tuple[int, int] | None:
        """Return `overruns`, None where they are few."""
        ticks, missed = self.overruns()
        return (ticks, missed) if missed >= max(MISSED, MISSED_SHARE * ticks) else None

    def summary(self) -> dict[str, object]:
        """Return the counts since activation, and the last period errors."""
        counts = {'ticks': self.ticks, 'late_ticks': self.late, 'slow_ticks': self.slow}
        return {**counts, **self._error.summary()}
