"""How a joystick is as a source of messages: rate, age, silence."""

from __future__ import annotations

from collections import deque

from il_core.findings import Finding
from il_core.types import NS_PER_S
from il_teleop.findings import TeleopFindings

# A time-out must survive this many lost or late messages, or jitter trips it.
PERIODS = 5
DEPTH = 50


class Pulse:
    """Watches when messages arrive, on the receiver's steady clock.

    Args:
        timeout_s: after which a silent joystick counts as lost (the gate's parameter).
    """

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._times_ns: deque[int] = deque(maxlen=DEPTH)

    def beat(self, now_ns: int) -> None:
        """A message arrived. Silence longer than the time-out begins the count anew."""
        if self.age_s(now_ns) > self.timeout_s:
            self._times_ns.clear()
        self._times_ns.append(now_ns)

    def age_s(self, now_ns: int) -> float:
        """Seconds since the last message; NaN: none yet."""
        if not self._times_ns:
            return float('nan')
        return (now_ns - self._times_ns[-1]) / NS_PER_S

    def silent(self, now_ns: int) -> bool:
        """Whether messages came, and come no more."""
        return self.age_s(now_ns) > self.timeout_s

    @property
    def rate_hz(self) -> float:
        """Messages per second since the last silence; NaN before the second message."""
        if len(self._times_ns) < 2:
            return float('nan')
        span_ns = self._times_ns[-1] - self._times_ns[0]
        return (len(self._times_ns) - 1) * NS_PER_S / max(span_ns, 1)

    def finding(self, now_ns: int, fault: str = '') -> Finding:
        """Say how the joystick is; `fault`: why its messages cannot be read."""
        if not self._times_ns:
            return TeleopFindings.UNHEARD()
        if self.age_s(now_ns) > self.timeout_s:
            return TeleopFindings.SILENT(age_s=self.age_s(now_ns))
        needed_hz = PERIODS / self.timeout_s
        if self.rate_hz < needed_hz:
            return TeleopFindings.SLOW(
                rate_hz=self.rate_hz, timeout_s=self.timeout_s, needed_hz=needed_hz
            )
        return TeleopFindings.UNREADABLE(fault=fault) if fault else TeleopFindings.HEARD()
