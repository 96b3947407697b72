"""What an operator has seen of the graph, by stamp."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from il_core.types import Command, ExpertAction, GateState, Proposal
from il_teleop.api import View

T = TypeVar('T')
DEPTH = 4


class Last(Generic[T]):
    """The newest few values of one topic."""

    def __init__(self) -> None:
        self._values: deque[tuple[int, T]] = deque(maxlen=DEPTH)

    def take(self, stamp_ns: int, value: T) -> None:
        self._values.append((stamp_ns, value))

    def newest(self, before_ns: int | None = None) -> T | None:
        """Return the newest value, or the newest one stamped before `before_ns`."""
        for stamp_ns, value in reversed(self._values):
            if before_ns is None or stamp_ns < before_ns:
                return value
        return None


class Seen:
    """Makes the operator's view of tick k.

    Args:
        lockstep: of what belongs to a tick only earlier ones count (the proposal of tick k may
            overtake the advice of tick k); otherwise whatever came last.
    """

    def __init__(self, lockstep: bool) -> None:
        self._lockstep = lockstep
        self.states = Last[GateState]()
        self.commands = Last[Command]()
        self.proposals = Last[Proposal]()

    def view(self, supervisor: ExpertAction) -> View:
        before_ns = supervisor.stamp_ns if self._lockstep else None
        return View(
            supervisor,
            self.states.newest(before_ns),
            self.commands.newest(before_ns),
            self.proposals.newest(before_ns),
        )
