"""What the simulated robot was last told on its command topics, and what it does when that
stops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from il_core.codecs import codec
from il_core.errors import UserError
from il_core.spec import CommandTopic, Spec
from il_core.types import NS_PER_S, AxisKind, Vector

STOPS = (AxisKind.VELOCITY, AxisKind.DELTA)


class CommandInbox:
    """Turn the messages of a robot's command topics into one action per tick.

    An axis whose topic was silent for the robot's `command_timeout_s` holds: velocities and
    deltas become 0, the others keep their last value.
    """

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._timeout_ns = round(spec.robot.command_timeout_s * NS_PER_S)
        self._period_s = spec.period_ns / NS_PER_S
        self._stops = np.array([a.kind in STOPS for a in spec.axes])
        self._received_ns = np.full(len(spec.axes), np.iinfo(np.int64).min // 2)
        self._values: Vector = np.zeros(len(spec.axes))
        self._heard = np.zeros(len(spec.axes), bool)

    def clear(self) -> None:
        """Forget what was heard."""
        self._heard[:] = False

    def reader(self, command: CommandTopic) -> Callable[[Any, int], None]:
        """Return a function of (message, now_ns) that takes in one message of `command`.

        It raises UserError, and ignores the message, where a number is not finite.
        """
        decode = codec('command', command.codec).decoder(command.fields)
        places = np.array([self._spec.axis_names.index(a) for a in command.axes], np.intp)
        factor = self._period_s if command.per_second else 1.0

        def take(message: Any, now_ns: int) -> None:
            self._put(f'command {command.topic}', places, decode(message) * factor, now_ns)

        return take

    def take(self, action: Vector, now_ns: int) -> None:
        """Take in a whole (A,) action, for a robot without command topics. Raises UserError."""
        if action.shape != self._values.shape:
            rule = f'must have the {len(self._values)} axes {self._spec.axis_names}'
            raise UserError('command action', action.tolist(), rule)
        self._put('command', np.arange(len(action)), action, now_ns)

    def stand_in(self, action: Vector) -> None:
        """Use (A,) `action` for axes that no message was heard for yet."""
        self._values = np.where(self._heard, self._values, action)

    def action(self, now_ns: int) -> Vector:
        """Return (A,) what the robot does in the period that begins now."""
        silent = now_ns - self._received_ns > self._timeout_ns
        return np.where(silent & self._stops, 0.0, self._values)

    def _put(self, what: str, places: Any, values: Vector, now_ns: int) -> None:
        if not np.isfinite(values).all():
            raise UserError(what, values.tolist(), 'must be finite')
        self._values = self._values.copy()
        self._values[places] = values
        self._received_ns[places] = now_ns
        self._heard[places] = True
