"""Keys and time to a joystick: a plain object."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from il_core.errors import UserError
from il_core.spec import Axis, Spec
from il_core.types import NS_PER_S, AxisKind, Command, Owner, Press
from il_teleop.api import JoyState
from il_teleop.hand import JoystickWriter
from il_teleop.keyboard.keys import PRESSES, QUIT, SPACE, Decoder, layout
from il_teleop.mapping import JoystickMap

# A key that comes again within this time is held down (terminals wait up to 0.66 s before they
# repeat).
REPEAT_S = 0.7
POSITION_STEP = 0.02


@dataclass(frozen=True)
class KeyboardConfig:
    """How keys, which a terminal never reports as let go, become motion.

    Args:
        speed: share of a velocity or delta axis' limit while its key acts, 0 < speed <= 1.
        tap_s: how long one key stroke acts; held_s: how long each repeat of a held key does.
        dead_man_timeout_s: the dead-man ends so long after the last key stroke.
    """

    speed: float = 0.5
    tap_s: float = 0.1
    held_s: float = 0.2
    dead_man_timeout_s: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.speed <= 1:
            raise UserError('keyboard: speed', self.speed, 'must be above 0 and at most 1')
        for key in ('tap_s', 'held_s', 'dead_man_timeout_s'):
            if getattr(self, key) <= 0:
                raise UserError(f'keyboard: {key}', getattr(self, key), 'must be above 0')


class Keyboard:
    """A hand on a joystick, driven by key strokes.

    A velocity or delta axis moves while its key acts; a position axis steps by 2 % of its range;
    a latched axis goes to its other end; a discrete axis takes a value while its key acts. Axes
    that keep a value follow what was sent while the human does not own, and the dead-man stays
    off until that is known.

    Args:
        spec: gives the axes; joystick: the layout that teleop reads.

    Raises:
        UserError: the robot has more axes than there are keys, or the layout does not fit it.
    """

    def __init__(self, spec: Spec, joystick: JoystickMap, config: KeyboardConfig) -> None:
        self.spec, self.config, self.layout = spec, config, layout(spec)
        self._hand = JoystickWriter(joystick, spec)
        self._decoder = Decoder()
        kinds = (AxisKind.LATCHED, AxisKind.POSITION)
        self._keeping = [i for i, axis in enumerate(spec.axes) if axis.kind in kinds]
        self.values = [
            math.nan if i in self._keeping else _rest(a) for i, a in enumerate(spec.axes)
        ]
        self._until_ns = [0] * len(spec.axes)
        self._struck_ns: dict[str, int] = {}
        self._key_ns = 0
        self._on = False
        self._presses: deque[Press] = deque()
        self._pressed = False
        self.quit = False

    def sync(self, command: Command) -> None:
        """Tell what was sent last."""
        self._hand.sync(command)
        for i in self._keeping:
            if command.owner is not Owner.HUMAN or math.isnan(self.values[i]):
                self.values[i] = float(command.action[i])

    def feed(self, data: bytes, now_ns: int) -> None:
        """Take what the terminal sent."""
        for key in self._decoder.feed(data):
            held = now_ns - self._struck_ns.get(key, -NS_PER_S) <= REPEAT_S * NS_PER_S
            self._struck_ns[key] = self._key_ns = now_ns
            self._strike(key, held, now_ns)

    def engaged(self, now_ns: int) -> bool:
        """Whether the dead-man is on; ends it where no key came for too long."""
        silent_ns = now_ns - self._key_ns
        self._on = self._on and silent_ns <= self.config.dead_man_timeout_s * NS_PER_S
        return self._on and not any(math.isnan(self.values[i]) for i in self._keeping)

    def joy(self, now_ns: int, stamp_ns: int) -> JoyState:
        """Return the joystick at this moment. Presses come one per message, with a message
        without any between."""
        for i, axis in enumerate(self.spec.axes):
            if i not in self._keeping and now_ns > self._until_ns[i]:
                self.values[i] = _rest(axis)
        presses = [] if self._pressed or not self._presses else [self._presses.popleft()]
        self._pressed = bool(presses)
        action = [0.0 if math.isnan(v) else v for v in self.values]
        return self._hand.write(action, self.engaged(now_ns), stamp_ns, presses)

    def quit_now(self) -> None:
        """Let go of everything."""
        self.quit, self._on = True, False

    def _strike(self, key: str, held: bool, now_ns: int) -> None:
        if key == QUIT:
            self.quit_now()
        elif key == SPACE:
            self._on = not self._on and not held
        elif key in PRESSES:
            self._press(PRESSES[key], held)
        elif key.isdigit() and self.layout.digits is not None:
            self._act(self.layout.digits, float(key), held, now_ns)
        else:
            self._move(key, held, now_ns)

    def _press(self, press: Press, held: bool) -> None:
        """Releasing and stopping let go of the dead-man too."""
        if press in (Press.RELEASE, Press.ESTOP):
            self._on = False
        if not held:
            self._presses.append(press)

    def _move(self, key: str, held: bool, now_ns: int) -> None:
        for i, pair in self.layout.pairs.items():
            if key in pair:
                self._push(i, 1 if key == pair[0] else -1, held, now_ns)
        for i, own in self.layout.latches.items():
            if key == own and not held:
                axis = self.spec.axes[i]
                middle = (axis.low + axis.high) / 2
                self._set(i, axis.low if self.values[i] > middle else axis.high)

    def _push(self, i: int, sign: int, held: bool, now_ns: int) -> None:
        axis = self.spec.axes[i]
        end = axis.high if sign > 0 else axis.low
        if axis.kind is AxisKind.POSITION:
            self._set(i, self.values[i] + sign * POSITION_STEP * (axis.high - axis.low))
        elif axis.kind is AxisKind.DISCRETE:
            self._act(i, end, held, now_ns)
        else:
            self._act(i, self.config.speed * end, held, now_ns)

    def _act(self, i: int, value: float, held: bool, now_ns: int) -> None:
        lasts_s = self.config.held_s if held else self.config.tap_s
        self._set(i, value)
        self._until_ns[i] = now_ns + round(lasts_s * NS_PER_S)

    def _set(self, i: int, value: float) -> None:
        """NaN (nobody told yet where the axis is) stays."""
        axis = self.spec.axes[i]
        if not math.isnan(self.values[i]):
            self.values[i] = min(max(value, axis.low), axis.high)


def _rest(axis: Axis) -> float:
    return min(max(axis.idle, axis.low), axis.high) if axis.kind is AxisKind.DISCRETE else 0.0
