"""What people and episodes ask of the gate."""

from __future__ import annotations

import enum
from collections.abc import Set
from typing import NamedTuple

from il_core.types import NO_PRESSES, EpisodeEvent, EventKind, Press


class Request(enum.Enum):
    """What a service asks of the gate; buttons arrive as presses."""

    TAKEOVER = 'takeover'
    RELEASE = 'release'
    RESUME = 'resume'
    RESET_ESTOP = 'reset_estop'
    ESTOP = 'estop'


GateEvent = EpisodeEvent | Request


class Asked(NamedTuple):
    """What people did since the last tick: `presses` per `Press`, and requests by service."""

    presses: tuple[int, ...]
    episode: EventKind
    requests: Set[Request]

    def by(self, press: Press, request: Request) -> bool:
        if self.presses is NO_PRESSES and not self.requests:
            return False  # nearly always
        return self.presses[press] > 0 or request in self.requests
