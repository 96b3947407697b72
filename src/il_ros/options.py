"""GraphArgs as options of a command line."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from collections.abc import Sequence
from typing import Any

from il_ros.environment import has_own_sdl
from il_ros.graph_args import GraphArgs, rule_of

SET = (
    'set one parameter of a node, as in gate.latency_s=0.5; may be given again; wins over all else'
)


def add_graph_options(
    parser: argparse.ArgumentParser, skip: Sequence[str] = (), **defaults: Any
) -> None:
    """Add one option per field of GraphArgs; `defaults` replace the dataclass'."""
    group = parser.add_argument_group('graph')
    for field in dataclasses.fields(GraphArgs):
        if field.name not in skip:
            _add(group, field, defaults.get(field.name, field.default))


def graph_args(options: argparse.Namespace, **fixed: Any) -> GraphArgs:
    """Return the GraphArgs that options (and `fixed`) describe, for nodes that run on the Python
    of this process: our own reads the gamepad where that has SDL, or where all are `composed` in
    this process, which another package's node cannot be part of. Raises UserError."""
    known = {f.name for f in dataclasses.fields(GraphArgs)}
    given = {name: value for name, value in vars(options).items() if name in known}
    if isinstance(given.get('set'), list):
        given['set'] = shlex.join(given['set'])
    args = GraphArgs(**{**given, **fixed})
    own = getattr(options, 'composed', False) or has_own_sdl()
    if args.operator == 'joy' and not args.joystick_driver and own:
        return dataclasses.replace(args, joystick_driver='joystick_node')
    return args


def _add(group: Any, field: dataclasses.Field[Any], default: Any) -> None:
    name, rule = '--' + field.name.removesuffix('_s').replace('_', '-'), rule_of(field)
    more = '; '.join(filter(None, [rule.text(), _default_words(default)]))
    help_text = f'{rule.description} ({more})' if more else rule.description
    help_text = help_text.replace('%', '%%')
    if field.name == 'set':
        group.add_argument(
            '--set', action='append', default=[], metavar='NODE.PARAM=VALUE', help=SET
        )
    elif isinstance(field.default, bool):
        group.add_argument(
            name,
            dest=field.name,
            action=argparse.BooleanOptionalAction,
            default=default,
            help=help_text,
        )
    else:
        group.add_argument(
            name,
            dest=field.name,
            type=type(field.default),
            default=default,
            metavar=field.name.upper(),
            help=help_text,
        )


def _default_words(default: Any) -> str:
    """Return what to say of a default; of an empty one the description does."""
    if default == '' or default is False:
        return ''
    return f'default: {str(default).lower() if default is True else default}'
