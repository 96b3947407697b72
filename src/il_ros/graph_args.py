"""What can be asked of a graph: one frozen dataclass, the arguments of `il run` and of the launch
files."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from il_core import share
from il_core.errors import UserError
from il_core.load import load_spec
from il_ros.choices import gate_names, policy_names, style_names
from il_ros.effects import check_effects
from il_ros.environment import HOSTS, gamepad_driver
from il_ros.namespaces import check_namespace
from il_ros.rules import Rule, checked, param

MODES = ('sim', 'demonstrate', 'robot')
OPERATORS = ('joy', 'keyboard', 'scripted', 'none')
HANDOVERS = ('request', 'instant')
DRIVERS = ('joy_node', 'joystick_node')


@dataclass(frozen=True)
class GraphArgs:
    """Arguments of a graph. Empty text means: what suits the mode.

    Raises:
        UserError: a value breaks its rule, or two of them do not go together.
    """

    mode: str = param(
        'sim',
        'sim: policy, gate and simulator; demonstrate: the operator drives alone; robot: no '
        'simulator',
        choices=MODES,
    )
    task: str = param('reach', 'task name, path of a .yaml, or gym:NAME')
    robot: str = param('', "robot name or .yaml path; empty: the task's own")
    policy: str = param('', 'policy; empty: bc with a checkpoint, else none', choices=policy_names)
    checkpoint: str = param('', 'folder of a checkpoint, for policy and gate')
    gate: str = param('', 'gate; empty: hg_dagger, expert_only to demonstrate', choices=gate_names)
    operator: str = param('joy', 'who is at the controls', choices=OPERATORS)
    style: str = param(
        '',
        'scripted: when it takes the controls; empty: as the mode and the gate need it',
        choices=style_names,
    )
    joystick: str = param(
        '', 'mapping in config/joysticks or a .yaml path; empty: the one for the operator'
    )
    joystick_driver: str = param(
        '',
        'operator joy: who reads the gamepad; empty: our own joystick_node, or joy_node where '
        'only the package joy is installed',
        choices=DRIVERS,
    )
    run: str = param(
        '',
        'run folder to record into; empty: no recorder, hence no episode, and a policy acts in '
        'episodes only',
    )
    jobs: bool = param(False, 'with run: retrain on request beside the running graph')
    lockstep: bool = param(False, 'every node waits for every input of a tick (simulation)')
    handover: str = param(
        'request',
        'request: hold until a human is there, then ramp; instant: at once',
        choices=HANDOVERS,
    )
    latency_s: float = param(0.0, 'request: least time before the human owns', low=0.0, high=60.0)
    timeout_s: float = param(30.0, 'request: give up after this long', low=0.1, high=3600.0)
    simulate: bool = param(True, 'demonstrate in the simulator; false: on the robot')
    seed: int = param(0, 'initial state of the simulator', low=0, high=2**31)
    speed: float = param(
        1.0,
        'simulated seconds per second, in real time; below 0.3 no policy acts',
        low=0.01,
        high=100.0,
    )
    gui: bool = param(False, 'open the window of the simulator')
    camera: bool = param(False, 'publish camera images (slow)')
    namespace: str = param('', 'ROS namespace of every node')
    hosts: str = param(
        'one',
        'one: nodes talk within this computer only; many: as ROS is set up here, which drivers on '
        "the robot's own computer need",
        choices=HOSTS,
    )
    params: str = param(
        '', 'name in config/params or a .yaml path, for every node; wins over other arguments'
    )
    set: str = param(
        '',
        'parameters of nodes, as in gate.latency_s=0.5, separated as in a shell; wins over all '
        'else',
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            checked(field, getattr(self, field.name))
        if self.lockstep and (self.mode == 'robot' or self.human):
            what = self.mode if self.mode == 'robot' else self.operator
            rule = 'a human and a robot do not wait; use operator scripted or none, in simulation'
            raise UserError('lockstep', what, rule)
        if self.mode == 'demonstrate' and self.operator == 'none':
            rule = 'somebody must demonstrate'
            raise UserError('operator', self.operator, rule, OPERATORS[:-1])
        if self.operator == 'scripted' and not self.simulated:
            rule = "asks the simulator's supervisor; a robot has none"
            raise UserError('operator', self.operator, rule, ('joy', 'keyboard', 'none'))
        if self.jobs and not self.run:
            raise UserError('jobs', self.jobs, 'retrains from the bags of a run folder: give run')
        check_effects(self)
        check_namespace(self.namespace)
        self.settings()

    @property
    def simulated(self) -> bool:
        return self.mode == 'sim' or (self.mode == 'demonstrate' and self.simulate)

    @property
    def images(self) -> bool:
        """Images travel between the nodes."""
        if self.simulated:
            return self.camera or bool(self.settings().get('sim', {}).get('camera'))
        return any(s.codec == 'image' for s in load_spec(self.task, self.robot).streams)

    @property
    def policy_name(self) -> str:
        if self.mode == 'demonstrate':
            return 'none'
        return self.policy or ('bc' if self.checkpoint else 'none')

    @property
    def policy_checkpoint(self) -> str:
        return '' if self.policy_name == 'none' else self.checkpoint

    @property
    def gate_name(self) -> str:
        default = 'expert_only' if self.mode == 'demonstrate' else 'hg_dagger'
        return self.gate or default

    @property
    def style_name(self) -> str:
        """When the scripted operator wants the controls: as the gate and the hand-over need it."""
        if self.style or self.gate_name == 'hg_dagger':
            return self.style or 'own_judgement'
        alone = self.gate_name == 'expert_only' or self.handover == 'instant'
        return 'always' if alone else 'on_request'

    @property
    def joystick_name(self) -> str:
        return self.joystick or {'joy': 'xbox'}.get(self.operator, self.operator)

    @property
    def joystick_reader(self) -> str:
        """Who reads the gamepad; empty where the operator has none."""
        if self.operator != 'joy' or self.joystick_driver:
            return self.joystick_driver if self.operator == 'joy' else ''
        return gamepad_driver(os.environ)

    @property
    def human(self) -> bool:
        """A person is at the controls."""
        return self.operator in ('joy', 'keyboard')

    @property
    def warning(self) -> str:
        """What is allowed and hardly meant; empty where there is nothing to say."""
        if self.mode == 'sim' and self.policy_name == 'none':
            instead = 'give a checkpoint, or demonstrate (il run --mode demonstrate, '
            instead += 'demonstrate.launch.py)'
            if self.human and self.gate_name != 'expert_only':
                where = 'outside an episode ' if self.run else ''  # in one the gate asks him
                words = f'there is no policy: {where}the robot stands until the take-over button'
                return f'{words} is pressed; {instead}'
            alone = self.operator == 'none' or self.style_name == 'own_judgement'
            if alone and not self.human:
                words = 'nobody will ever act: there is no policy, and no human who would begin'
                return f'{words}; {instead}'
        if self.policy_name == 'none':
            return ''
        if not self.run:
            return (
                f'policy {self.policy_name} will never act: only the recorder begins episodes, '
                'and without a run folder there is none; give one (--run FOLDER, run:=FOLDER)'
            )
        if self.joystick_reader == 'joy_node':
            return (
                'an unplugged gamepad is one with every button let go to joy_node, which can give '
                'the robot to the policy; joystick_node falls silent: pip install pygame-ce'
            )
        return ''

    @property
    def params_file(self) -> str:
        return str(share.find('params', self.params)) if self.params else ''

    def settings(self) -> dict[str, dict[str, Any]]:
        """Return node -> parameter -> value of `set`. Raises UserError."""
        out: dict[str, dict[str, Any]] = {}
        try:
            items = shlex.split(self.set)
        except ValueError as error:
            raise UserError('set', self.set, f'cannot be read: {error}') from error
        for item in items:
            target, equals, value = item.partition('=')
            node, dot, name = target.partition('.')
            if not (equals and dot and name):
                raise UserError('set', item, 'must look like gate.hand_back_ticks=5')
            out.setdefault(node, {})[name] = _scalar(value)
        return out


def _scalar(text: str) -> Any:
    """Return a number or truth value; everything else stays text, as gate_params wants it."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return value if isinstance(value, bool | int | float) else text


def rule_of(field: dataclasses.Field[Any]) -> Rule:
    rule: Rule = field.metadata['rule']
    return rule


def args_from_text(values: Mapping[str, str]) -> GraphArgs:
    """Return GraphArgs from texts, as a shell or a launch file gives them. Raises UserError."""
    fields = {f.name: f for f in dataclasses.fields(GraphArgs)}
    return GraphArgs(**{name: _parse(fields[name], text) for name, text in values.items()})


def _parse(field: dataclasses.Field[Any], text: str) -> Any:
    kind = type(field.default)
    try:
        if kind is bool:
            return {'true': True, 'false': False}[text.lower()]
        return kind(text)
    except (KeyError, ValueError) as error:
        rule = 'must be true or false' if kind is bool else 'must be a number'
        raise UserError(field.name, text, rule) from error
