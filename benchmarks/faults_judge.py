"""Judges what a robot was told: used by faults.py.

Unsafe is a command that is not finite, out of range, or further from the last one than its rate
allows; the policy acting on an observation older than the time-out; the policy acting although
nobody asked for it.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict, deque

import numpy as np

from il_core.spec import Spec
from il_core.types import AxisKind, Command, GateState, Mode, Owner

SLACK = 1 + 1e-9
# The gate knows the time to a tick of the simulator, and needs some to decide.
LATE_S = 0.1
# So long a request may take to become a mode.
ON_ITS_WAY_S = 2.0
KEPT = 400


class Judge:
    """Takes in what was said, with the time it was sent (system clock, seconds)."""

    def __init__(self, spec: Spec, stale_s: float) -> None:
        self._spec, self._stale_s = spec, stale_s + LATE_S
        rate = np.array([a.max_rate for a in spec.axes]) / spec.robot.rate_hz
        self._step = np.where(rate > 0, rate, np.inf)
        self._keeps = np.array([a.kind is AxisKind.POSITION for a in spec.axes])
        self._silent_s = spec.robot.command_timeout_s
        self._last: tuple[float, Command] | None = None
        self._seen: OrderedDict[int, float] = OrderedDict()
        self._policy, self._told = set[int](), dict[int, float]()
        self._may_act, self._asked_s = False, 0.0
        self.unsafe: list[str] = []
        self.times: deque[float] = deque(maxlen=4 * KEPT)
        self.states: deque[tuple[float, GateState]] = deque(maxlen=4 * KEPT)

    def asked(self, now_s: float) -> None:
        """A human, or the start of an episode, lets the policy act."""
        self._may_act, self._asked_s = True, now_s

    def proposed(self, stamp_ns: int, now_s: float) -> None:
        """A proposal was published."""
        self._seen.setdefault(stamp_ns, now_s)
        if len(self._seen) > KEPT:
            self._seen.popitem(last=False)

    def state(self, state: GateState, now_s: float) -> None:
        """The gate said who acts."""
        changed = not self.states or self.states[-1][1].mode is not state.mode
        self.states.append((now_s, state))
        if changed and state.mode in (Mode.HOLD, Mode.SUPERVISOR):
            self._may_act = False
        elif state.mode is Mode.AUTONOMOUS and not self._may_act:
            if now_s - self._asked_s < ON_ITS_WAY_S:
                return
            self._say(f'the policy acts and nobody asked: {state.detail}')
            self._may_act = True

    def command(self, command: Command, now_s: float) -> None:
        """The gate said what it sent to the robot."""
        before, self._last = self._last, (now_s, command)
        if not np.isfinite(command.action).all():
            self._say(f'not finite: {command.action.tolist()}')
            return
        self.times.append(now_s)
        self._within(command)
        if before is not None:
            self._steps(before[1], command, now_s - before[0])
        # A tick without a proposal has the number of the one before, and stands.
        if command.owner is Owner.POLICY and (before is None or before[1].tick != command.tick):
            self._policy.add(command.stamp_ns)
            self._age(command.stamp_ns)

    def robot(self, numbers: np.ndarray, topic: str, stamp_ns: int, now_s: float) -> None:
        """The robot was sent a message; stamp_ns: of the observation, 0 where it has none."""
        if not np.isfinite(numbers).all():
            self._say(f'{topic} carries {numbers.tolist()}')
        # What comes again with a stamp stands, too.
        if stamp_ns in self._seen and stamp_ns not in self._told:
            self._told[stamp_ns] = now_s - self._seen[stamp_ns]
            self._age(stamp_ns)

    def _age(self, stamp_ns: int) -> None:
        """When both are known: did the policy act, and how old was it when the robot was told?
        (A gate may be stopped before it says so itself.)"""
        if stamp_ns in self._policy and self._told.get(stamp_ns, 0.0) > self._stale_s:
            self._say(f'the policy acts on what was seen {self._told[stamp_ns]:.2f} s ago')
            self._told[stamp_ns] = 0.0

    def forget(self) -> None:
        """The simulator has put the robot somewhere else."""
        self._last = None

    def _within(self, command: Command) -> None:
        low, high = self._spec.low, self._spec.high
        if (command.action < low).any() or (command.action > high).any():
            self._say(f'out of range: {command.action.tolist()}')

    def _steps(self, before: Command, command: Command, silent_s: float) -> None:
        """After a silence the robot has stopped by itself: only what keeps its value counts."""
        counts = self._keeps if silent_s > self._silent_s else np.ones_like(self._keeps)
        step = np.abs(command.action - before.action)
        if (counts & (step > self._step * SLACK + 1e-12)).any():
            self._say(f'a step of {step.tolist()} after {silent_s:.3f} s')

    def _say(self, text: str) -> None:
        self.unsafe.append(text)


def longest_gap_s(times: deque[float], begin_s: float, end_s: float) -> float:
    """Return the longest time without a command that touches begin_s..end_s."""
    inside = [t for t in times if begin_s - 0.5 <= t <= end_s]
    edges = [*(inside or [begin_s]), end_s]
    return max(b - a for a, b in itertools.pairwise(edges))
