"""The gate as a node: proposals and the human's action in, the one command out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from interactive_il.srv import SetBudget
from std_srvs.srv import Trigger

from il_core.errors import UserError
from il_core.told import change
from il_core.types import NS_PER_S, Command, EventKind, ExpertAction, Mode, Proposal
from il_gating.api import GATES, Fitted, set_budget
from il_gating.asked import GateEvent, Request
from il_gating.build import build_gate, parse_params
from il_gating.carried import Carried
from il_gating.config import HANDOVERS, GateConfig
from il_gating.core import GateCore, GateOutput
from il_gating.inbox import Pacer, Pair, Pairs
from il_gating.memory import GateMemory
from il_gating.verdict import GateFindings, finding, verdict
from il_ros import messages
from il_ros.beat import Beat
from il_ros.build import command_builders
from il_ros.health import Health, log
from il_ros.params import CommonParams, live, param
from il_ros.run import run
from il_ros.sole import LOOK_S, SoleWriter
from il_ros.swap import Swap
from il_ros.ticking import TickingNode
from il_ros.topics import command_topic
from il_ros.window import Window

SILENT_S = 1.0  # a policy that is silent for longer is said, also where nobody acts


@dataclass(frozen=True)
class GateParams(CommonParams):
    gate: str = param('policy_only', 'who should act', choices=GATES.names)
    gate_params: str = param('', 'parameters of the gate as JSON or YAML, {novelty: 0.1}')
    checkpoint: str = param('', 'folder of a checkpoint; `il swap` changes it while running')
    handover: str = live('request', 'how control changes hands', choices=HANDOVERS)
    latency_s: float = live(0.0, 'least time from a request until a human drives', low=0, high=60)
    timeout_s: float = live(30.0, 'an unanswered request ends the episode', low=0.1, high=3600)
    joystick_timeout_s: float = live(0.3, 'a joystick silent so long is lost', low=0.02, high=10)
    observation_timeout_s: float = live(0.2, 'no usable frame so long: hold', low=0.02, high=10)
    hand_back_ticks: int = live(3, 'ticks in a row that want the policy back', low=1, high=1000)
    min_duration_ticks: int = live(1, 'least ticks for which the human has it', low=1, high=10**5)
    auto_return: bool = live(False, 'hand back while the dead-man is held, too')
    auto_start: bool = live(False, 'leave HOLD when an episode starts (simulation)')
    auto_resume: bool = live(False, 'leave HOLD when a fault is gone (simulation)')
    expect_expert: bool = param(False, 'lockstep: wait for teleop/action at every tick')
    continuous_labels: bool = param(False, 'the human acts at every tick, whoever owns')

    def __post_init__(self) -> None:
        self.config()

    def config(self) -> GateConfig:
        return GateConfig(**{n: getattr(self, n) for n in GateConfig.__dataclass_fields__})


class GateNode(TickingNode):
    """The one writer of the robot's commands; starts in HOLD, and after every activation again,
    or in ESTOP where it was in that. It may be activated in the middle of an episode."""

    node_name = 'gate'
    params_type = GateParams
    findings = GateFindings

    def setup(self) -> None:
        self.spec = self.load_spec()
        self.carried: Carried = getattr(self, 'carried', None) or Carried()  # over a cleanup, too
        self.core = self._build()
        self.sole = SoleWriter(self, [*(c.topic for c in self.spec.robot.commands), 'command'])
        self.memory = GateMemory(self.spec, self.sole.file)
        self.carried.recall(self.memory)
        self.robot = [self.publisher(command_topic(c)) for c in self.spec.robot.commands]
        self.builders = command_builders(self.spec)
        self.commands, self.status = self.publisher('command'), self.publisher('gate/status')
        self.events = self.publisher('episode/events')
        self.subscribe('policy/proposal', self.on_proposal)
        self.subscribe('teleop/action', self.on_expert)
        self.subscribe('episode/events', self.on_event, inactive=True)
        for request in Request:
            self.service(Trigger, f'gate/{request.value}', partial(self.on_request, request))
        self.service(SetBudget, 'gate/set_budget', self.on_budget)
        self.swap = Swap(self, 'gate', self._fitted, lambda new: self.core.swap(new))

    def start(self) -> None:
        self.sole.begin()
        self.core = self._build()
        self.core.recall(self.memory.settings)
        self.queue: list[GateEvent] = []
        self.expert: ExpertAction | None = None
        self.expert_ns, self.tick_ns = 0, 0
        self.output: GateOutput | None = None
        self.beat = Beat(self.spec.period_ns, follows=not self.spec.robot.real)
        self.decision, self.pairs = Window('decision_s'), Pairs(self.params.expect_expert)
        self.pacer = Pacer(self.spec.period_ns, apart=self.spec.robot.real)
        if not self.lockstep:
            self.timer(self.pacer.look_s, self.on_look)
        self.timer(LOOK_S, self.sole.look)
        if carried := self.carried.events():
            self.tell(self.core.update(None, None, carried, 0, stamp_ns=self.clock_ns()))

    def params_changed(self) -> None:
        self.core.configure(self.params.config())

    def stop(self) -> None:
        self.last_words()

    def teardown(self) -> None:
        if hasattr(self, 'sole'):
            if not self.exit_code:  # who ends it in good order wants a new beginning
                self.memory.forget()
            self.sole.close()

    def last_words(self) -> list[Any]:
        command = self.core.stop(self.now_ns()) if self.sole.speaks else None
        self.send(command)
        return [] if command is None else [*self.robot, self.commands]

    def health(self) -> Health:
        values = {'gate': self.params.gate, 'checkpoint_id': self.core.checkpoint_id}
        if self.sole.rival:
            return Health.of(GateFindings.RIVAL(rival=self.sole.rival), values)
        state = self.output.state if self.output else None
        if state is not None:
            values |= {'mode': state.mode.name, 'cause': state.cause.name}
            values |= {'joystick_age_s': state.joystick_age_s, **self.decision.summary()}
            values |= {'ticks_without_proposal': self.pacer.alone, **self.overruns()}
        silent_s = 0.0 if self.lockstep else self.pacer.silent_s(self.steady_ns())
        patience_s = max(self.params.observation_timeout_s, SILENT_S)
        return Health.of(finding(state, silent_s, patience_s), values)

    def on_pair(self, pair: Pair | None) -> None:
        if pair is not None:
            stamp_ns = pair.proposal.frame.stamp_ns
            self.tick(pair.proposal, pair.expert, stamp_ns, stamp_ns)

    def on_proposal(self, message: Any) -> None:
        proposal = messages.proposal_from_msg(message)
        if self.lockstep:
            self.on_pair(self.pairs.proposal(proposal))
            return
        self.pacer.proposal(proposal, self.steady_ns())
        self.on_look()

    def on_expert(self, message: Any) -> None:
        expert = messages.expert_from_msg(message)
        if self.lockstep:
            self.on_pair(self.pairs.expert(expert))
        else:
            self.expert, self.expert_ns = expert, self.steady_ns()

    def on_look(self) -> None:
        now_ns = self.steady_ns()
        if self.pacer.due(now_ns):
            self.tick(self.pacer.take(now_ns), self.expert, now_ns, self.expert_ns)

    def on_event(self, message: Any) -> None:
        event = messages.event_from_msg(message)
        if not self.carried.hear(event) or not self.active:
            return
        self.queue.append(event)
        if self.lockstep and event.kind is EventKind.ENDED:
            # The simulator stands still now; nothing else would say that the gate holds.
            queue, self.queue = self.queue, []
            self.tell(self.core.update(None, None, queue, self.tick_ns))

    def on_request(self, request: Request, _: Any, response: Any) -> Any:
        now_ns = self.tick_ns if self.lockstep else self.steady_ns()
        if refusal := self.core.refusal(request, now_ns):
            raise UserError(f'gate/{request.value}', self.core.mode.name, refusal)
        self.queue.append(request)
        response.success, response.message = True, 'at the next tick'
        return response

    def on_budget(self, request: Any, response: Any) -> Any:
        set_budget(self.core.gate, request.alpha)
        log(self, f'asks on {request.alpha:g} of the states from now on')
        response.success, response.message = True, 'at the next tick'
        return response

    def tick(
        self, proposal: Proposal | None, expert: ExpertAction | None, now_ns: int, expert_ns: int
    ) -> None:
        """Decide and send the one command of this tick."""
        if not self.sole.speaks:
            return
        self.begin_tick(0 if proposal is None else proposal.frame.stamp_ns)
        queue, self.queue, self.tick_ns = self.queue, [], now_ns
        begun_ns = self.steady_ns()
        update = partial(self.core.update, rival=self.sole.rival)
        output = update(
            proposal, expert, queue, now_ns, stamp_ns=self.clock_ns(), expert_received_ns=expert_ns
        )
        self.decision.add_since(begun_ns, self.steady_ns())
        if not self.send(output.command, None if self.lockstep else now_ns):
            self.tell(output)  # this process stood still in between: that was decided then
            output = update(None, None, (), self.steady_ns(), stamp_ns=self.clock_ns())
            self.send(output.command)
        self.tell(output)
        self.end_tick()

    def tell(self, output: GateOutput) -> None:
        """Publish who acts and what happened."""
        before, self.output, state = self.output, output, output.state
        self.carried.note(state.mode, self.core.joystick.presses)
        self.status.publish(messages.state_to_msg(state))
        if output.complaint:
            self.complain(UserError('noise of the gate', self.params.gate, output.complaint))
        for notice in output.notices:
            self.events.publish(messages.event_to_msg(notice))
        if (mode := before.state.mode if before else Mode.UNKNOWN) is not state.mode:
            log(self, change(mode, state), verdict(state).level)

    def send(self, command: Command | None, begun_ns: int | None = None) -> bool:
        """Publish a command, to the robot first. False: its tick was too long ago to send all."""
        if command is None:
            return True
        limit_ns = self.params.observation_timeout_s * NS_PER_S
        for publisher, build in zip(self.robot, self.builders, strict=True):
            message = build(command.action, command.stamp_ns)
            if begun_ns is not None and self.steady_ns() - begun_ns > limit_ns:
                return False
            publisher.publish(message)
        self.commands.publish(messages.command_to_msg(command, self.spec.axis_names))
        self.memory.note(command.action)
        return True

    def _build(self) -> GateCore:
        fitted = self._fitted(Path(self.params.checkpoint) if self.params.checkpoint else None)
        return GateCore(self.spec, fitted, self.params.config(), self.carried.presses)

    def _fitted(self, checkpoint: Path | None) -> Fitted:
        p, given = self.params, parse_params(self.params.gate_params)
        return build_gate(self.spec, p.gate, checkpoint, given, p.continuous_labels)


def main() -> None:
    run(GateNode)


if __name__ == '__main__':
    main()
