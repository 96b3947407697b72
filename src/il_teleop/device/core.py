"""Events of joysticks to joystick messages, as `joy_node` makes them: a plain object."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from il_core.types import NS_PER_S
from il_teleop.api import JoyState
from il_teleop.device.choice import Choice
from il_teleop.device.events import (
    Added,
    AxisMoved,
    ButtonMoved,
    Device,
    Event,
    HatMoved,
    Removed,
)

NS_PER_MS = 1_000_000
# A device that was just plugged in is believed only then: some drivers say 0 (an end of a stick's
# range) and no button until the first report has come.
SETTLE_NS = NS_PER_S // 4
STEPS = 32767  # SDL counts -32768..32767


@dataclass(frozen=True)
class ReaderConfig:
    """Names, defaults and meaning are those of joy_node's parameters.

    Args:
        device_id: number of the joystick, from 0; device_name: wins over it where it is set.
        deadzone: share of an axis' way that counts as its centre; the rest is stretched over
            -1..1. 0 <= deadzone < 1.
        autorepeat_rate: messages per second while nothing changes; 0: none.
        sticky_buttons: a press toggles a button, letting go of it does nothing.
        coalesce_interval_ms: motions of axes within this time make one message.
    """

    device_id: int = 0
    device_name: str = ''
    deadzone: float = 0.05
    autorepeat_rate: float = 20.0
    sticky_buttons: bool = False
    coalesce_interval_ms: int = 1


class Reader:
    """Follow one joystick over plug and unplug.

    An unplugged joystick gives no message, not even that its buttons went up. When it comes back,
    and at the start, a button that is down counts only after it was let go: no press is invented.
    Left and up are positive, axes first, then two per hat.

    Attributes:
        device: the one that is read, None while there is none.
    """

    def __init__(self, config: ReaderConfig) -> None:
        self._config = config
        self._choice = Choice(config.device_id, config.device_name)
        self._period_ns = round(NS_PER_S / config.autorepeat_rate) if config.autorepeat_rate else 0
        self.device: Device | None = None
        self._axes: list[float] = []
        self._buttons: list[int] = []
        self._settled_ns: int | None = None
        self._moved_ns: int | None = None
        self._looked_ns = self._due_ns = 0

    @property
    def fault(self) -> str:
        """Say why nothing is read and what to do; empty where something is."""
        return '' if self.device else self._choice.missing()

    def update(
        self, events: Iterable[Event], now_ns: int, stamp_ns: int = 0
    ) -> tuple[JoyState, ...]:
        """Return the messages that are due. A button gives one at once, so that no press is lost
        in between; axes are gathered for `coalesce_interval_ms`.

        Args:
            events: since the last call; now_ns: steady time; stamp_ns: of the messages.
        """
        made: list[JoyState] = []
        for event in _hands_only(list(events)):
            if self._take(event, now_ns):
                made.append(self._message(now_ns, stamp_ns))
        if self._settle(now_ns) or self._due(now_ns):
            made.append(self._message(now_ns, stamp_ns))
        self._looked_ns = now_ns
        return tuple(made)

    def _take(self, event: Event, now_ns: int) -> bool:
        """Note an event. Returns whether a message is due at once."""
        if isinstance(event, Added | Removed):
            self._choice.note(event)
            self._follow(now_ns)
        elif self.device is None or event.instance != self.device.instance:
            return False
        elif isinstance(event, ButtonMoved):
            return self._press(event.number, event.down)
        elif isinstance(event, AxisMoved):
            self._move(event.number, self._joy_value(event.value))
        elif isinstance(event, HatMoved):
            first = len(self.device.axes) + 2 * event.number
            self._move(first, float(-event.x))
            self._move(first + 1, float(event.y))
        return False

    def _follow(self, now_ns: int) -> None:
        chosen = self._choice.chosen
        if chosen is self.device:
            return
        self.device, self._settled_ns, self._moved_ns = chosen, None, None
        if chosen is not None:
            self._settled_ns = now_ns + SETTLE_NS
            self._axes = [*map(self._joy_value, chosen.axes), *[0.0] * (2 * chosen.hats)]
            self._buttons = [0] * chosen.buttons

    def _settle(self, now_ns: int) -> bool:
        if self.device is None or self._settled_ns is None or now_ns < self._settled_ns:
            return False
        self._settled_ns = None
        return True

    def _press(self, number: int, down: bool) -> bool:
        if self._settled_ns is not None:
            return False  # held since before we looked: up it is 0 already, down again it counts
        before = self._buttons[number]
        if not self._config.sticky_buttons:
            self._buttons[number] = int(down)
        elif down:
            self._buttons[number] = 1 - before
        return self._buttons[number] != before

    def _move(self, number: int, value: float) -> None:
        if value != self._axes[number] and self._moved_ns is None:
            # It may be as old as the last look.
            self._moved_ns = self._looked_ns
        self._axes[number] = value

    def _joy_value(self, value: float) -> float:
        """Return SDL's -1..1 as joy_node has it: turned round, with the dead zone cut out."""
        steps = max(round(value * (STEPS + 1)), -STEPS)
        zone = STEPS * self._config.deadzone
        if abs(steps) <= zone:
            return 0.0
        beyond = (abs(steps) - zone) / (STEPS - zone)
        return -beyond if steps > 0 else beyond

    def _due(self, now_ns: int) -> bool:
        if self.device is None or self._settled_ns is not None:
            return False
        if self._moved_ns is not None:
            wait_ns = self._config.coalesce_interval_ms * NS_PER_MS
            if now_ns - self._moved_ns >= wait_ns:
                return True
        return bool(self._period_ns) and now_ns >= self._due_ns

    def _message(self, now_ns: int, stamp_ns: int) -> JoyState:
        """Repeats keep their beat, whatever the time of a look; a change begins a new one."""
        beat_ns = self._due_ns + self._period_ns
        repeats = self._moved_ns is None and self._due_ns <= now_ns < beat_ns
        self._due_ns = beat_ns if repeats else now_ns + self._period_ns
        self._moved_ns = None
        return JoyState(stamp_ns, tuple(self._axes), tuple(self._buttons))


def _hands_only(events: list[Event]) -> list[Event]:
    """Return the events without what SDL makes up when a joystick goes: it lets go of everything
    first, and a dead-man that is let go would give the robot to the policy."""
    gone = {event.instance for event in events if isinstance(event, Removed)}
    return [e for e in events if isinstance(e, Added | Removed) or e.instance not in gone]


def rumble_of(kind: int, number: int, intensity: float) -> float | None:
    """Return how hard to shake for a sensor_msgs/JoyFeedback, None where it is not for us: the
    only actuator is rumble (type 1) number 0, at 0 to 1."""
    return intensity if (kind, number) == (1, 0) and 0 <= intensity <= 1 else None
