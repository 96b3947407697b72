"""The graph of nodes as data. `il run` starts it, the launch files translate it; no node is
listed twice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from il_core.errors import UserError
from il_ros.graph_args import GraphArgs
from il_ros.params_file import in_file
from il_ros.rules import arguments

JOYSTICK_S = 0.3  # default time-out of gate and teleop


@dataclass(frozen=True)
class NodeSpec:
    """One node of a graph, ready to be started.

    `module` runs as with `python -m` and holds `cls`; `executable` is its name for `ros2 run` in
    `package`. A node with `terminal` needs the user's terminal. On shutdown nodes go in the order
    of `stop_rank`. A node without a module belongs to another package. `params`: without what
    `params_file` or `overrides` give, which wins over both. `images`: it sends or takes images.
    `hosts`: one or many, see `GraphArgs`.
    """

    name: str
    module: str
    cls: str
    summary: str
    package: str = 'interactive_il'
    executable: str = ''
    executor: Literal['events', 'single'] = 'events'
    terminal: bool = False
    images: bool = False
    hosts: str = 'one'
    stop_rank: int = 2
    namespace: str = ''
    remaps: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    params_file: str = ''
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def ros_args(self) -> list[str]:
        """Return the node's arguments from --ros-args on."""
        names = ['-r', f'__node:={self.name}']
        names += ['-r', f'__ns:={self.namespace}'] if self.namespace else []
        names += [word for pair in self.remaps.items() for word in ('-r', ':='.join(pair))]
        file = ['--params-file', self.params_file] if self.params_file else []
        settings = [*arguments(self.params), *file, *arguments(self.overrides)]
        return ['--ros-args', *names, *settings]


@dataclass(frozen=True)
class Row:
    """A line of the table: a node, when it runs, and with which parameters."""

    node: NodeSpec
    when: Callable[[GraphArgs], bool]
    params: Callable[[GraphArgs], dict[str, Any]]


def _slowed(args: GraphArgs) -> dict[str, Any]:
    """Return the time-out of the joystick for a scripted human, who speaks once per tick, in a
    simulation that is slower than the clock of time-outs."""
    if args.operator != 'scripted' or args.lockstep or args.speed >= 1:
        return {}
    return {'joystick_timeout_s': min(JOYSTICK_S / args.speed, 10.0)}


def _own(name: str, module: str, cls: str, summary: str, **more: Any) -> NodeSpec:
    return NodeSpec(name, module, cls, summary, executable=f'{name}_node', **more)


TABLE: tuple[Row, ...] = (
    Row(
        _own('sim', 'il_sim.node', 'SimNode', 'simulates the robot and the task', images=True),
        lambda a: a.simulated,
        lambda a: {'gui': a.gui, 'camera': a.camera, 'seed': a.seed, 'speed': a.speed},
    ),
    Row(
        _own('policy', 'il_policy.node', 'PolicyNode', 'aligns observations, proposes an action'),
        lambda a: True,
        lambda a: {
            'policy': a.policy_name,
            'checkpoint': a.policy_checkpoint,
            'tick_on': 'observations' if a.simulated else 'timer',
        },
    ),
    Row(
        _own(
            'gate',
            'il_gating.node',
            'GateNode',
            'decides who acts, sends the command',
            stop_rank=0,
        ),
        lambda a: True,
        lambda a: {
            'gate': a.gate_name,
            'checkpoint': a.policy_checkpoint,
            'handover': a.handover,
            'latency_s': a.latency_s,
            'timeout_s': a.timeout_s,
            'auto_start': a.simulated,
            'auto_resume': a.simulated,
            'expect_expert': a.operator != 'none',
            'continuous_labels': a.operator == 'scripted' and a.style_name == 'always',
            **_slowed(a),
        },
    ),
    Row(
        _own(
            'teleop',
            'il_teleop.node',
            'TeleopNode',
            "maps the joystick to the human's action",
            stop_rank=1,  # not later: its alarm is of a gate that is gone
        ),
        lambda a: a.operator != 'none',
        lambda a: {'joystick': a.joystick_name, **_slowed(a)},
    ),
    Row(
        NodeSpec(
            'joy',
            '',
            '',
            'reads the gamepad',
            package='joy',
            executable='joy_node',
            params={'autorepeat_rate': 50.0},
        ),
        lambda a: a.joystick_reader == 'joy_node',
        lambda a: {},
    ),
    Row(
        _own(
            'joystick',
            'il_teleop.device.node',
            'JoystickNode',
            'reads the gamepad',
            params={'autorepeat_rate': 50.0},
        ),
        lambda a: a.joystick_reader == 'joystick_node',
        lambda a: {},
    ),
    Row(
        _own(
            'keyboard',
            'il_teleop.keyboard.node',
            'KeyboardNode',
            'makes a joystick of the terminal',
            terminal=True,
        ),
        lambda a: a.operator == 'keyboard',
        lambda a: {'joystick': a.joystick_name},
    ),
    Row(
        _own(
            'operator',
            'il_teleop.experts.node',
            'OperatorNode',
            'a scripted human: moves the joystick as the supervisor advises',
        ),
        lambda a: a.operator == 'scripted',
        lambda a: {'joystick': a.joystick_name, 'style': a.style_name},
    ),
    Row(
        _own(
            'recorder',
            'il_data.node',
            'RecorderNode',
            'records every episode as one bag',
            executor='single',
            images=True,
            stop_rank=1,
        ),
        lambda a: bool(a.run),
        lambda a: {'folder': f'{a.run}/bags', 'expect_expert': a.operator != 'none'},
    ),
    Row(
        _own('jobs', 'il_loop.node', 'JobsNode', 'retrains beside the running graph, and swaps'),
        lambda a: bool(a.run) and a.jobs,
        lambda a: {'run': a.run, 'gate': a.gate_name},
    ),
)


def graph(args: GraphArgs) -> tuple[NodeSpec, ...]:
    """Return the nodes of a graph with all their parameters.

    Raises:
        UserError: `set` names a node that is not in this graph.
    """
    common = {'task': args.task, 'robot': args.robot, 'lockstep': args.lockstep}
    settings = args.settings()
    rows = [row for row in TABLE if row.when(args)]
    for name in settings:
        if name not in [row.node.name for row in rows]:
            raise UserError('set', name, 'no such node here', [row.node.name for row in rows])
    return tuple(_filled(row, args, common, settings.get(row.node.name, {})) for row in rows)


def _filled(
    row: Row, args: GraphArgs, common: Mapping[str, Any], settings: Mapping[str, Any]
) -> NodeSpec:
    params = dict(row.node.params)
    if row.node.module:
        params |= common
        params['use_sim_time'] = args.simulated and row.node.name != 'sim' and not args.lockstep
    namespace = args.namespace and '/' + args.namespace.strip('/')
    # Every simulator makes time of its own; that of somebody else's is for all, as ROS has it.
    own_clock = namespace and args.simulated
    # rcl keeps one value of each type: a default that stays beside a setting of another type wins
    # over it in silence.
    given = {*settings, *in_file(args.params_file, f'{namespace}/{row.node.name}')}
    defaults = params | row.params(args)
    return dataclasses.replace(
        row.node,
        namespace=namespace,
        remaps={'/clock': f'{namespace}/clock'} if own_clock else {},
        images=row.node.images and args.images,
        hosts=args.hosts,
        params={name: value for name, value in defaults.items() if name not in given},
        params_file=args.params_file,
        overrides=settings,
    )
