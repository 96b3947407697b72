"""The gate core: gate, switch and arbiter as one object, the same in GateNode and in rollout."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import NamedTuple

import numpy as np

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import (
    Cause,
    Command,
    Decision,
    EpisodeEvent,
    EventKind,
    ExpertAction,
    GateState,
    Mode,
    Outcome,
    Owner,
    Proposal,
    Vector,
)
from il_gating.api import Fitted, GateInputs
from il_gating.arbiter import Arbiter, Sent
from il_gating.asked import NO_REQUESTS, Asked, GateEvent, Request, asked, refusal
from il_gating.config import GateConfig
from il_gating.intake import Joystick, Observation, Presses, known
from il_gating.switch import Switch, SwitchInputs, SwitchOutput

# Purpose number of the gate's random generator: default_rng((GATE_RNG, seed)).
GATE_RNG = 3


class GateOutput(NamedTuple):
    """What one tick made. `command` is None only while nothing ever told where a position axis
    is. `notices` are for episode/events. `complaint`: why the gate's noise could not be used."""

    command: Command | None
    state: GateState
    notices: tuple[EpisodeEvent, ...] = ()
    complaint: str = ''


class GateCore:
    """Decides one tick at a time; no clock, no I/O.

    Args:
        spec: of the robot and task.
        fitted: who should act, and for which checkpoint's policy (empty: for any).
        config: hand-over and time-outs.
        presses: counts of the joystick that the gate before had heard; None: not known.
    """

    def __init__(
        self, spec: Spec, fitted: Fitted, config: GateConfig, presses: Presses | None = None
    ) -> None:
        self.spec, self.config = spec, config
        self.gate, self.checkpoint_id = fitted
        self._switch = Switch(config, self.gate.autonomous_start)
        self._arbiter = Arbiter(spec)
        self.joystick = Joystick(config.joystick_timeout_s, self._arbiter.problem, presses)
        self._observation = Observation(spec, config.observation_timeout_s)
        self._tick, self._stamp_ns, self._joined = 0, 0, False
        self._first_ns: int | None = None
        self._episode_id, self._seed, self._step, self._acting = '', 0, 0, False
        self._decision: Decision | None = None
        self._told = self._complaint = ''
        self._no_decision = Decision(Owner.UNKNOWN)
        self.gate.reset(np.random.default_rng((GATE_RNG, 0)))

    @property
    def mode(self) -> Mode:
        return self._switch.mode

    def update(
        self,
        proposal: Proposal | None,
        expert: ExpertAction | None,
        events: Iterable[GateEvent],
        now_ns: int,
        *,
        stamp_ns: int | None = None,
        expert_received_ns: int | None = None,
        rival: str = '',
    ) -> GateOutput:
        """Take one tick and return its one command.

        Args:
            proposal: that this tick answers; None where none came in time. One that is no newer
                than the last counts as none.
            expert: the newest expert action, None where nothing arrived since the last tick.
            events: STARTED and ENDED of episodes (others are ignored), and requests.
            now_ns: decides about time-outs: the steady clock, or the tick's stamp in lockstep.
            stamp_ns: now, on the data clock: stamps a tick without proposal, and tells how late
                one is. None: it is not late.
            expert_received_ns: when `expert` arrived, on the clock of now_ns; default: now.
            rival: who else writes commands; the robot is held while there is somebody.
        """
        received_ns = now_ns if expert_received_ns is None else expert_received_ns
        self._complaint = ''
        presses = self.joystick.take(expert, received_ns)
        proposal = self._observation.newer(proposal)
        if proposal is not None and self._first_ns is None:
            self._first_ns = proposal.frame.stamp_ns
        episode, requests = self._take_events(events)
        if proposal is not None:
            self._tick, self._stamp_ns = proposal.frame.tick, proposal.frame.stamp_ns
        elif stamp_ns is not None:
            self._stamp_ns = stamp_ns
        frame = self._observation.take(proposal, now_ns, stamp_ns)
        what = asked(presses, requests, episode, self._joined)
        inputs = self._inputs(proposal, frame, what, now_ns)
        inputs = inputs._replace(rival=rival) if rival else inputs
        out = self._switch.update(inputs, now_ns)
        self._count(out.mode)
        sent = self._sent(out, proposal, frame, inputs.usable)
        return GateOutput(
            None if sent is None else self._command(out, sent),
            self._state(out, proposal, now_ns),
            tuple(self._notices(out)) if out.began or out.ended or out.aborted else (),
            self._complaint,
        )

    def recall(self, settings: Mapping[str, float]) -> None:
        """Start latched axes where they were left, until a simulator begins anew."""
        self._arbiter.recall(settings)

    def stop(self, stamp_ns: int) -> Command | None:
        """Return the last command before nobody sends any more: motion ends at once."""
        if not self._arbiter.locate(None):
            return None
        return Command(self._tick, stamp_ns, self._arbiter.stop().action, Mode.HOLD, Owner.NOBODY)

    def configure(self, config: GateConfig) -> None:
        """Let another hand-over and other time-outs hold from the next tick on."""
        self.config = config
        self._switch.configure(config)
        self.joystick.timeout_s = config.joystick_timeout_s
        self._observation.timeout_s = config.observation_timeout_s

    def swap(self, new: Fitted) -> Fitted:
        """Put another gate in place and return the one before.

        Raises:
            UserError: somebody acts in an episode.
        """
        if self._episode_id and self.mode not in (Mode.HOLD, Mode.ESTOP):
            raise UserError('mode', self.mode.name, 'must be HOLD, or no episode running')
        old = Fitted(self.gate, self.checkpoint_id)
        self.gate, self.checkpoint_id = new
        self._switch.autonomous_start = self.gate.autonomous_start
        self.gate.reset(np.random.default_rng((GATE_RNG, self._seed)))
        return old

    def refusal(self, request: Request, now_ns: int) -> str:
        """Say why a request would do nothing now, empty where it would do something."""
        silence, blind = self.joystick.silence(now_ns), self._observation.missing(now_ns)
        return refusal(request, self.mode, silence, bool(self._episode_id), blind)

    def _take_events(self, events: Iterable[GateEvent]) -> tuple[EventKind, Set[Request]]:
        kind, requests = EventKind.UNKNOWN, NO_REQUESTS
        for event in events:
            if isinstance(event, Request):
                requests = requests | {event}
            elif event.kind is EventKind.STARTED:
                kind = event.kind
                self._begin_episode(event)
            elif event.kind is EventKind.ENDED and event.episode_id == self._episode_id:
                kind = event.kind
                self._episode_id = ''
        return kind, requests

    def _begin_episode(self, event: EpisodeEvent) -> None:
        self._episode_id, self._seed = event.episode_id, event.seed
        self._step, self._acting = 0, False
        # Heard from before the first frame (latched): this gate was started anew in mid-episode.
        self._joined = self._first_ns is None or event.stamp_ns < self._first_ns
        self.gate.reset(np.random.default_rng((GATE_RNG, event.seed)))
        if not self.spec.robot.real:
            self._arbiter.forget(everything=not self._joined)

    def _inputs(
        self, proposal: Proposal | None, frame: Vector | None, what: Asked, now_ns: int
    ) -> SwitchInputs:
        expert = self.joystick.fresh(now_ns)
        stale = '' if frame is not None else self._observation.stale(now_ns)

        def decide(mode: Mode) -> Decision | None:
            self._decision = None
            if proposal is not None and frame is not None:
                seen = known(proposal, len(self.spec.axes))
                self._decision = self.gate.decide(GateInputs(seen, expert, mode))
            return self._decision

        return SwitchInputs(  # in order: by keyword it takes twice as long
            decide,
            self.joystick.usable(expert),
            expert is not None and expert.engaged,
            self.joystick.problem(expert, now_ns),
            stale,
            self._observation.problem or stale,
            '' if proposal is None else proposal.fault or self._arbiter.problem(proposal.mean),
            '' if proposal is None else self._mismatch(proposal),
            frame is not None,
            what,
        )

    def _mismatch(self, proposal: Proposal) -> str:
        ours, theirs = self.checkpoint_id, proposal.checkpoint_id
        if not ours or ours == theirs:
            return ''
        return f'gate {ours}, policy {theirs or "none"}'

    def _count(self, mode: Mode) -> None:
        """Count steps: 0 is the first tick of the episode that leaves HOLD."""
        if self._acting:
            self._step += 1
        elif self._episode_id and mode not in (Mode.HOLD, Mode.ESTOP):
            self._acting = True

    def _sent(
        self, out: SwitchOutput, proposal: Proposal | None, frame: Vector | None, usable: bool
    ) -> Sent | None:
        if not self._arbiter.locate(frame):
            return None
        if out.mode is Mode.ESTOP:
            return self._arbiter.stop()
        action = None
        if out.mode is Mode.AUTONOMOUS and proposal is not None:
            action = proposal.mean
        elif out.mode is Mode.SUPERVISOR and usable:
            action = self.joystick.action
            if action is not None and self._decision is not None and self._episode_id:
                action = self._noisy(action, self._decision.noise)
        if out.changed:
            self._arbiter.hand_over(ramp=self.config.handover == 'request')
        return self._arbiter.hold() if action is None else self._arbiter.act(action)

    def _noisy(self, action: Vector, noise: Vector | None) -> Vector:
        """Return what is sent; the label stays the human's action, and bad noise is left out."""
        self._complaint = '' if noise is None else self._arbiter.problem(noise)
        return action if noise is None or self._complaint else action + noise

    def _command(self, out: SwitchOutput, sent: Sent) -> Command:
        return Command(
            self._tick,
            self._stamp_ns,
            sent.action,
            out.mode,
            out.owner,
            sent.transition,
            sent.limited,
        )

    def _state(self, out: SwitchOutput, proposal: Proposal | None, now_ns: int) -> GateState:
        decision = self._decision
        if decision is None:
            decision = self._no_decision
        elif decision.scores.keys() != self._no_decision.scores.keys():
            unknown = dict.fromkeys(decision.scores, math.nan)
            self._no_decision = Decision(Owner.UNKNOWN, scores=unknown)
        return GateState(
            self._tick,
            self._stamp_ns,
            out.mode,
            out.owner,
            out.cause,
            out.detail,
            self._episode_id,
            self._step,
            self.gate.name,
            decision.scores,
            decision.thresholds,
            math.nan if proposal is None else proposal.frame.age_s,
            self.joystick.age_s(now_ns),
            self.checkpoint_id,
            out.hand_back_ready,
            self.joystick.timeout_s,
        )

    def _notices(self, out: SwitchOutput) -> Iterator[EpisodeEvent]:
        if out.began and self._episode_id:
            self._told = self._episode_id
            yield self._notice(EventKind.INTERVENTION_BEGAN, self._told, out.asked, out.detail)
        if out.ended and self._told:
            yield self._notice(EventKind.INTERVENTION_ENDED, self._told, out.cause, out.detail)
            self._told = ''
        if out.aborted:
            yield self._notice(EventKind.OUTCOME, '', Cause.REQUEST_TIMEOUT, out.detail)

    def _notice(self, kind: EventKind, episode: str, cause: Cause, detail: str) -> EpisodeEvent:
        outcome = Outcome.ABORTED if kind is EventKind.OUTCOME else Outcome.UNKNOWN
        return EpisodeEvent(
            self._stamp_ns, kind, episode, self._seed, self._tick, outcome, cause, detail
        )
