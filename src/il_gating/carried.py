"""What goes on while a gate is not active: an episode, and an emergency stop, pressed before or
meanwhile."""

from __future__ import annotations

from il_core.types import EpisodeEvent, EventKind, Mode
from il_gating.asked import GateEvent, Request
from il_gating.intake import Presses
from il_gating.memory import GateMemory


class Carried:
    """Outlives the gate core, which is built anew at every activation.

    Attributes:
        presses: as the joystick counted them when a gate heard it last; None: none ever did.
    """

    def __init__(self) -> None:
        self._running: EpisodeEvent | None = None
        self._stopped = False
        self.presses: Presses | None = None
        self._memory: GateMemory | None = None

    def recall(self, memory: GateMemory) -> None:
        """Go on where `memory` says that the process before was, and note there what comes."""
        self._memory, self._stopped = memory, self._stopped or memory.stopped
        memory.stop(self._stopped)
        self.presses = memory.presses if self.presses is None else self.presses
        memory.count(self.presses)

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

    def note(self, mode: Mode, presses: Presses | None) -> None:
        """The gate said that it is in this mode, and that it had acted on these presses."""
        self._stopped, self.presses = mode is Mode.ESTOP, presses
        if self._memory is not None:
            self._memory.stop(self._stopped)
            self._memory.count(presses)

    def events(self) -> list[GateEvent]:
        """Return what a new core must be told before anything else."""
        running: list[GateEvent] = [] if self._running is None else [self._running]
        return [*running, Request.ESTOP] if self._stopped else running
