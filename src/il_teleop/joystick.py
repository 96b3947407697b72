"""Joystick messages as the robot's action: the reading end."""

from __future__ import annotations

import math
from array import array

import numpy as np

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import NO_PRESSES, Command, ExpertAction, Vector
from il_teleop.api import JoyState
from il_teleop.drive import Reading
from il_teleop.mapping import JoystickMap
from il_teleop.state import Engagement, Latches, uses, went_down


class JoystickMapper:
    """Turn joystick messages into the expert's action.

    Axes are rounded to float32 first, as on the wire, so that a loop without ROS and the graph
    agree. A button that is down in the first message counts as pressed by it.

    Args:
        mapping: the joystick's layout.
        spec: gives the action axes.
        source: `ExpertAction.source`.

    Attributes:
        latching: an axis keeps its value, so that `sync` matters.
        fault: in words why the last message gave no action; empty where it did.
        readable: the last message could be read, whether or not it gave an action.

    Raises:
        UserError: the mapping does not fit the spec.
    """

    def __init__(self, mapping: JoystickMap, spec: Spec, source: str = 'joystick') -> None:
        self._drives = mapping.bind(spec)
        self._uses = uses(mapping, self._drives, spec.axis_names)
        self._names = spec.axis_names
        self._source, self._name = source, mapping.name
        self._press_buttons = mapping.buttons.numbers()
        self._engagement = Engagement(mapping.dead_man)
        self._latches = Latches(self._drives)
        self._presses = NO_PRESSES
        self._down: tuple[int, ...] = (0,) * len(self._uses.buttons)
        self.latching = any(drive.latch for drive in self._drives)
        self.fault, self.readable = '', True
        self._engaged = False

    def sync(self, command: Command) -> None:
        """Tell what was sent last: latched axes start from it when the human takes over. Raises
        UserError where it is of other axes."""
        if len(command.action) != len(self._names):
            rule = f'must have the axes {", ".join(self._names)}'
            raise UserError('size of the command', len(command.action), rule)
        self._latches.sync(command)

    def update(self, joy: JoyState) -> ExpertAction:
        """Return what the human does with this message. One that is too short or not finite gives
        no action and sets `fault`; it never raises. It says nothing about the dead-man, which
        stays as it was: 'let go' would hand the robot to the policy."""
        self.fault = self._check(joy)
        self.readable = not self.fault
        if not self.readable:
            return ExpertAction(joy.stamp_ns, None, self._engaged, self._source, self._presses)
        axes = tuple(array('f', joy.axes[: len(self._uses.axes)]))
        buttons = joy.buttons[: len(self._uses.buttons)]
        edges = went_down(buttons, self._down)
        self._down = buttons
        self._count(edges)
        self._engaged = self._engagement.update(axes, buttons, edges)
        action = self._action(Reading(axes, buttons, edges))
        return ExpertAction(joy.stamp_ns, action, self._engaged, self._source, self._presses)

    def _check(self, joy: JoyState) -> str:
        axes, buttons = self._uses.axes, self._uses.buttons
        if len(joy.axes) < len(axes):
            return self._short('axes', len(joy.axes), axes)
        if len(joy.buttons) < len(buttons):
            return self._short('buttons', len(joy.buttons), buttons)
        if all(map(math.isfinite, joy.axes[: len(axes)])):
            return ''
        bad = next(i for i, value in enumerate(joy.axes) if not math.isfinite(value))
        return f'joy axis {bad} is {joy.axes[bad]}, not a finite number'

    def _short(self, what: str, count: int, use: tuple[str, ...]) -> str:
        number, name = next((i, use[i]) for i in range(count, len(use)) if use[i])
        return (
            f'joy has {count} {what}, mapping {self._name} needs {len(use)}: '
            f'number {number} is {name}'
        )

    def _count(self, edges: frozenset[int]) -> None:
        if not edges:
            return
        counts = list(self._presses)
        for press, button in self._press_buttons.items():
            counts[press] += button in edges
        self._presses = tuple(counts)

    def _action(self, joy: Reading) -> Vector | None:
        kept = self._latches.values
        values = [d.read(joy, k) for d, k in zip(self._drives, kept, strict=True)]
        self._latches.keep(values)
        if self.latching and any(map(math.isnan, values)):
            name = next(n for n, v in zip(self._names, values, strict=True) if math.isnan(v))
            self.fault = f'{name}: not known before the first command; press its button'
            return None
        return np.array(values, np.float64)
