"""The robot's action as joystick messages: the writing end, for operators that are programs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from il_core.errors import InternalError, UserError
from il_core.spec import Spec
from il_core.types import Command, Press, Vector
from il_teleop.api import JoyState
from il_teleop.drive import Hands, Reading
from il_teleop.mapping import JoystickMap
from il_teleop.state import Engagement, Latches, hold, uses, went_down


class JoystickWriter:
    """The inverse of `JoystickMapper`: move a joystick so that reading it gives a wanted action.

    Keeps its own picture of the joystick (buttons of the last message, latches, dead-man), so one
    writer stands for one hand.
    """

    def __init__(self, mapping: JoystickMap, spec: Spec) -> None:
        self._drives = mapping.bind(spec)
        used = uses(mapping, self._drives, spec.axis_names)
        self._axes = max(mapping.device_axes, len(used.axes))
        self._buttons = max(mapping.device_buttons, len(used.buttons))
        self._latching = [(i, drive) for i, drive in enumerate(self._drives) if drive.latch]
        self._mapping = mapping
        self._latches = Latches(self._drives)
        self._engagement = Engagement(mapping.dead_man)
        self._engaged = False
        self._down: tuple[int, ...] = (0,) * self._buttons

    def sync(self, command: Command) -> None:
        """As `JoystickMapper.sync`; both must see the same commands."""
        self._latches.sync(command)

    def write(
        self,
        action: Vector | Sequence[float] | None,
        engaged: bool,
        stamp_ns: int = 0,
        presses: Iterable[Press] = (),
    ) -> JoyState:
        """Return a message that reads as `action`, `engaged` and one press of each of `presses`.

        What a drive cannot reach becomes the nearest it can. A press needs the button up in the
        message before.

        Args:
            action: (A,) in the axes' units; None leaves the sticks at rest.

        Raises:
            UserError: a press that the mapping has no button for.
            InternalError: the action is not finite or has another size.
        """
        hands = Hands([0.0] * self._axes, [0] * self._buttons, self._down)
        if action is not None:
            self._move(np.asarray(action, np.float64).tolist(), hands)
        self._engage(engaged, hands)
        for press in presses:
            self._press(press, hands)
        return self._sent(JoyState(stamp_ns, tuple(hands.axes), tuple(hands.buttons)))

    def _move(self, action: list[float], hands: Hands) -> None:
        if len(action) != len(self._drives) or not all(map(math.isfinite, action)):
            raise InternalError(f'cannot move a joystick to {action}')
        for drive, value, kept in zip(self._drives, action, self._latches.values, strict=True):
            drive.write(value, kept, hands)

    def _engage(self, engaged: bool, hands: Hands) -> None:
        dead_man = self._mapping.dead_man
        hold(dead_man.hold, engaged, hands)
        if dead_man.toggle_button is not None and engaged and not self._engaged:
            up = not self._down[dead_man.toggle_button]
            hands.buttons[dead_man.toggle_button] = int(up)

    def _press(self, press: Press, hands: Hands) -> None:
        numbers = self._mapping.buttons.numbers()
        if press not in numbers:
            have = [p.name.lower() for p in numbers]
            what = f'joystick {self._mapping.name}: press'
            raise UserError(what, press.name.lower(), 'has no button', have)
        hands.buttons[numbers[press]] = 1

    def _sent(self, joy: JoyState) -> JoyState:
        edges = went_down(joy.buttons, self._down)
        if self._latching:
            reading = Reading(joy.axes, joy.buttons, edges)
            for i, drive in self._latching:
                self._latches.values[i] = drive.read(reading, self._latches.values[i])
        self._engaged = self._engagement.update(joy.axes, joy.buttons, edges)
        self._down = joy.buttons
        return joy
