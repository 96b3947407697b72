"""What came in: the newest expert action and observation, how old they are, what is wrong with
them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from math import isfinite

import numpy as np

from il_core.align import BACK_NS
from il_core.spec import Spec
from il_core.types import NO_PRESSES, NS_PER_S, ExpertAction, Press, Proposal, Vector

Problem = Callable[[Vector | None], str]
Presses = tuple[int, ...]
STOP: Presses = tuple(int(press is Press.ESTOP) for press in Press)


def since(before: Presses | None, now: Presses, heard: bool) -> Presses:
    """Return how often each `Press` was pressed between two messages.

    Args:
        before, now: counts; None: not known.
        heard: somebody listened meanwhile. Where nobody did, or a count fell (the sender began
            anew), an emergency stop counts, and nothing else does.
    """
    if before is None or len(before) != len(now):
        return NO_PRESSES
    more = tuple(new - old for new, old in zip(now, before, strict=True))
    anew = min(more) < 0
    if heard and not anew:
        return more
    return STOP if (now if anew else more)[Press.ESTOP] > 0 else NO_PRESSES


class Joystick:
    """The newest expert action, its age on the receiver's clock, and button presses.

    Args:
        timeout_s: an action received longer ago counts for nothing.
        problem: says why an action cannot be sent.
        presses: counts that the gate before, which is gone, had heard; None: not known.
    """

    def __init__(self, timeout_s: float, problem: Problem, presses: Presses | None = None) -> None:
        self.timeout_s, self._problem, self.presses = timeout_s, problem, presses
        self._expert: ExpertAction | None = None
        self._sound: ExpertAction | None = None
        self._received_ns = 0
        self._bad = ''

    @property
    def timeout_s(self) -> float:
        return self._timeout_ns / NS_PER_S

    @timeout_s.setter
    def timeout_s(self, timeout_s: float) -> None:
        self._timeout_ns = round(timeout_s * NS_PER_S)

    def take(self, expert: ExpertAction | None, received_ns: int) -> Presses:
        """Keep a new action. Returns how often each `Press` was pressed since the last one, see
        `since`.

        A message that was overtaken by a later one is left out; one that counts more presses was
        not, whatever its stamp (another device's clock).
        """
        newest = self._expert
        if expert is None or expert is newest:
            return NO_PRESSES
        if newest is not None and -BACK_NS <= expert.stamp_ns - newest.stamp_ns < 0:
            counts = zip(expert.presses, newest.presses, strict=False)
            if not any(new > old for new, old in counts):
                return NO_PRESSES
        self._expert, self._received_ns = expert, received_ns
        self._bad = '' if expert.action is None else self._problem(expert.action)
        self._sound = dataclasses.replace(expert, action=None) if self._bad else expert
        before, self.presses = self.presses, expert.presses
        if before == expert.presses:
            return NO_PRESSES
        return since(before, expert.presses, heard=newest is not None)

    def fresh(self, now_ns: int) -> ExpertAction | None:
        """Return the newest message unless it is too old; an action that is not sound counts as
        missing."""
        if self._sound is None or now_ns - self._received_ns > self._timeout_ns:
            return None
        return self._sound

    @property
    def action(self) -> Vector | None:
        """The action of the newest message; only `usable` says whether it may be sent."""
        return None if self._expert is None else self._expert.action

    def usable(self, fresh: ExpertAction | None) -> bool:
        """True where what `fresh` gave is a sound action of a human whose dead-man is held."""
        return fresh is not None and fresh.engaged and fresh.action is not None

    def silence(self, now_ns: int) -> str:
        """Say why there is no fresh action, empty where there is one."""
        if self._expert is None:
            return 'no message from the joystick yet'
        if self.fresh(now_ns) is None:
            return f'no message from the joystick for {self.age_s(now_ns):.2f} s'
        return ''

    def problem(self, fresh: ExpertAction | None, now_ns: int) -> str:
        """Say why the human must not act on the robot: silent (nothing is `fresh`), or an action
        that is not sound."""
        return self.silence(now_ns) if fresh is None else self._bad

    def age_s(self, now_ns: int) -> float:
        """Seconds since the last action was received; NaN: never."""
        if self._expert is None:
            return float('nan')
        return (now_ns - self._received_ns) / NS_PER_S


def answered(stamp_ns: int, newest_ns: int | None) -> bool:
    """Return whether a proposal of this stamp had its tick (it was sent twice), or was overtaken
    by a later one."""
    return newest_ns is not None and -BACK_NS <= stamp_ns - newest_ns <= 0


class Observation:
    """When a usable frame was last seen, and what forbids one."""

    def __init__(self, spec: Spec, timeout_s: float) -> None:
        self._hash, self._shape = spec.hash, (len(spec.frame_fields),)
        self._ones = np.ones(self._shape)
        self.timeout_s = timeout_s
        self._seen_ns: int | None = None
        self._newest_ns: int | None = None
        self.problem = ''

    def newer(self, proposal: Proposal | None) -> Proposal | None:
        """Return the proposal of a new tick; None for one that is `answered`."""
        if proposal is None or answered(proposal.frame.stamp_ns, self._newest_ns):
            return None
        self._newest_ns = proposal.frame.stamp_ns
        return proposal

    @property
    def timeout_s(self) -> float:
        return self._timeout_ns / NS_PER_S

    @timeout_s.setter
    def timeout_s(self, timeout_s: float) -> None:
        self._timeout_ns = round(timeout_s * NS_PER_S)

    def take(
        self, proposal: Proposal | None, now_ns: int, stamp_ns: int | None = None
    ) -> Vector | None:
        """Return the usable frame (F,) of a tick, None where there is none; `problem` says
        why. A frame that is older than the time-out when it comes (`stamp_ns`: now, on the clock
        of its stamp) is none."""
        frame = None if proposal is None else self._frame(proposal, stamp_ns)
        if frame is not None:
            # After a silence it may have waited here, while this process stood still.
            self.problem = '' if stamp_ns is None or self._seen_ns is None else self.stale(now_ns)
            self._seen_ns = now_ns
            return None if self.problem else frame
        self.problem = self.problem if proposal is not None else self.stale(now_ns)
        return None

    def stale(self, now_ns: int) -> str:
        """Say for how long there was no usable frame, empty within the time-out."""
        if self._seen_ns is None:
            return 'no observation yet'
        if now_ns - self._seen_ns > self._timeout_ns:
            return f'none for {(now_ns - self._seen_ns) / NS_PER_S:.2f} s'
        return ''

    def missing(self, now_ns: int) -> str:
        """Say why there is no usable frame now, empty where there is one: `problem` is of the last
        tick, which may be long ago."""
        return self.problem or self.stale(now_ns)

    def _frame(self, proposal: Proposal, stamp_ns: int | None) -> Vector | None:
        frame, self.problem = proposal.frame, ''
        late_ns = 0 if stamp_ns is None else stamp_ns - frame.stamp_ns
        if frame.fault:
            self.problem = frame.fault
        elif proposal.spec_hash and proposal.spec_hash != self._hash:
            self.problem = f'policy runs spec {proposal.spec_hash}, the gate {self._hash}'
        elif frame.vector.shape != self._shape:
            self.problem = f'frame has shape {frame.vector.shape}, not {self._shape}'
        # the sum is a quick hint that there is nothing to look for
        elif not (isfinite(frame.vector.dot(self._ones)) or np.isfinite(frame.vector).all()):
            self.problem = 'frame has values that are not finite'
        elif late_ns > self._timeout_ns:
            self.problem = f'frame was {late_ns / NS_PER_S:.2f} s old when it came'
        return None if self.problem else frame.vector


def known(proposal: Proposal, axes: int) -> Proposal:
    """Return what a gate may look at: a mean or variance of another size than that of the action
    is not known. Numbers that are not finite are the gate's to see."""
    mean, variance = proposal.mean, proposal.variance
    if mean is not None and mean.shape != (axes,):
        mean = None
    if variance is not None and variance.shape != (axes,):
        variance = None
    if mean is proposal.mean and variance is proposal.variance:
        return proposal
    return dataclasses.replace(proposal, mean=mean, variance=variance)
