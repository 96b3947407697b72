"""What must hold at every tick of a story, said a second time and in other words than the code.

`Modes` judges who may have the robot, `Commands` what may be sent to it. Both remember only
moments and what was sent.
"""

from __future__ import annotations

import numpy as np

from il_core.spec import Spec
from il_core.types import AxisKind, Cause, Mode, Owner
from il_gating.config import GateConfig
from tests.il_gating.story import Moment

OWNER = {
    Mode.HOLD: Owner.NOBODY,
    Mode.AUTONOMOUS: Owner.POLICY,
    Mode.REQUESTING: Owner.NOBODY,
    Mode.SUPERVISOR: Owner.HUMAN,
    Mode.ESTOP: Owner.NOBODY,
}
FAULTS = (Cause.STALE_OBSERVATION, Cause.POLICY_FAULT, Cause.CHECKPOINT_MISMATCH)
# What ends a request of the human; a later one begins anew.
CLOSES = {'started', 'ended', 'release', 'estop'}
KEEPS = (AxisKind.POSITION, AxisKind.LATCHED)
EPS = 1e-12


class Modes:
    """Who may have the robot."""

    def __init__(self, config: GateConfig, autonomous_start: bool) -> None:
        self.config, self.autonomous_start = config, autonomous_start
        self.restart()

    def restart(self) -> None:
        self.before, self.cause = Mode.HOLD, Cause.START
        self.asked_ns = self.closed_ns = 0
        self.episode = self.may_start = self.resumed = self.by_hand = False
        self.agreed = 0

    def judge(self, m: Moment) -> None:
        """Raise AssertionError where the mode after `m` is not allowed."""
        if m.restarted:
            self.restart()
        mode, asked = m.output.state.mode, m.asked
        assert m.output.state.owner is OWNER[mode]
        self._estop(mode, asked)
        if asked & {'started', 'ended'}:
            self.episode = 'started' in asked
            self.may_start = self.resumed = self.by_hand = False
        if 'started' in asked and 'joined' not in asked and self.config.auto_start:
            self.may_start = self.before is not Mode.ESTOP or 'reset_estop' in asked
        if 'resume' in asked and self.episode:
            self.may_start = self.resumed = True
        if m.stale and self.resumed and not self.config.auto_resume:
            self.may_start = False
        if 'takeover' in asked:
            self.by_hand, self.may_start = True, False
        self.agreed = self._agrees(m)
        {
            Mode.AUTONOMOUS: self._policy_has_it,
            Mode.SUPERVISOR: self._human_has_it,
            Mode.REQUESTING: self._human_is_asked,
        }.get(mode, lambda m: None)(m)
        self._remember(m)

    def _estop(self, mode: Mode, asked: frozenset[str]) -> None:
        if 'estop' in asked:
            assert mode is Mode.ESTOP
        elif self.before is Mode.ESTOP:
            assert (mode is Mode.ESTOP) == ('reset_estop' not in asked)
        else:
            assert mode is not Mode.ESTOP

    def _agrees(self, m: Moment) -> int:
        """Ticks in a row, up to now, on which policy and gate were ready to take over."""
        ready = self.before is Mode.SUPERVISOR and m.wants == 'policy' and m.policy is not None
        return self.agreed + 1 if ready and not m.asked & {'takeover', 'started'} else 0

    def _policy_has_it(self, m: Moment) -> None:
        assert self.episode, 'the policy drives in episodes only'
        assert not m.stale
        assert m.policy is not None or not m.proposed, 'not on a bad frame or a bad action'
        if self.before is Mode.AUTONOMOUS and not m.asked & {'started', 'takeover'}:
            return
        released = 'release' in m.asked and (
            self.before in (Mode.SUPERVISOR, Mode.REQUESTING) or 'takeover' in m.asked
        )
        lost = self.before is Mode.SUPERVISOR and m.lost
        started = self.may_start and self.autonomous_start and m.frame is not None
        free = self.config.auto_return or not m.engaged
        agreed = self.agreed >= self.config.hand_back_ticks and free and not self.by_hand
        assert started or ((released or agreed) and not lost), 'nobody gave it the robot'

    def _human_has_it(self, m: Moment) -> None:
        assert not m.stale
        assert not m.lost
        if self.before is not Mode.SUPERVISOR:
            assert m.human is not None, 'nobody is at the controls'

    def _human_is_asked(self, m: Moment) -> None:
        assert not m.stale
        if self.before is not Mode.REQUESTING or m.asked & CLOSES:  # asked anew
            self.asked_ns = m.now_ns
        assert m.now_ns - self.asked_ns < self.config.timeout_s * 1e9

    def _remember(self, m: Moment) -> None:
        mode, cause = m.output.state.mode, m.output.state.cause
        resumed = 'resume' in m.asked and self.episode and self.before is Mode.HOLD
        if mode not in (Mode.HOLD, Mode.REQUESTING) or m.asked & CLOSES or resumed:
            self.closed_ns = m.now_ns
        if cause is Cause.REQUEST_TIMEOUT and self.cause is not cause:
            assert m.now_ns - self.closed_ns >= self.config.timeout_s * 1e9, 'too early'
        self.cause = cause
        had = self.before is Mode.AUTONOMOUS or 'release' in m.asked
        if mode is not Mode.HOLD or (m.wants == 'human' and m.frame is not None):
            self.may_start = False
        if had and mode is Mode.HOLD and cause in FAULTS and self.config.auto_resume:
            self.may_start = True
        if mode in (Mode.AUTONOMOUS, Mode.ESTOP):
            self.by_hand = False
        self.before = mode


class Commands:
    """What may be sent."""

    def __init__(self, spec: Spec, config: GateConfig) -> None:
        self.spec, self.config = spec, config
        axes, dt = spec.axes, 1 / spec.robot.rate_hz
        self.kinds = [a.kind for a in axes]
        self.keeps = np.array([k in KEEPS for k in self.kinds])
        self.discrete = np.array([k is AxisKind.DISCRETE for k in self.kinds])
        free = np.array([not a.max_rate for a in axes]) | self.discrete
        self.step = np.where(free, np.inf, [a.max_rate * dt for a in axes])
        smooth = np.array([a.max_accel > 0 for a in axes]) & ~self.discrete
        self.accel = np.where(smooth, [a.max_accel * dt**2 for a in axes], np.inf)
        self.restart()

    def restart(self) -> None:
        self.last: np.ndarray | None = None
        self.speed = np.zeros(len(self.kinds))
        self.elsewhere, self.quiet = True, False

    def judge(self, m: Moment) -> None:
        """Raise AssertionError where the command of `m` is not allowed."""
        if m.restarted:
            self.restart()
        if 'began' in m.asked and not self.spec.robot.real:
            self.elsewhere = True
        self._locate(m)
        command = m.output.command
        if self.last is None:
            assert command is None, 'nothing tells where the robot is'
            return
        assert command is not None, 'one command per tick'
        mode, sent = m.output.state.mode, command.action
        assert (command.mode, command.owner) == (mode, OWNER[mode])
        assert np.isfinite(sent).all()
        if command.transition:
            assert self.config.handover == 'request'
            assert mode in (Mode.AUTONOMOUS, Mode.SUPERVISOR)
        wanted = {Mode.AUTONOMOUS: m.policy, Mode.SUPERVISOR: m.human}.get(mode)
        if mode is Mode.ESTOP:
            self._stopped(sent)
        elif wanted is None:
            self._held(sent)
        else:
            self._acted(sent, wanted)
        stopped = mode is Mode.ESTOP
        self.quiet = stopped or (self.quiet and wanted is None)
        self.speed = np.zeros(len(sent)) if stopped else sent - self.last
        self.last = sent

    def _locate(self, m: Moment) -> None:
        fields = self.spec.frame_fields
        measured = {
            i: fields.index(a.measured)
            for i, a in enumerate(self.spec.axes)
            if a.measured and a.kind in KEEPS
        }
        if not self.elsewhere or (m.frame is None and measured):
            return
        start = np.array([self._rest(i) for i in range(len(self.kinds))])
        for axis, at in measured.items():
            assert m.frame is not None
            start[axis] = m.frame[at]
        self.last, self.speed = start, np.zeros(len(start))
        self.elsewhere = self.quiet = False

    def _rest(self, i: int) -> float:
        axis = self.spec.axes[i]
        moving = axis.kind in (AxisKind.VELOCITY, AxisKind.DELTA)
        return 0.0 if moving else float(np.clip(axis.idle, axis.low, axis.high))

    def _stopped(self, sent: np.ndarray) -> None:
        for i, (value, was) in enumerate(zip(sent, self.last, strict=True)):
            assert value == (was if self.keeps[i] else self._rest(i)), i

    def _held(self, sent: np.ndarray) -> None:
        """Nobody acts: what keeps its place keeps it, what moves loses speed, none gains."""
        self._bounded(sent)
        for i, kind in enumerate(self.kinds):
            was, value = self.last[i], sent[i]  # type: ignore[index]
            if self.discrete[i]:
                assert value == self._rest(i)
            elif self.quiet:
                assert value == was, 'after an emergency stop nothing moves by itself'
            elif kind in KEEPS:
                slower = max(abs(self.speed[i]) - self.accel[i], 0.0)
                went = np.copysign(slower, self.speed[i]) if np.isfinite(self.accel[i]) else 0.0
                assert abs(value - was - went) <= EPS, 'it keeps its place'
            elif not np.isfinite(self.accel[i]):
                slower = np.copysign(max(abs(was) - self.step[i], 0.0), was)
                assert abs(value - slower) <= EPS, 'it slows down'

    def _acted(self, sent: np.ndarray, wanted: np.ndarray) -> None:
        """The nearest to `wanted` that the limits allow."""
        self._bounded(sent)
        inside = np.clip(wanted, self.spec.low, self.spec.high)
        nearest = np.clip(inside, self.last - self.step, self.last + self.step)
        plain = ~np.isfinite(self.accel) & ~self.discrete
        assert np.abs(sent - nearest)[plain].max(initial=0) <= EPS
        assert (sent == np.rint(inside))[self.discrete].all()

    def _bounded(self, sent: np.ndarray) -> None:
        """Range, rate and acceleration; a place outside the range is led back, not left."""
        assert self.last is not None
        assert (sent >= np.minimum(self.spec.low, self.last) - EPS).all()
        assert (sent <= np.maximum(self.spec.high, self.last) + EPS).all()
        step = sent - self.last
        assert (np.abs(step) <= self.step * (1 + 1e-9) + EPS).all()
        assert (np.abs(step - self.speed) <= self.accel * (1 + 1e-6) + EPS).all()
