"""A scripted operator as a node: the simulator's advice in, joystick messages out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from il_core.structure import plain
from il_core.types import ExpertAction
from il_ros.build import build_joy
from il_ros.health import Health
from il_ros.lifecycle import IlNode
from il_ros.messages import command_from_msg, expert_from_msg, proposal_from_msg, state_from_msg
from il_ros.params import CommonParams, param
from il_ros.run import run
from il_teleop.api import EXPERTS
from il_teleop.experts.config import MOST_REACTION_S, ScriptedConfig, Style
from il_teleop.experts.seen import Seen
from il_teleop.findings import OperatorFindings
from il_teleop.mapping import load_joystick
from il_teleop.waiting import Turn

DEFAULT = ScriptedConfig()
ANSWERS = ('gate/status', 'command', 'policy/proposal')


@dataclass(frozen=True)
class OperatorParams(CommonParams):
    expert: str = param('scripted', 'who operates', choices=EXPERTS.names)
    joystick: str = param('scripted', 'layout to play: a name in config/joysticks or a .yaml')
    style: str = param(
        DEFAULT.style.value,
        'when it wants the controls',
        choices=tuple(style.value for style in Style),
    )
    reaction_s: float = param(
        DEFAULT.reaction_s, 'from wanting to doing, in seconds', low=0.0, high=MOST_REACTION_S
    )
    noise: float = param(
        DEFAULT.noise,
        'deviation of its action; 1: half a range',
        low=0.0,
        high=2.0,
    )
    attention_s: float = param(
        DEFAULT.attention_s, 'seconds that it drives in an episode; 0: no bound', low=0.0
    )
    takeover_distance: float = param(
        DEFAULT.takeover_distance, 'own_judgement: takes over above it', low=0.0
    )
    takeover_ticks: int = param(DEFAULT.takeover_ticks, 'own_judgement: for so many ticks', low=1)
    release_distance: float = param(
        DEFAULT.release_distance, 'own_judgement: lets go below it', low=0.0
    )
    release_ticks: int = param(DEFAULT.release_ticks, 'own_judgement: for so many ticks', low=1)

    def config(self) -> dict[str, Any]:
        """Return what the expert is built from."""
        keys = [f.name for f in dataclasses.fields(ScriptedConfig)]
        return {key: plain(getattr(self, key)) for key in keys}


class OperatorNode(IlNode):
    """Moves the joystick once per advice. In lockstep it waits for what followed the last one."""

    node_name = 'operator'
    params_type = OperatorParams
    findings = OperatorFindings

    def setup(self) -> None:
        build = EXPERTS.load(self.params.expert).build
        joystick = load_joystick(self.params.joystick)
        self.operator = build(self.load_spec(), joystick, self.params.config())
        self.turn = Turn[ExpertAction](ANSWERS if self.lockstep else ())
        self.seen = Seen(self.lockstep)
        self.advised = False
        self.joy = self.publisher('joy')
        self.subscribe('gate/status', self.on_status)
        self.subscribe('command', self.on_command)
        self.subscribe('policy/proposal', self.on_proposal)
        self.subscribe('sim/supervisor', self.on_supervisor)

    def health(self) -> Health:
        advised, self.advised = self.advised, False
        finding = OperatorFindings.OPERATES() if advised else OperatorFindings.UNADVISED()
        return Health.of(finding, {'style': self.params.style})

    def on_supervisor(self, message: Any) -> None:
        self.advised = True
        supervisor = expert_from_msg(message)
        self.move(self.turn.input(supervisor, supervisor.stamp_ns))

    def on_status(self, message: Any) -> None:
        state = state_from_msg(message)
        self.seen.states.take(state.stamp_ns, state)
        self.move(self.turn.answer('gate/status', state.stamp_ns))

    def on_command(self, message: Any) -> None:
        command = command_from_msg(message)
        self.seen.commands.take(command.stamp_ns, command)
        self.move(self.turn.answer('command', command.stamp_ns))

    def on_proposal(self, message: Any) -> None:
        proposal = proposal_from_msg(message)
        self.seen.proposals.take(proposal.frame.stamp_ns, proposal)
        self.move(self.turn.answer('policy/proposal', proposal.frame.stamp_ns))

    def move(self, supervisor: ExpertAction | None) -> None:
        """Publish the joystick, where an advice is due."""
        if supervisor is None:
            return
        now_ns = supervisor.stamp_ns if self.lockstep else self.steady_ns()
        joy = self.operator.update(self.seen.view(supervisor), now_ns)
        self.joy.publish(build_joy(joy.stamp_ns, joy.axes, joy.buttons))


def main() -> None:
    run(OperatorNode)


if __name__ == '__main__':
    main()
