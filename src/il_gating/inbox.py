"""When GateNode ticks: in lockstep on complete pairs, in real time on proposals or when they are
late. No clock: stamps and times come as arguments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

from il_core.types import NS_PER_S, ExpertAction, Proposal
from il_gating.intake import answered

T = TypeVar('T')

# Stamps kept in lockstep while their other half is on its way.
KEPT = 64
# Periods after the last proposal at which a tick comes without one.
LATE = 1.5
# A simulated world may be so many times slower than this clock, and its policy still acts.
SLOWEST = 4
# A robot's ticks keep to the generic cell rate algorithm (ITU-T I.371): each books a slot of
# SLOT periods and may begin EARLY periods before its own. A slot of a whole period would make a
# camera that is some percent fast wait for up to a period, again and again.
SLOT, EARLY = 0.9, 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The inputs of one tick of lockstep. `expert` is None where the graph has no operator."""

    proposal: Proposal
    expert: ExpertAction | None


class Pairs:
    """Lockstep: proposals and expert actions of equal stamp, each stamp once, never backwards."""

    def __init__(self, expect_expert: bool) -> None:
        self._expect = expect_expert
        self._proposals: dict[int, Proposal] = {}
        self._experts: dict[int, ExpertAction] = {}
        self._done_ns = -1

    def proposal(self, proposal: Proposal) -> Pair | None:
        """Take in a proposal. Returns the pair that it completes."""
        stamp_ns = proposal.frame.stamp_ns
        if stamp_ns > self._done_ns:
            _keep(self._proposals, stamp_ns, proposal)
        return self._complete(stamp_ns)

    def expert(self, expert: ExpertAction) -> Pair | None:
        """Take in an expert action. Returns the pair that it completes."""
        if expert.stamp_ns > self._done_ns:
            _keep(self._experts, expert.stamp_ns, expert)
        return self._complete(expert.stamp_ns)

    def _complete(self, stamp_ns: int) -> Pair | None:
        ready = stamp_ns in self._experts or not self._expect
        if stamp_ns not in self._proposals or not ready:
            return None
        pair = Pair(self._proposals[stamp_ns], self._experts.get(stamp_ns))
        self._done_ns = stamp_ns
        self._proposals = _after(self._proposals, stamp_ns)
        self._experts = _after(self._experts, stamp_ns)
        return pair


class Pacer:
    """Real time: says when a tick is due. With a proposal that is when it comes; without one, when
    it is late: those ticks are counted as `alone`.

    Args:
        period_ns: of the ticks.
        apart: ticks keep half a period between them, and of n in a row the last begins no sooner
            than 0.9 (n - 1) - 0.5 periods after the first; the newest proposal waits for that.
            Limits are those of one tick: two of them in a period move a robot twice as far.
            Simulated worlds, which step by a clock of their own, get every tick, and late is by
            the pace of the last two proposals where that is slower.
    """

    def __init__(self, period_ns: int, apart: bool) -> None:
        self._period_ns, self._apart, self.alone = period_ns, apart, 0
        self._slot_ns = round(SLOT * period_ns) if apart else 0
        self._early_ns = round(EARLY * period_ns) if apart else 0
        self._late_ns = round(LATE * period_ns)
        self._waiting: Proposal | None = None
        self._booked_ns = self._earliest_ns = 0
        self._due_ns: int | None = None
        self._heard_ns: int | None = None
        self._newest_ns: int | None = None

    def proposal(self, proposal: Proposal, now_ns: int) -> None:
        """A proposal came; one that waits gives way to it. One that is `answered` makes no
        tick."""
        if not self._apart and self._heard_ns is not None:
            pace_ns = now_ns - self._heard_ns
            slow = self._period_ns < pace_ns <= SLOWEST * self._period_ns  # longer is silence
            self._late_ns = round(LATE * (pace_ns if slow else self._period_ns))
        self._heard_ns = now_ns
        if not answered(proposal.frame.stamp_ns, self._newest_ns):
            self._waiting, self._newest_ns = proposal, proposal.frame.stamp_ns

    def silent_s(self, now_ns: int) -> float:
        """Seconds since the last proposal; infinite where none came yet."""
        return math.inf if self._heard_ns is None else (now_ns - self._heard_ns) / NS_PER_S

    def due(self, now_ns: int) -> bool:
        """Return whether a tick is due: `take` begins it."""
        if self._waiting is not None:
            return now_ns >= self._earliest_ns
        if self._due_ns is None:
            self._due_ns = now_ns + self._late_ns
        return now_ns >= self._due_ns

    def take(self, now_ns: int) -> Proposal | None:
        """Begin a tick and return its proposal, None where that is late; the next tick without
        one then is a period later."""
        found, self._waiting = self._waiting, None
        self.alone += found is None
        self._due_ns = now_ns + (self._period_ns if found is None else self._late_ns)
        self._booked_ns = max(self._booked_ns, now_ns) + self._slot_ns
        self._earliest_ns = max(now_ns + self._early_ns, self._booked_ns - self._early_ns)
        return found

    @property
    def look_s(self) -> float:
        """Seconds between two looks at `late`."""
        return self._period_ns * 1e-9 / 8


def _keep(kept: dict[int, T], stamp_ns: int, item: T) -> None:
    kept[stamp_ns] = item
    if len(kept) > KEPT:
        del kept[min(kept)]


def _after(kept: dict[int, T], stamp_ns: int) -> dict[int, T]:
    return {stamp: item for stamp, item in kept.items() if stamp > stamp_ns}
