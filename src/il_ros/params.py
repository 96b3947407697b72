"""Parameters declared once, from a frozen dataclass, with descriptions, ranges and reasons."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

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
from il_ros.rules import Change, Rule, checked, live, param
from il_ros.states import undo

__all__ = ['CommonParams', 'Declared', 'live', 'param']

T = TypeVar('T')

CLOSE = 0.8  # of two names, 1: the same
FIXED = 'fixed when the node starts, for the whole graph: start the graph anew with another value'
RECONFIGURE = 'is read when the node is configured, and the node is {0}: {1}'
WHEN = {
    Change.START: FIXED,
    Change.CONFIGURE: 'takes effect at configure; refused while the node is configured',
    Change.LIVE: 'takes effect at once',
}


@dataclass(frozen=True)
class CommonParams:
    """What every node of the graph takes."""

    task: str = param('reach', 'task name, path of a .yaml, or gym:NAME', at_start=True)
    robot: str = param('', "robot name or .yaml path; empty: the task's own", at_start=True)
    lockstep: bool = param(False, 'wait for every input of a tick (simulation)', at_start=True)
    autostart: bool = param(True, 'configure and activate when the node starts', at_start=True)
    realtime_priority: int = param(
        0, 'SCHED_FIFO priority of the process; 0: none', low=0, high=99, at_start=True
    )


class Declared(Generic[T]):
    """The parameters of a node, one per field of a frozen dataclass.

    Args:
        node: keeps the parameters.
        kind: its fields come from `param`; its `__post_init__` may refuse too.
        changed: called with the new values after a change was accepted.

    Attributes:
        values: what they are now.

    Raises:
        UserError: a value from the command line or a parameter file breaks a rule.
    """

    def __init__(self, node: Node, kind: type[T], changed: Callable[[T], None]) -> None:
        self._node, self._changed = node, changed
        self._fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
        self.values = kind(**{name: _declare(node, f) for name, f in self._fields.items()})
        _say_unknown(node, self._fields)
        node.add_on_set_parameters_callback(self._check)
        node.add_post_set_parameters_callback(self._commit)

    def typed(self, parameters: Sequence[Parameter]) -> list[Parameter]:
        """Return the parameters with whole numbers as floats where the field is one, so that its
        type stays."""
        fields = self._fields
        return [_typed(fields[p.name], p) if p.name in fields else p for p in parameters]

    def refusal(self, parameters: Sequence[Parameter], state: str) -> str:
        """Say why others may not change `parameters` now, empty where they may.

        Args:
            state: of the node's life cycle.
        """
        try:
            for parameter in parameters:
                self._admit(parameter, state)
            self._updated(parameters)
        except UserError as error:
            return str(error)
        return ''

    def _admit(self, parameter: Parameter, state: str) -> None:
        """Raise UserError where a parameter is not known, or not to be changed now."""
        name = parameter.name
        if not self._node.has_parameter(name):
            raise UserError('parameter', name, 'not known', self._fields)
        if name not in self._fields:
            return
        rule: Rule = self._fields[name].metadata['rule']
        what, value = f'parameter {name}', getattr(self.values, name)
        if rule.change is not Change.START and parameter.value == value:
            return  # as `ros2 param load` does with what `dump` wrote
        if rule.change is Change.START:
            raise UserError(what, value, f'is {FIXED}')
        if rule.change is Change.CONFIGURE and state != 'unconfigured':
            raise UserError(
                what, value, RECONFIGURE.format(state, undo(state, _full_name(self._node)))
            )

    def _updated(self, parameters: Sequence[Parameter]) -> T:
        fields = self._fields
        values = {p.name: checked(fields[p.name], p.value) for p in parameters if p.name in fields}
        return dataclasses.replace(self.values, **values)  # type: ignore[type-var]

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        try:
            self._updated(parameters)
        except UserError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _commit(self, parameters: list[Parameter]) -> None:
        if any(p.name in self._fields for p in parameters):
            self.values = self._updated(parameters)
            self._changed(self.values)


def _full_name(node: Node) -> str:
    return str(node.get_fully_qualified_name())


def _declare(node: Node, field: dataclasses.Field[Any]) -> Any:
    rule: Rule = field.metadata['rule']
    try:
        found = node.declare_parameter(field.name, field.default, _descriptor(field, rule))
    except (InvalidParameterTypeException, InvalidParameterValueException) as error:
        raise UserError(f'parameter {field.name}', str(error), rule.text()) from error
    value, typed = checked(field, found.value), _typed(field, found)
    if typed is not found:
        Node.set_parameters_atomically(node, [typed])
    return value


def _typed(field: dataclasses.Field[Any], parameter: Parameter) -> Parameter:
    whole = isinstance(field.default, float) and type(parameter.value) is int
    return Parameter(parameter.name, value=float(parameter.value)) if whole else parameter


def _say_unknown(node: Node, fields: Mapping[str, Any]) -> None:
    """Name the start values that nobody declares: those that are nearly a name of this node's, or
    a mapping that rcl took apart, with a warning; others in passing, as a file for all nodes
    (`/**`) holds them for other nodes. Those of QoS are declared later, with their topics."""
    given = [n for n in node._parameter_overrides if not n.startswith('qos_overrides.')]
    unknown = [n for n in given if n not in fields and not node.has_parameter(n)]
    wrong = [n for n in unknown if '.' in n or _near(n, fields)]
    if wrong:
        rule = 'not known, does nothing'
        said = UserError('parameter', ', '.join(wrong), rule, fields)
        node.get_logger().warning(str(said))
    if others := [n for n in unknown if n not in wrong]:
        node.get_logger().info(f'not of this node, and without effect here: {", ".join(others)}')


def _near(name: str, fields: Mapping[str, Any]) -> bool:
    return bool(difflib.get_close_matches(name, fields, n=1, cutoff=CLOSE))


def _descriptor(field: dataclasses.Field[Any], rule: Rule) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        name=field.name,
        description=rule.description,
        additional_constraints='; '.join(filter(None, [rule.text(), WHEN[rule.change]])),
        read_only=rule.change is Change.START,
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
