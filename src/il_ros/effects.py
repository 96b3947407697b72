"""Arguments of a graph that would do nothing beside the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from il_core.errors import UserError

if TYPE_CHECKING:
    from il_ros.graph_args import GraphArgs


@dataclass(frozen=True)
class Idle:
    """`names` do nothing `where` it is true, for the reason `why`; with `choices` they do."""

    names: tuple[str, ...]
    where: Callable[[GraphArgs], bool]
    why: str
    choices: tuple[str, ...]


TABLE = (
    Idle(
        ('policy', 'checkpoint'),
        lambda a: a.mode == 'demonstrate',
        'does nothing in mode demonstrate, where the operator drives alone: leave it out, or '
        'choose a mode',
        ('sim', 'robot'),
    ),
    Idle(
        ('checkpoint',),
        lambda a: a.policy == 'none',
        'does nothing with policy none: leave it out, or choose a policy',
        ('bc',),
    ),
    Idle(
        ('simulate',),
        lambda a: a.mode == 'sim',
        'is for mode demonstrate; mode sim has a simulator always: leave it out, or choose a mode',
        ('demonstrate', 'robot'),
    ),
    Idle(
        ('seed', 'speed', 'gui', 'camera'),
        lambda a: not a.simulated,
        'is for the simulator, and there is none on a robot: leave it out, or choose a mode',
        ('sim', 'demonstrate'),
    ),
    Idle(
        ('speed',),
        lambda a: a.lockstep,
        'does nothing in lockstep, which goes as fast as it can: leave one of the two out',
        (),
    ),
    Idle(
        ('style',),
        lambda a: a.operator != 'scripted',
        'is that of a scripted human: leave it out, or choose operator',
        ('scripted',),
    ),
    Idle(
        ('joystick',),
        lambda a: a.operator == 'none',
        'does nothing with operator none: leave it out, or choose an operator',
        ('joy', 'keyboard', 'scripted'),
    ),
    Idle(
        ('joystick_driver',),
        lambda a: a.operator != 'joy',
        'reads a gamepad: leave it out, or choose operator',
        ('joy',),
    ),
    Idle(
        ('latency_s',),
        lambda a: a.handover == 'instant',
        'does nothing with handover instant, which never waits: leave it out, or choose',
        ('request',),
    ),
)


def check_effects(args: GraphArgs) -> None:
    """Raise UserError where an argument that is not the default would do nothing."""
    defaults = {field.name: field.default for field in dataclasses.fields(args)}
    for row in TABLE:
        for name in row.names:
            value = getattr(args, name)
            if value != defaults[name] and row.where(args):
                raise UserError(name, value, row.why, row.choices)
