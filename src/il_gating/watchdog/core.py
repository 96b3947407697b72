"""What a robot is told when its commands stop: a plain object, time as an argument."""

from __future__ import annotations

import numpy as np

from il_core.limits import Limits
from il_core.spec import CommandTopic, Spec
from il_core.types import NS_PER_S, Vector


class Watchdog:
    """Watches one command topic.

    After `command_timeout_s` without a command velocity and delta axes slow down within their
    limits to 0 and stay there; position and latched axes keep what they were last told, which is
    repeated. Before any command nothing is said: nobody knows where a position axis is.
    """

    def __init__(self, spec: Spec, command: CommandTopic) -> None:
        self._places = [spec.axis_names.index(axis) for axis in command.axes]
        self._limits = Limits([spec.axes[i] for i in self._places], spec.robot.rate_hz)
        self._factor = spec.period_ns / NS_PER_S if command.per_second else 1.0
        self._timeout_ns = round(spec.robot.command_timeout_s * NS_PER_S)
        self._size = len(spec.axes)
        self._last: Vector | None = None
        self._before: Vector | None = None
        self._heard_ns = 0

    def take(self, numbers: Vector, now_ns: int) -> bool:
        """Take in the numbers of a message, in the order of the topic's fields. Returns whether
        it may be passed on: it is finite."""
        if not np.isfinite(numbers).all():
            return False
        self._before, self._last = self._last, numbers * self._factor
        self._heard_ns = now_ns
        return True

    def silent(self, now_ns: int) -> bool:
        """True where commands were heard, and none for longer than the time-out."""
        return self._last is not None and now_ns - self._heard_ns > self._timeout_ns

    def due(self, now_ns: int) -> Vector | None:
        """Return (A,) all axes of the robot, this topic's filled in, to be sent in this period;
        None where the robot hears its commands."""
        if self._last is None or not self.silent(now_ns):
            return None
        return self._say(self._limits.hold(self._last, self._before))

    def stop(self) -> Vector | None:
        """Return (A,) that ends motion at once; None before any command."""
        return None if self._last is None else self._say(self._limits.stop(self._last))

    def _say(self, numbers: Vector) -> Vector:
        self._before, self._last = self._last, numbers
        action: Vector = np.zeros(self._size)
        action[self._places] = numbers
        return action
