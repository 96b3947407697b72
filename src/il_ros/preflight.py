"""What must be so before a graph starts: its nodes would say it in their logs, and start again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from il_core import share
from il_core.errors import UserError
from il_core.extras import require
from il_core.load import load_spec
from il_core.registry import Registry
from il_core.writable import check_writable
from il_ros import environment
from il_ros.graph import NodeSpec
from il_ros.graph_args import GraphArgs

# World -> its scripted supervisor by the name of the environment; other worlds always have one.
SUPERVISORS = Registry('world', {'gym': 'il_sim.gym_known:supervisor_of'})


def check_start(args: GraphArgs, nodes: Sequence[NodeSpec]) -> None:
    """Look whether a graph can start and somebody in it can act.

    Args:
        args: what was asked for.
        nodes: what `graph` made of it.

    Raises:
        UserError: task or robot break a rule, a node's package or our messages are missing, the
            run folder cannot be written, or the scripted operator has no supervisor to follow.
    """
    for package in ('rclpy', 'interactive_il.msg', 'interactive_il.srv'):
        require(package)
    check_files(args)
    for node in nodes:
        _check_installed(node)
    if args.run:
        for folder in (Path(args.run), Path(args.run) / 'bags'):
            check_writable('run', Path(args.run), folder)
    if args.operator == 'scripted':
        _check_supervisor(args)


def check_files(args: GraphArgs) -> None:
    """Raise UserError where the file of task or robot breaks a rule, or that of the joystick is
    not there. A task that is made by code is left to the nodes: it may need packages that this
    process does not have."""
    if args.operator != 'none':
        share.find('joysticks', args.joystick_name)
    if ':' not in args.task or args.task.endswith(share.ENDINGS):
        load_spec(args.task, args.robot)


def _check_installed(node: NodeSpec) -> None:
    environ = environment.of_children()
    if node.module or environment.foreign_executable(node.package, node.executable, environ):
        return
    rule = f'package {node.package} is not installed: install it (apt install '
    rule += f'ros-$ROS_DISTRO-{node.package.replace("_", "-")}), or read it with our own'
    raise UserError('joystick_driver', node.executable, rule, ('joystick_node',))


def _check_supervisor(args: GraphArgs) -> None:
    kind, _, name = args.task.partition(':')
    if kind not in SUPERVISORS.names():
        task = load_spec(args.task, args.robot).task
        kind, name = task.world, str(task.params.get('env', ''))
    if kind not in SUPERVISORS.names():
        return
    try:
        SUPERVISORS.load(kind)(name)
    except UserError as error:
        rule = f'follows a supervisor, and {name} has none'
        raise UserError('operator', args.operator, rule, ('joy', 'keyboard', 'none')) from error
