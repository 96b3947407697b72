"""The switch: which mode the robot is in, and why. A plain state machine over `transitions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from il_core.types import NS_PER_S, Cause, Decision, Mode, Owner
from il_gating.asked import NOTHING, Asked
from il_gating.config import GateConfig
from il_gating.transitions import OWNERS, RESTING, TABLE, Event


class SwitchInputs(NamedTuple):
    """What happened since the last tick. Problems are in words, empty where there is none.

    Args:
        decide: the gate's answer in a given mode; None where it cannot be asked (no usable
            frame). Asked once per tick, after the human's and the episode's events.
        usable: a fresh, finite human action with the dead-man held.
        engaged: the dead-man is held, by a fresh message.
        joystick_problem: why the human who owns the robot would be lost.
        stale: no usable observation for longer than the time-out.
        frame_problem: this tick has no usable frame, or `stale`.
        policy_problem, mismatch: why the policy must not act.
        has_frame: there is a usable frame at this very tick.
        rival: who else writes commands: nobody acts beside it.
    """

    decide: Callable[[Mode], Decision | None]
    usable: bool = False
    engaged: bool = False
    joystick_problem: str = ''
    stale: str = ''
    frame_problem: str = ''
    policy_problem: str = ''
    mismatch: str = ''
    has_frame: bool = True
    asked: Asked = NOTHING
    rival: str = ''


class SwitchOutput(NamedTuple):
    """Where the switch stands after a tick.

    `changed`: mode differs from the last tick's. `began`, `ended`: the human got or lost the
    robot, `asked` is why he has it. `aborted`: nobody came in time. `hand_back_ready`: only the
    held dead-man keeps the gate from handing back.
    """

    mode: Mode
    owner: Owner
    cause: Cause
    detail: str
    changed: bool
    began: bool
    ended: bool
    asked: Cause
    aborted: bool
    hand_back_ready: bool


class Switch:
    """Keeps the mode. `autonomous_start`: an episode begins with the policy."""

    def __init__(self, config: GateConfig, autonomous_start: bool) -> None:
        self.autonomous_start = autonomous_start
        self.configure(config)
        self.mode, self.cause, self.detail = Mode.HOLD, Cause.START, 'start'
        self.in_episode = False
        self._armed: Cause | None = None
        self._asked = Cause.NONE
        self._open = False
        self._open_ns: int | None = None
        self._by_hand = False
        self._agreed, self._had = 0, 0
        self._aborted = False

    def configure(self, config: GateConfig) -> None:
        """Let another hand-over and other times hold from the next tick on."""
        self.config = config
        self._latency_ns = round(config.latency_s * NS_PER_S)
        self._timeout_ns = round(config.timeout_s * NS_PER_S)

    def update(self, i: SwitchInputs, now_ns: int) -> SwitchOutput:
        """Take one tick. The order is: lost operator, emergency stop, episode, human, start,
        gate, waiting operator, faults, rival."""
        before, self._aborted = self.mode, False
        if i.joystick_problem:
            self._lost(i)
        if i.asked is not NOTHING:
            self._session(i.asked)
            self._human(i, now_ns)
        if i.stale and self._armed is Cause.RESUME and not self.config.auto_resume:
            self._armed = None  # somebody asked for what he saw then, not for whenever frames come
        if self._armed is not None:
            self._begin(i)
        self._gate(i, i.decide(self.mode), now_ns)
        if self._open:
            self._waiting(i, now_ns)
        self._faults(i)
        if i.rival:
            self._rival(i)
        human = Mode.SUPERVISOR
        return SwitchOutput(
            self.mode,
            OWNERS[self.mode],
            self.cause,
            RESTING if self.mode is human and not i.usable else self.detail,
            self.mode is not before,
            self.mode is human and before is not human,
            before is human and self.mode is not human,
            self._asked,
            self._aborted,
            self._enough(),
        )

    def _fire(self, event: Event, cause: Cause = Cause.NONE, detail: str = '') -> bool:
        """Apply one event. Returns False where the table has nothing for it."""
        change = TABLE[self.mode].get(event)
        if change is None:
            return False
        self.mode = change.mode
        self.cause = cause if cause is not Cause.NONE else change.cause
        self.detail = f'{event.value}: {detail}' if detail else event.value
        if self.mode is not Mode.HOLD:
            self._armed = None
        if self.mode is not Mode.SUPERVISOR:
            self._agreed = self._had = 0
        if self.mode in (Mode.AUTONOMOUS, Mode.ESTOP, Mode.SUPERVISOR):
            self._close()
        if self.mode in (Mode.AUTONOMOUS, Mode.ESTOP):
            self._by_hand = False
        return True

    def _close(self) -> None:
        """Nobody is waited for any more."""
        self._open, self._open_ns = False, None

    def _lost(self, i: SwitchInputs) -> None:
        if self._fire(Event.OPERATOR_LOST, detail=i.joystick_problem):
            self._open = True

    def _session(self, asked: Asked) -> None:
        if asked.reset_estop:
            self._fire(Event.ESTOP_RESET)
        if asked.estop:  # last: a stop in the tick of a reset stays
            self._fire(Event.ESTOP)
        if asked.ended or asked.started:
            self._fire(Event.EPISODE_STARTED if asked.started else Event.EPISODE_ENDED)
            self._close()
            self.in_episode, self._by_hand = asked.started, False
            start = asked.started and not asked.joined and self.config.auto_start
            start = start and self.mode is Mode.HOLD
            self._armed = Cause.START if start else None
        if asked.resume and self.in_episode and self.mode is Mode.HOLD:
            self._close()
            self._armed = Cause.RESUME

    def _human(self, i: SwitchInputs, now_ns: int) -> None:
        if i.asked.takeover and self.mode is not Mode.ESTOP:
            self._by_hand, self._agreed = True, 0
            if self.mode is not Mode.SUPERVISOR:
                self._ask(Cause.HUMAN_REQUEST, i.usable, i, now_ns)
        if i.asked.release:
            self._close()
            self._fire(Event.RELEASE if self.in_episode else Event.RELEASE_TO_NOBODY)

    def _begin(self, i: SwitchInputs) -> None:
        if i.has_frame and self.mode is Mode.HOLD and self.autonomous_start:
            self._fire(Event.START, self._armed or Cause.START)

    def _gate(self, i: SwitchInputs, decision: Decision | None, now_ns: int) -> None:
        self._had += self.mode is Mode.SUPERVISOR
        if decision is None or not self.in_episode:
            self._agreed = 0
            return
        wants_human = decision.owner is Owner.HUMAN
        starting = self.mode is Mode.HOLD and self._armed is not None and i.has_frame
        if wants_human and (starting or self.mode is Mode.AUTONOMOUS):
            instant = self.config.handover == 'instant' or decision.cause is Cause.HUMAN_REQUEST
            self._ask(decision.cause, instant and i.usable, i, now_ns)
        elif self.mode is Mode.SUPERVISOR and not self._by_hand:
            able = not (i.frame_problem or i.policy_problem or i.mismatch)
            self._agreed = self._agreed + 1 if able and not wants_human else 0
            free = self.config.auto_return or not i.engaged
            if free and self._enough():
                self._fire(Event.HAND_BACK, decision.cause)

    def _enough(self) -> bool:
        """Return whether the human had the robot for long enough, and the gate wants it back for
        long enough."""
        agreed = self._agreed >= self.config.hand_back_ticks
        return agreed and self._had >= self.config.min_duration_ticks

    def _ask(self, cause: Cause, at_once: bool, i: SwitchInputs, now_ns: int) -> None:
        """Give control to the human now, or wait: in REQUESTING, or in HOLD where a hand-over is
        instant or nothing ran."""
        idle = cause is Cause.HUMAN_REQUEST and self.mode is Mode.HOLD
        waits = self.config.handover == 'request' and not idle
        self._asked = cause
        if at_once:
            self._fire(Event.GIVEN, cause)
            return
        if waits:
            self._fire(Event.ASKED, cause, _lacking(i))
        else:
            self._fire(Event.ASKED_IN_VAIN, detail=_lacking(i))
        self._armed, self._open = None, True
        if self._open_ns is None:
            self._open_ns = now_ns

    def _waiting(self, i: SwitchInputs, now_ns: int) -> None:
        waited_ns = 0 if self._open_ns is None else now_ns - self._open_ns
        early = self.mode is Mode.REQUESTING and waited_ns < self._latency_ns
        if i.usable and not i.stale and not early:
            self._fire(Event.OPERATOR_READY)
        elif i.usable:  # he came: what is missing is an observation, or his time
            return
        elif waited_ns >= self._timeout_ns and self._fire(Event.REQUEST_TIMEOUT):
            self._close()
            self._by_hand = False
            self._aborted = self.in_episode

    def _faults(self, i: SwitchInputs) -> None:
        acted = self.mode
        if acted is Mode.AUTONOMOUS:
            self._policy_faults(i)
        elif i.stale and self._fire(Event.OBSERVATION_STALE, detail=i.stale):
            self._open = True
        if acted is Mode.AUTONOMOUS and self.mode is Mode.HOLD and self.config.auto_resume:
            self._armed = Cause.RESUME

    def _rival(self, i: SwitchInputs) -> None:
        acted = self.mode
        if self._fire(Event.RIVAL, detail=i.rival):
            self._close()
            resumes = acted is Mode.AUTONOMOUS and self.config.auto_resume
            self._armed = Cause.RESUME if resumes else None

    def _policy_faults(self, i: SwitchInputs) -> None:
        if i.frame_problem:
            self._fire(Event.OBSERVATION_STALE, detail=i.frame_problem)
        elif i.mismatch:
            self._fire(Event.CHECKPOINT_MISMATCH, detail=i.mismatch)
        elif i.policy_problem:
            self._fire(Event.POLICY_FAULT, detail=i.policy_problem)


def _lacking(i: SwitchInputs) -> str:
    """Say what keeps the human from driving, empty where nothing does."""
    if i.usable or i.joystick_problem:
        return i.joystick_problem
    return 'the joystick gives no action yet' if i.engaged else 'hold the dead-man to take over'
