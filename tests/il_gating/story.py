"""Stories: what policy, human, gate, network and clocks do to a gate core, tick by tick.

A story keeps its own record of what was said when (`Moment`), which `tests.il_gating.oracle`
judges commands and modes by. It knows what it broke; it asks the code under test nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from il_core.spec import Spec
from il_core.types import (
    NS_PER_S,
    EpisodeEvent,
    EventKind,
    ExpertAction,
    Frame,
    Press,
    Proposal,
)
from il_gating.api import Fitted
from il_gating.asked import GateEvent, Request
from il_gating.config import GateConfig
from il_gating.core import GateCore, GateOutput
from tests.il_gating.rig import ScriptedGate

PRESSES = {'takeover': Press.TAKEOVER, 'release': Press.RELEASE, 'estop': Press.ESTOP}
# Places of an axis between low (-1) and high (1); beyond them, too.
SHARES = (-3.0, -1.0, 0.0, 0.4, 1.01)
GATE_ID = 'c0ffee'


@dataclass(frozen=True)
class Turn:
    """One thing changes (`what`, to `value`), then `ticks` pass."""

    what: str
    value: object
    ticks: int = 1


@dataclass(frozen=True, eq=False)
class Moment:
    """What was said at one tick, and what the core made of it.

    `frame` (F,): usable, or None. `proposed`: a proposal arrived that is newer than the last;
    `policy` (A,): its action, None where it must not act. `human` (A,): fresh and sound, dead-man
    held; else None. `lost`: the human could not keep the robot. `wants`: 'human', 'policy', or ''
    where the gate could not be asked.
    """

    now_ns: int
    restarted: bool
    frame: np.ndarray | None
    stale: bool
    proposed: bool
    policy: np.ndarray | None
    human: np.ndarray | None
    lost: bool
    engaged: bool
    asked: frozenset[str]
    wants: str
    output: GateOutput


class Story:
    """Everybody around one gate core; attributes stay as the last `Turn` set them."""

    def __init__(self, spec: Spec, config: GateConfig, autonomous_start: bool = True) -> None:
        self.spec, self.config, self.autonomous_start = spec, config, autonomous_start
        self.policy, self.human = self.action(7), self.action(11)
        self.policy_is, self.frame_is, self.human_is = 'fine', 'fine', 'fine'
        self.proposals, self.joystick, self.delay_ns = 'new', 'new', 0
        self.engaged, self.wants, self.place = False, 'policy', 0.0
        self.clock_ns, self.stamp_ns, self.tick = 10**12, 10**15, 0
        self.presses = [0] * len(Press)
        self.queue: list[GateEvent] = []
        self.episode, self.episodes = '', 0
        self.restart()

    def restart(self) -> None:
        """Another core takes over; it knows nothing."""
        self.gate = ScriptedGate(self.autonomous_start)
        self.core = GateCore(self.spec, Fitted(self.gate, GATE_ID), self.config)
        self.restarted = True
        self.seen_ns: int | None = None
        self.newest_ns: int | None = None
        self.first_ns: int | None = None
        self.heard: ExpertAction | None = None
        self.heard_ns = 0
        self.last: Proposal | None = None
        if self.episode:  # latched: a new gate hears of it at once
            self.queue.append(self._started(self.stamp_ns - 1))

    def action(self, number: int) -> np.ndarray:
        """Return (A,): every axis at the place among SHARES that a digit of `number` says."""
        digits = number // len(SHARES) ** np.arange(len(self.spec.axes)) % len(SHARES)
        share = np.array(SHARES)[digits]
        low, high = self.spec.low, self.spec.high
        return (low + high) / 2 + share * (high - low) / 2

    def play(self, turns: Iterable[Turn]) -> Iterator[Moment]:
        for turn in turns:
            self._turn(turn)
            for _ in range(turn.ticks):
                yield self._tick()

    def _turn(self, turn: Turn) -> None:
        what, value = turn.what, turn.value
        if what in ('policy', 'human'):
            setattr(self, what, self.action(value))  # type: ignore[arg-type]
        elif what == 'ask':
            self.queue.append(Request(value))
        elif what == 'press':
            self.presses[PRESSES[str(value)]] += 1
        elif what == 'clock':  # of time-outs: goes on, or stands where the value is -1 period
            self.clock_ns += int(value)  # type: ignore[call-overload]
        elif what == 'stamps':
            self.stamp_ns += int(value)  # type: ignore[call-overload]
        elif what == 'restart':
            self.restart()
        elif what == 'start':
            self.episodes += 1
            self.episode = f'episode_{self.episodes}'
            self.queue.append(self._started(self.stamp_ns + self.spec.period_ns))
        elif what == 'end':
            self.queue.append(EpisodeEvent(self.stamp_ns, EventKind.ENDED, self.episode))
            self.episode = ''
        else:
            assert hasattr(self, what), what
            setattr(self, what, value)

    def _started(self, stamp_ns: int) -> EpisodeEvent:
        return EpisodeEvent(stamp_ns, EventKind.STARTED, self.episode, self.episodes)

    def _tick(self) -> Moment:
        period_ns = self.spec.period_ns
        self.tick, self.clock_ns = self.tick + 1, self.clock_ns + period_ns
        self.stamp_ns += period_ns
        self.gate.human = self.wants == 'human'
        proposal, expert = self._proposal(), self._expert()
        received_ns = self.clock_ns - self.delay_ns
        newer = self._newer(proposal)
        frame = proposal.frame.vector if newer and proposal and self._frame_fine else None
        if newer and proposal and self.first_ns is None:
            self.first_ns = proposal.frame.stamp_ns
        asked = self._asked(expert)
        self._hear(expert, received_ns)
        if frame is not None:
            self.seen_ns = self.clock_ns
        queue, self.queue = self.queue, []
        output = self.core.update(
            proposal,
            expert,
            queue,
            self.clock_ns,
            stamp_ns=None if proposal else self.stamp_ns,
            expert_received_ns=self.heard_ns if expert is self.heard else received_ns,
        )
        restarted, self.restarted = self.restarted, False
        fresh = self.heard is not None and self._within(self.heard_ns, 'joystick_timeout_s')
        sound = self.heard is not None and self.heard.source not in ('nan', 'size')
        held = fresh and self.heard is not None and self.heard.engaged
        able = held and sound and self.heard is not None and self.heard.action is not None
        able_policy = frame is not None and self.policy_is == 'fine'
        return Moment(
            now_ns=self.clock_ns,
            restarted=restarted,
            frame=frame,
            stale=self.seen_ns is None or not self._within(self.seen_ns, 'observation_timeout_s'),
            proposed=newer,
            policy=proposal.mean if able_policy and proposal else None,
            human=self.heard.action if able and self.heard else None,
            lost=not (fresh and sound),
            engaged=held,
            asked=asked,
            wants=self.wants if frame is not None else '',
            output=output,
        )

    def _within(self, since_ns: int, timeout: str) -> bool:
        limit_ns = round(getattr(self.config, timeout) * NS_PER_S)
        return self.clock_ns - since_ns <= limit_ns

    @property
    def _frame_fine(self) -> bool:
        return self.frame_is == 'fine' and self.policy_is != 'foreign'

    def _proposal(self) -> Proposal | None:
        if self.proposals == 'none' or (self.proposals == 'again' and self.last is None):
            return None
        if self.proposals == 'again':
            return self.last
        late_ns = 3 * self.spec.period_ns if self.proposals == 'older' else 0
        self.last = self._made(self.stamp_ns - late_ns)
        return self.last

    def _made(self, stamp_ns: int) -> Proposal:
        fields = self.spec.frame_fields
        vector = np.full(len(fields), self.place)
        if self.frame_is == 'nan':
            vector[-1] = np.nan
        elif self.frame_is == 'size':
            vector = vector[1:]
        fault = 'a stream is too old' if self.frame_is == 'fault' else ''
        stamps = (stamp_ns,) * len(self.spec.observed)
        frame = Frame(self.tick, stamp_ns, vector, stamps, fault)
        mean: np.ndarray | None = self.policy.copy()
        if self.policy_is == 'nan':
            mean[self.tick % len(mean)] = np.nan  # type: ignore[index,arg-type]
        elif self.policy_is == 'size':
            mean = self.policy[1:]
        elif self.policy_is == 'none':
            mean = None
        spec_hash = 'another' if self.policy_is == 'foreign' else self.spec.hash
        policy_id = 'another' if self.policy_is == 'mismatch' else GATE_ID
        broken = 'out of memory' if self.policy_is == 'fault' else fault
        return Proposal(frame, policy_id, spec_hash, mean, fault=broken)

    def _newer(self, proposal: Proposal | None) -> bool:
        """Stamps go up; only a jump of the clock (a second) may lead back."""
        if proposal is None:
            return False
        stamp_ns, newest_ns = proposal.frame.stamp_ns, self.newest_ns
        if newest_ns is not None and newest_ns - NS_PER_S <= stamp_ns <= newest_ns:
            return False
        self.newest_ns = stamp_ns
        return True

    def _expert(self) -> ExpertAction | None:
        if self.joystick == 'none' or (self.joystick != 'new' and self.heard is None):
            return None
        if self.joystick == 'again':
            return self.heard
        if self.joystick == 'older':  # as it was three ticks ago: out of order, or replayed
            assert self.heard is not None
            presses = (0,) * len(Press)
            stamp_ns = self.heard.stamp_ns - 3 * self.spec.period_ns
            return replace(self.heard, stamp_ns=stamp_ns, action=-self.human, presses=presses)
        action: np.ndarray | None = self.human.copy()
        if self.human_is == 'nan':
            action[0] = np.inf  # type: ignore[index]
        elif self.human_is == 'size':
            action = np.zeros(len(self.human) + 1)
        elif self.human_is == 'none':
            action = None
        presses = tuple(self.presses)
        return ExpertAction(self.stamp_ns, action, self.engaged, self.human_is, presses)

    def _hear(self, expert: ExpertAction | None, received_ns: int) -> None:
        if expert is None or expert is self.heard or self._out_of_order(expert):
            return
        self.heard, self.heard_ns = expert, received_ns

    def _out_of_order(self, expert: ExpertAction) -> bool:
        newest = self.heard
        if newest is None or not (newest.stamp_ns - NS_PER_S <= expert.stamp_ns < newest.stamp_ns):
            return False
        return all(a <= b for a, b in zip(expert.presses, newest.presses, strict=True))

    def _asked(self, expert: ExpertAction | None) -> frozenset[str]:
        asked = {e.value for e in self.queue if isinstance(e, Request)}
        for event in self.queue:
            if isinstance(event, EpisodeEvent):
                asked -= {'started', 'ended', 'joined'}  # the last one counts
                early = self.first_ns is None or event.stamp_ns < self.first_ns
                if event.kind is EventKind.STARTED:
                    asked |= {'began', 'started', 'joined'} if early else {'began', 'started'}
                else:
                    asked.add('ended')
        if expert is not None and self.heard is not None and not self._out_of_order(expert):
            before = self.heard.presses
            asked |= {n for n, p in PRESSES.items() if expert.presses[p] > before[p]}
        return frozenset(asked)
