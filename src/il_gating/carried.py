"""What goes on while a gate is not active: an episode, and an emergency stop, pressed before or
meanwhile."""

from __future__ import annotations

from il_core.types import EpisodeEvent, EventKind, Mode
from il_gating.asked import GateEvent, Request
from il_gating.memory import GateMemory


class Carried:
    """Outlives the gate core, which is built anew at every activation."""

    def __init__(self) -> None:
        self._running: EpisodeEvent | None = None
        self._stopped = False
        self._presses: int | None = None
        self._memory: GateMemory | None = None

    def recall(self, memory: GateMemory) -> None:
        """Go on where `memory` says that the process before was, and note there what comes."""
        self._memory, self._stopped = memory, self._stopped or memory.stopped
        memory.stop(self._stopped)
        if self._presses is None:
            self._presses = memory.presses
        memory.count(self._presses)

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
        if self._memory is not None:
            self._memory.stop(self._stopped)

    def pressed(self, count: int) -> bool:
        """The joystick counts so many presses of the emergency stop. Returns whether that is more
        than a gate had heard of."""
        before, self._presses = self._presses, count
        if self._memory is not None:
            self._memory.count(count)
        return before is not None and count > before

    def events(self) -> list[GateEvent]:
        """Return what a new core must be told before anything else."""
        running: list[GateEvent] = [] if self._running is None else [self._running]
        return [*running, Request.ESTOP] if self._stopped else running
