"""Parameters declared once, from a frozen dataclass, with descriptions, ranges and reasons."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from il_core.errors import UserError
from il_ros.rules import Rule, arguments, checked, param

__all__ = ['CommonParams', 'arguments', 'declare', 'param']

T = TypeVar('T')


@dataclass(frozen=True)
class CommonParams:
    """What every node of the graph takes."""

    task: str = param('reach', 'task name, path of a .yaml, or gym:NAME', read_only=True)
    robot: str = param('', "robot name or .yaml path; empty: the task's own", read_only=True)
    lockstep: bool = param(False, 'wait for every input of a tick (simulation)', read_only=True)
    autostart: bool = param(True, 'configure and activate when the node starts', read_only=True)
    realtime_priority: int = param(
        0, 'SCHED_FIFO priority of the process; 0: none', low=0, high=99, read_only=True
    )


def declare(node: Node, kind: type[T], changed: Callable[[T], None]) -> T:
    """Declare every field of `kind` on `node` and return their values.

    Args:
        node: keeps the parameters; answers later changes with the reason where one is refused.
        kind: frozen dataclass whose fields come from `param`; its `__post_init__` may refuse too.
        changed: called with the new values after a change was accepted.

    Raises:
        UserError: a value from the command line or a parameter file breaks a rule.
    """
    held = [kind(**{f.name: _declare(node, f) for f in _fields(kind)})]
    fields = {f.name: f for f in _fields(kind)}

    def updated(parameters: list[Parameter]) -> T:
        values = {p.name: checked(fields[p.name], p.value) for p in parameters if p.name in fields}
        return dataclasses.replace(held[0], **values)  # type: ignore[type-var]

    def check(parameters: list[Parameter]) -> SetParametersResult:
        try:
            updated(parameters)
        except UserError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def commit(parameters: list[Parameter]) -> None:
        if any(p.name in fields for p in parameters):
            held[0] = updated(parameters)
            changed(held[0])

    node.add_on_set_parameters_callback(check)
    node.add_post_set_parameters_callback(commit)
    return held[0]


def _fields(kind: type) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(kind)


def _declare(node: Node, field: dataclasses.Field[Any]) -> Any:
    rule: Rule = field.metadata['rule']
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    try:
        value = node.declare_parameter(field.name, default, _descriptor(field, rule)).value
    except (InvalidParameterTypeException, InvalidParameterValueException) as error:
        raise UserError(f'parameter {field.name}', str(error), rule.text()) from error
    return checked(field, value)


def _descriptor(field: dataclasses.Field[Any], rule: Rule) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        name=field.name,
        description=rule.description,
        additional_constraints=rule.text(),
        read_only=rule.read_only,
        dynamic_typing=True,
    )
    if rule.low is None or rule.high is None:
        return descriptor
    if isinstance(field.default, float):
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(rule.low), to_value=float(rule.high))
        ]
    else:
        descriptor.integer_range = [
            IntegerRange(from_value=int(rule.low), to_value=int(rule.high), step=1)
        ]
    return descriptor
