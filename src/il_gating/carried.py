"""What goes on while a gate is not active: an episode, and an emergency stop."""

from __future__ import annotations

from il_core.types import EpisodeEvent, EventKind, Mode
from il_gating.asked import GateEvent, Request


class Carried:
    """Outlives the gate core, which is built anew at every activation."""

    def __init__(self) -> None:
        self._running: EpisodeEvent | None = None
        self._stopped = False

    def hear(self, event: EpisodeEvent) -> bool:
        """Take in an event. Returns whether it is news that an episode began or ended: latched
        events come again to a node that is configured anew."""
        running = '' if self._running is None else self._running.episode_id
        if event.kind is EventKind.STARTED and event.episode_id != running:
            self._running = event
        elif event.kind is EventKind.ENDED and event.episode_id == running:
            self._running = None
        else:
            return False
        return True

    def note(self, mode: Mode) -> None:
        """The gate said that it is in this mode."""
        self._stopped = mode is Mode.ESTOP

    def events(self) -> list[GateEvent]:
        """Return what a new core must be told before anything else."""
        running: list[GateEvent] = [] if self._running is None else [self._running]
        return [*running, Request.ESTOP] if self._stopped else running
