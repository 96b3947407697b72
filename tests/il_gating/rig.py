"""A gate core on the toy robot, driven tick by tick with what a test says."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from il_core.spec import Spec
from il_core.types import (
    Cause,
    Decision,
    EpisodeEvent,
    EventKind,
    ExpertAction,
    Frame,
    Mode,
    Owner,
    Press,
    Proposal,
)
from il_gating.api import Fitted, Gate, GateInputs
from il_gating.asked import GateEvent
from il_gating.config import GateConfig
from il_gating.core import GateCore, GateOutput
from tests.toy import toy_spec

TICK_NS = 50_000_000
POLICY = np.array([0.05, 0.0, 0.08])
HUMAN = np.array([-0.05, 0.05, 0.0])


class ScriptedGate:
    """Wants the human while `human` is set."""

    name = 'scripted'
    needs_expert_action = False

    def __init__(self, autonomous_start: bool = True) -> None:
        self.autonomous_start, self.human = autonomous_start, False

    def reset(self, rng: np.random.Generator) -> None:
        pass

    def decide(self, inputs: GateInputs) -> Decision:
        if self.human:
            return Decision(Owner.HUMAN, Cause.NOVELTY, {'novelty': 2.0}, {'novelty': 1.0})
        return Decision(Owner.POLICY, scores={'novelty': 0.5}, thresholds={'novelty': 1.0})


class Rig:
    """Ticks a core at 20 Hz. What is not said stays as it was: `joystick` (False: silent),
    `engaged`, `proposals` (False: none come)."""

    def __init__(
        self,
        gate: Gate | None = None,
        spec: Spec | None = None,
        policy_id: str = '',
        **config: object,
    ) -> None:
        self.spec, self.gate = spec or toy_spec(), gate or ScriptedGate()
        defaults = {'auto_start': True, 'handover': 'request', 'timeout_s': 1.0}
        self.config = GateConfig(**{**defaults, **config})  # type: ignore[arg-type]
        self.core = GateCore(self.spec, Fitted(self.gate, policy_id), self.config)
        self.policy_id = policy_id
        self.tick_number, self.now_ns = -1, 10 * TICK_NS
        self.joystick, self.engaged, self.proposals = True, False, True
        self.policy, self.human = POLICY, HUMAN
        self.variance = np.full(len(POLICY), 1e-4)
        self.frame_fault, self.policy_fault = '', ''
        self.presses = [0] * len(Press)
        self.outputs: list[GateOutput] = []

    def proposal(self) -> Proposal:
        frame = np.zeros(len(self.spec.frame_fields))
        if self.frame_fault:
            frame = np.empty(0)
        stamps = (self.now_ns,) * len(self.spec.observed)
        seen = Frame(self.tick_number, self.now_ns, frame, stamps, self.frame_fault)
        return Proposal(
            seen,
            self.policy_id,
            self.spec.hash,
            self.policy,
            self.variance,
            fault=self.policy_fault or self.frame_fault,
        )

    def tick(self, *events: GateEvent, n: int = 1, press: Press | None = None) -> GateOutput:
        """Advance `n` ticks; events and press count at the first of them."""
        for i in range(n):
            self.tick_number, self.now_ns = self.tick_number + 1, self.now_ns + TICK_NS
            expert = None
            if press is not None and i == 0:
                self.presses[press] += 1
            if self.joystick:
                presses = tuple(self.presses)
                expert = ExpertAction(self.now_ns, self.human, self.engaged, 'test', presses)
            proposal = self.proposal() if self.proposals else None
            output = self.core.update(proposal, expert, events if i == 0 else (), self.now_ns)
            self.outputs.append(output)
        return self.outputs[-1]

    def start(self, seed: int = 0) -> GateOutput:
        """One idle tick, then an episode begins."""
        self.tick()
        return self.tick(started(seed))

    def supervise(self) -> GateOutput:
        """Start, then let the human take over."""
        self.start()
        self.engaged = True
        output = self.tick(press=Press.TAKEOVER)
        assert output.state.mode is Mode.SUPERVISOR
        return output

    def modes(self) -> list[Mode]:
        return [o.state.mode for o in self.outputs]

    def notices(self) -> list[EventKind]:
        return [n.kind for o in self.outputs for n in o.notices]


def started(seed: int = 0, stamp_ns: int = 10**15) -> EpisodeEvent:
    """The default stamp is later than the first frame: the gate was there when it began."""
    return EpisodeEvent(stamp_ns, EventKind.STARTED, f'episode_{seed}', seed)


def ended(seed: int = 0) -> EpisodeEvent:
    return EpisodeEvent(0, EventKind.ENDED, f'episode_{seed}', seed)


def actions(outputs: Iterable[GateOutput]) -> np.ndarray:
    return np.array([o.command.action for o in outputs if o.command is not None])
