"""When and why the human was asked, how soon one came, and how often per step of the robot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from il_core.types import NS_PER_S, Cause, EventKind, Mode
from il_data.episode import Episode

# Modes in which a request is open or answered, and those that end one.
ASKED = (Mode.REQUESTING, Mode.SUPERVISOR)
SETTLED = (Mode.SUPERVISOR, Mode.AUTONOMOUS, Mode.ESTOP)
# Causes of a change of mode that say who was there, not why somebody was asked.
UNTOLD = (Cause.OPERATOR_READY, Cause.STALE_JOYSTICK)


@dataclass(frozen=True, slots=True)
class Request:
    """One time the human was asked, or asked for the robot.

    Attributes:
        row: of `Episode.steps`, the tick at which it was made.
        cause: why, as recorded at that tick; where somebody was ready at once or nobody was
            there, as the event of the intervention that followed says. A bag without that event
            leaves it at OPERATOR_READY or STALE_JOYSTICK.
        answered: the human got the robot before anybody else did.
        wait_s: seconds from the first tick of REQUESTING to the first tick of SUPERVISOR, 0 where
            these are one; NaN where the hand-over was instant or nobody came.
    """

    row: int
    cause: Cause
    answered: bool
    wait_s: float = float('nan')


@dataclass(frozen=True, slots=True)
class Reaction:
    """Quartiles of the seconds that an operator let the robot wait, over n answered requests."""

    low_s: float
    median_s: float
    high_s: float
    n: int


@dataclass(frozen=True, slots=True)
class Spending:
    """What episodes took of a human.

    Attributes:
        requests: all of them; `own`: those that the human made.
        robot_ticks, human_ticks: owned by the policy, by the human.
        ticks: in all, idle ones too.
    """

    requests: int
    own: int
    robot_ticks: int
    human_ticks: int
    ticks: int

    @property
    def rate(self) -> float:
        """Requests per robot step; NaN where there is none. A tick on which a request is made is
        a step of the robot too: the policy was about to act."""
        return self._per_step(self.requests)

    @property
    def gate_rate(self) -> float:
        """Requests per robot step without those that the human made."""
        return self._per_step(self.requests - self.own)

    @property
    def human_share(self) -> float:
        """Ticks that the human owned, of all; NaN where there is none."""
        return self.human_ticks / self.ticks if self.ticks else float('nan')

    def _per_step(self, requests: int) -> float:
        steps = self.robot_ticks + requests
        return requests / steps if steps else float('nan')


def requests(episode: Episode) -> list[Request]:
    """Return the requests of an episode, in time order; none in a foreign bag.

    A request is a change to REQUESTING or SUPERVISOR, from the policy or from a robot at rest or
    at the first step, or from the policy to HOLD because nobody was there. A human who comes after
    a request, or comes back after being lost, answers it and makes no other.
    """
    if episode.foreign:
        return []
    modes, causes = episode.steps['mode'], episode.steps['cause']
    before = np.concatenate([modes[:1] * 0, modes[:-1]])
    asked = np.isin(modes, ASKED) & ~np.isin(before, ASKED)
    asked &= (causes != Cause.OPERATOR_READY) | (before != Mode.HOLD)
    vain = (modes == Mode.HOLD) & (before == Mode.AUTONOMOUS) & (causes == Cause.STALE_JOYSTICK)
    return [_request(episode, int(row)) for row in np.flatnonzero(asked | vain)]


def count_causes(found: Iterable[Request]) -> dict[Cause, int]:
    """Return how many requests each cause has, in the order of the causes' numbers."""
    causes = sorted(request.cause for request in found)
    return {cause: causes.count(cause) for cause in causes}


def reaction(found: Iterable[Request]) -> Reaction | None:
    """Return how long operators let the robot wait; None where it never waited for one. Requests
    that the human made are left out: they need no reaction."""
    waits = [r.wait_s for r in found if np.isfinite(r.wait_s) and not _own(r)]
    if not waits:
        return None
    low, median, high = np.quantile(waits, (0.25, 0.5, 0.75)).tolist()
    return Reaction(low, median, high, len(waits))


def spending(episodes: Sequence[Episode]) -> Spending:
    """Return what these episodes took, all together."""
    found = [request for episode in episodes for request in requests(episode)]
    return Spending(
        requests=len(found),
        own=sum(map(_own, found)),
        robot_ticks=sum(e.robot_actions for e in episodes),
        human_ticks=sum(e.human_actions for e in episodes),
        ticks=sum(map(len, episodes)),
    )


def judged_to_return(episode: Episode) -> NDArray[np.bool_]:
    """Return (N,) True where the gate was asked about handing back: its thresholds are those.

    It is asked in the mode of the tick before, after what the human pressed at this one.
    """
    modes, causes = episode.steps['mode'], episode.steps['cause']
    human = modes == Mode.SUPERVISOR
    had = np.concatenate([human[:1] & False, human[:-1]])
    taken = human & ~had & (causes == Cause.HUMAN_REQUEST)
    released = had & (modes == Mode.AUTONOMOUS) & (causes == Cause.HUMAN_RELEASE)
    judged: NDArray[np.bool_] = (had | taken) & ~released
    return judged


def _request(episode: Episode, row: int) -> Request:
    modes, stamps_ns = episode.steps['mode'], episode.steps['stamp_ns']
    cause = Cause(int(episode.steps['cause'][row]))
    at_once = cause is Cause.OPERATOR_READY and row > 0
    settled = row + np.flatnonzero(np.isin(modes[row:], SETTLED))
    if not len(settled) or modes[settled[0]] != Mode.SUPERVISOR:
        return Request(row, cause, answered=False)
    wait_s = float('nan')
    if modes[row] == Mode.REQUESTING or at_once:
        wait_s = int(stamps_ns[settled[0]] - stamps_ns[row]) / NS_PER_S
    if cause in UNTOLD:
        cause = _told(episode, int(episode.steps['tick'][settled[0]])) or cause
    return Request(row, cause, answered=True, wait_s=wait_s)


def _told(episode: Episode, tick: int) -> Cause | None:
    """Return why the human was asked who got the robot at `tick`, where the bag says it."""
    began = EventKind.INTERVENTION_BEGAN
    return next((e.cause for e in episode.events if e.kind is began and e.tick == tick), None)


def _own(request: Request) -> bool:
    return request.cause is Cause.HUMAN_REQUEST
