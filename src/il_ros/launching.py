"""The graph for `ros2 launch`. The launch package is imported only where a launch file asks."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Iterable, Sequence
from typing import Any

from il_core.errors import UserError
from il_ros import environment
from il_ros.bringup import BAD_CONFIGURATION
from il_ros.graph import NodeSpec, graph
from il_ros.graph_args import GraphArgs, args_from_text, rule_of
from il_ros.preflight import check_start

RESPAWN_S = 1.0
RESPAWNS = 20
CLOSE = 0.8  # of two names, 1: the same


def declare_arguments(*names: str, **defaults: str) -> list[Any]:
    """Return a DeclareLaunchArgument per field of GraphArgs that is named, with description and
    choices."""
    from launch.actions import DeclareLaunchArgument

    fields = {f.name: f for f in dataclasses.fields(GraphArgs)}
    made = []
    for name in names:
        rule = rule_of(fields[name])
        default = defaults.get(name, _text(fields[name].default))
        choices = ('true', 'false') if isinstance(fields[name].default, bool) else rule.names()
        made.append(
            DeclareLaunchArgument(
                name,
                default_value=default,
                description=rule.description,
                choices=sorted({*choices, default}) if choices else None,
            )
        )
    return made


def graph_actions(context: Any, names: tuple[str, ...], mode: str) -> list[Any]:
    """Return the actions that start the graph that the launch arguments `names` describe.

    Raises:
        RuntimeError: an argument breaks its rule, or the graph cannot start; launch prints its
            text.
    """
    from launch.actions import LogInfo

    values = {name: context.launch_configurations[name] for name in names}
    try:
        args = args_from_text({**values, 'mode': mode})
        nodes = graph(args)
        check_start(args, nodes)
    except UserError as error:
        raise RuntimeError(str(error)) from error
    warnings = [*filter(None, [args.warning]), *strangers(context.launch_configurations, names)]
    said = [LogInfo(msg=f'warning: {line}') for line in warnings]
    actions = [_action(node) for node in nodes]
    terminals = [a for a, node in zip(actions, nodes, strict=True) if node.terminal]
    return [*said, stop_where_it_ends(terminals), *actions]


def strangers(given: Iterable[str], names: Sequence[str]) -> list[str]:
    """Return a line for each argument that was meant for this launch file and does nothing.

    Launch itself takes any name. Those of a launch file that includes this one are here, too, so
    that only a known or nearly right name is told, and nothing is refused.
    """
    fields = {field.name for field in dataclasses.fields(GraphArgs)}
    lines = []
    for name in set(given) - set(names):
        near = difflib.get_close_matches(name, names, n=1, cutoff=CLOSE)
        if name in fields:
            lines.append(f'argument {name} does nothing in this launch file')
        elif near:
            lines.append(f'argument {name} is not known here (did you mean {near[0]}?)')
    return sorted(lines)


def stop_where_it_ends(terminals: Sequence[Any]) -> Any:
    """Return the handler that ends a launch as `il run` would: where a node says that its user
    erred, which starting it again would not help, and where the user leaves one of `terminals`."""
    from launch.actions import EmitEvent, RegisterEventHandler
    from launch.event_handlers import OnProcessExit
    from launch.events import Shutdown

    def ended(event: Any, context: Any) -> list[Any]:
        if event.returncode == BAD_CONFIGURATION:
            # Unlike a Shutdown it is printed, and launch ends with 1.
            raise RuntimeError(f'{event.process_name} cannot run as it was asked to, see above')
        left = event.returncode == 0 and event.action in terminals
        return [EmitEvent(event=Shutdown(reason='the terminal was left'))] if left else []

    return RegisterEventHandler(OnProcessExit(on_exit=ended))


def _action(spec: NodeSpec) -> Any:
    from launch_ros.actions import Node

    files = [spec.params_file] if spec.params_file else []
    return Node(
        package=spec.package,
        executable=spec.executable,
        name=spec.name,
        namespace=spec.namespace,
        remappings=list(spec.remaps.items()),
        parameters=[
            dict(spec.params),
            *files,
            *([dict(spec.overrides)] if spec.overrides else []),
        ],
        additional_env={
            **environment.transport(spec.images, spec.hosts),
            environment.PARENT: str(os.getpid()),
        },
        output='screen',
        emulate_tty=True,
        respawn=not spec.terminal,
        respawn_delay=RESPAWN_S,
        respawn_max_retries=RESPAWNS,
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
