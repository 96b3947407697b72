"""The arbiter: the one command of a tick, bounded, from whoever owns the robot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from il_core.errors import InternalError
from il_core.limits import Limits
from il_core.spec import Spec
from il_core.types import AxisKind, Vector


class Sent(NamedTuple):
    """`action` (A,) as it goes to the robot; `transition`: a ramp of a hand-over shaped it."""

    action: Vector
    limited: tuple[str, ...] = ()
    transition: bool = False


class Arbiter:
    """Bounds actions from the last sent one, and holds.

    Before any command the robot is held where it was measured, read once.
    """

    def __init__(self, spec: Spec) -> None:
        self._limits = Limits(spec.axes, spec.robot.rate_hz)
        self._names, self._settings = spec.axis_names, dict[int, float]()
        fields = spec.frame_fields
        measured = [
            (i, fields.index(a.measured))
            for i, a in enumerate(spec.axes)
            if a.measured and a.kind in (AxisKind.POSITION, AxisKind.LATCHED)
        ]
        self._measured = tuple(i for i, _ in measured)
        self._fields = [field for _, field in measured]
        self._ramp_ticks = self._limits.ramp_ticks
        self._ramp_left, self._elsewhere = 0, True
        self._last: Vector | None = None
        self._before: Vector | None = None

    def problem(self, action: Vector | None) -> str:
        """Say why an action cannot be sent (none, wrong size, not finite), empty where it can."""
        return 'there is no action' if action is None else self._limits.problem(action)

    def recall(self, settings: Mapping[str, float]) -> None:
        """Start from these settings of axes that nothing measures."""
        self._settings = {self._names.index(name): v for name, v in settings.items()}

    def forget(self, everything: bool = True) -> None:
        """Hold at the measured state of the next frame (a simulator has put the robot somewhere
        else), and with `everything` start what is not measured at `idle`."""
        self._elsewhere = True
        self._settings = {} if everything else self._settings

    def locate(self, frame: Vector | None) -> bool:
        """Make sure that there is a state to start from. Returns False where nothing tells where
        the robot is.

        Args:
            frame: (F,) a usable frame, or None.
        """
        if self._elsewhere and (frame is not None or not self._measured):
            self._last, self._before, self._ramp_left = self._start(frame), None, 0
            self._elsewhere = False
        return self._last is not None

    def _start(self, frame: Vector | None) -> Vector:
        start: Vector = self._limits.rest.copy()
        start[list(self._settings)] = list(self._settings.values())
        if frame is not None:
            start[list(self._measured)] = frame[self._fields]
        return start

    def hold(self) -> Sent:
        """Stop the robot within its limits and keep it there. Needs `locate`."""
        last = self._known()
        return self._send(Sent(self._limits.hold(last, self._before)))

    def stop(self) -> Sent:
        """Stop at once, whatever rate that takes; the robot stands from then on."""
        self._ramp_left = 0
        sent = self._send(Sent(self._limits.stop(self._known())))
        self._before = None
        return sent

    def hand_over(self, ramp: bool) -> None:
        """Somebody else owns the robot now. With `ramp`, ticks are marked as transition until the
        command has caught up with what its new owner wants."""
        self._ramp_left = self._ramp_ticks if ramp else 0

    def act(self, action: Vector) -> Sent:
        """Send `action` (A,), bounded. Raises UserError where `problem` would say why not."""
        bounded = self._limits.bound(np.asarray(action, np.float64), self._known(), self._before)
        if self._ramp_left:
            arrived = np.array_equal(bounded.action, self._limits.within(action))
            self._ramp_left = 0 if arrived else self._ramp_left - 1
        return self._send(Sent(bounded.action, bounded.limited, self._ramp_left > 0))

    def _known(self) -> Vector:
        if self._last is None:
            raise InternalError('locate() was not called, or its answer ignored')
        return self._last

    def _send(self, sent: Sent) -> Sent:
        self._before, self._last = self._last, sent.action
        return sent
