"""The operator's buttons that end an episode: success, failure, discard."""

from __future__ import annotations

from il_core.types import DISCARD, EpisodeEvent, EventKind, ExpertAction, Outcome, Press

VERDICTS = {
    Press.SUCCESS: (Outcome.SUCCESS, 'success button'),
    Press.FAILURE: (Outcome.FAILURE, 'failure button'),
    Press.DISCARD: (Outcome.ABORTED, DISCARD),
}


class Verdicts:
    """Turn presses into OUTCOME events. What the first message counts is taken as old: a button
    that was down at the start says nothing."""

    def __init__(self) -> None:
        self._seen: tuple[int, ...] | None = None

    def update(self, expert: ExpertAction, stamp_ns: int) -> tuple[EpisodeEvent, ...]:
        """Return the events of the presses since the last message; a discard is ABORTED with
        detail `discard`."""
        seen, self._seen = self._seen, expert.presses
        if seen is None or seen == expert.presses:
            return ()
        return tuple(
            EpisodeEvent(stamp_ns, EventKind.OUTCOME, outcome=outcome, detail=detail)
            for press, (outcome, detail) in VERDICTS.items()
            if expert.presses[press] > seen[press]
        )
