"""What the operator is told: a rumble and a bell while the gate asks for help."""

from __future__ import annotations

from il_core.types import NS_PER_S, Mode

PULSE_NS = NS_PER_S // 2


class Alert:
    """Pulses while the mode is REQUESTING: half a second on, half a second off."""

    def __init__(self) -> None:
        self._since_ns: int | None = None
        self._on = False

    def update(self, mode: Mode, now_ns: int) -> bool | None:
        """Return True where a pulse begins, False where one ends, None where nothing changes."""
        if mode is not Mode.REQUESTING:
            self._since_ns = None
        elif self._since_ns is None:
            self._since_ns = now_ns
        on = self._since_ns is not None and (now_ns - self._since_ns) // PULSE_NS % 2 == 0
        changed, self._on = on is not self._on, on
        return on if changed else None
