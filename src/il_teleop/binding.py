"""What a mapping file says about one action axis, and the drive that this makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from il_core.errors import UserError
from il_core.spec import Axis
from il_core.types import AxisKind
from il_teleop.curve import Curve
from il_teleop.drive import Choice, Drive, LatchPair, LatchToggle, Pair, Range, Steps, Stick

KINDS = {
    'stick': tuple(AxisKind),
    'steps': (AxisKind.DISCRETE,),
    'pair': (AxisKind.VELOCITY, AxisKind.DELTA, AxisKind.DISCRETE),
    'choice': (AxisKind.DISCRETE,),
    'latch pair': (AxisKind.LATCHED,),
    'latch toggle': (AxisKind.LATCHED,),
}


@dataclass(frozen=True)
class ValueButton:
    """A button that stands for one value of a discrete axis."""

    button: int
    value: int


@dataclass(frozen=True)
class AxisBinding:
    """How one action axis is driven, by exactly one of: `joy_axis` (a stick; with `threshold` a
    three-way switch), `minus_button` and `plus_button`, `toggle_button`, `values`.

    Args:
        action: name of the action axis in the robot spec.
        optional: leave it out without an error on a robot that lacks the axis.
        joy_axis, sign: number of the joystick axis; sign -1 turns it round.
        scale, dead_zone, expo: see `Curve`; for a stick. A pair's full effect is `scale`.
        minus_button, plus_button: towards low and high. A latched axis is set to that end and
            keeps it; a velocity or delta axis moves while a button is down; a discrete axis has
            low, `idle`, high.
        toggle_button: sends a latched axis to its farther end.
        values: a button per value of a discrete axis.
        threshold: makes a stick a switch for a discrete axis: low, `idle`, high.
        idle: what a discrete axis is while nothing is pressed or pushed; the axis' own idle value
            where it is left out.
    """

    action: str
    optional: bool = False
    joy_axis: int | None = None
    sign: int = 1
    scale: float = 1.0
    dead_zone: float = 0.0
    expo: float = 0.0
    minus_button: int | None = None
    plus_button: int | None = None
    toggle_button: int | None = None
    values: tuple[ValueButton, ...] = ()
    threshold: float | None = None
    idle: int | None = None

    def __post_init__(self) -> None:
        where = f'axes: {self.action}'
        if self.sign not in (-1, 1):
            raise UserError(f'{where}: sign', self.sign, 'not known', ['-1', '1'])
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise UserError(f'{where}: threshold', self.threshold, 'must be within 0..1')
        if self.threshold is not None and self.joy_axis is None:
            raise UserError(f'{where}: threshold', self.threshold, 'goes with joy_axis')
        if (self.minus_button is None) != (self.plus_button is None):
            raise UserError(
                where, 'one button', 'needs both keys', ['minus_button', 'plus_button']
            )
        ways = [self.joy_axis, self.minus_button, self.toggle_button, self.values or None]
        if sum(way is not None for way in ways) != 1:
            raise UserError(
                where,
                sum(way is not None for way in ways),
                'must be driven in exactly one way',
                ['joy_axis', 'minus_button + plus_button', 'toggle_button', 'values'],
            )
        try:
            self._curve()
        except UserError as error:
            raise UserError(f'{where}: {error.what}', error.value, error.rule) from error

    @property
    def buttons(self) -> tuple[int, ...]:
        """The button numbers that it uses."""
        single = (self.minus_button, self.plus_button, self.toggle_button)
        return (*(b for b in single if b is not None), *(v.button for v in self.values))

    def drive(self, axis: Axis, where: str) -> Drive:
        """Build the drive. Raises UserError where it does not fit the kind or range of `axis`."""
        way = self._way(axis)
        if axis.kind not in KINDS[way]:
            rule = f'cannot be driven by a {way}, which fits'
            raise UserError(where, axis.kind.value, rule, [kind.value for kind in KINDS[way]])
        if self.joy_axis is not None:
            return self._stick(self.joy_axis, axis, where)
        if self.toggle_button is not None:
            return LatchToggle(self.toggle_button, axis.low, axis.high)
        if self.minus_button is not None and self.plus_button is not None:
            return self._pair(self.minus_button, self.plus_button, axis, where)
        for item in self.values:
            _check_level(f'{where}: values', item.value, axis)
        buttons = tuple(item.button for item in self.values)
        values = tuple(float(item.value) for item in self.values)
        return Choice(buttons, values, self._idle(axis, where))

    def _stick(self, joy_axis: int, axis: Axis, where: str) -> Drive:
        if self.threshold is None:
            range_ = Range(axis.kind, axis.low, axis.high)
            return Stick(joy_axis, self.sign, self._curve(), range_)
        idle = self._idle(axis, where)
        return Steps(joy_axis, self.sign, self.threshold, axis.low, idle, axis.high)

    def _pair(self, minus: int, plus: int, axis: Axis, where: str) -> Drive:
        if axis.kind is AxisKind.LATCHED:
            return LatchPair(minus, plus, axis.low, axis.high)
        if axis.kind is AxisKind.DISCRETE:
            return Pair(minus, plus, axis.low, self._idle(axis, where), axis.high)
        return Pair(minus, plus, axis.low * self.scale, 0.0, axis.high * self.scale)

    def _way(self, axis: Axis) -> str:
        if self.joy_axis is not None:
            return 'stick' if self.threshold is None else 'steps'
        if self.values:
            return 'choice'
        if self.toggle_button is not None:
            return 'latch toggle'
        return 'latch pair' if axis.kind is AxisKind.LATCHED else 'pair'

    def _curve(self) -> Curve:
        return Curve(self.dead_zone, self.expo, self.scale)

    def _idle(self, axis: Axis, where: str) -> float:
        if self.idle is None:
            return float(min(max(axis.idle, axis.low), axis.high))
        _check_level(f'{where}: idle', self.idle, axis)
        return float(self.idle)


@dataclass(frozen=True)
class Rest:
    """How the action axes without a binding of their own are driven, on any robot.

    Action axis i is driven by joystick axis `joy_axis + i`, linearly over its whole range. With
    `toggle_button`, the j-th latched axis is driven by button `toggle_button + j` instead.
    """

    joy_axis: int = 0
    toggle_button: int | None = None

    def __post_init__(self) -> None:
        for key in ('joy_axis', 'toggle_button'):
            if (getattr(self, key) or 0) < 0:
                raise UserError(f'rest: {key}', getattr(self, key), 'must be 0 or above')

    def binding(self, axis: Axis, index: int, latched: Sequence[str]) -> AxisBinding:
        """Return the binding of `axis`, number `index` of the robot. `latched` names its latched
        axes."""
        if self.toggle_button is not None and axis.name in latched:
            button = self.toggle_button + latched.index(axis.name)
            return AxisBinding(axis.name, toggle_button=button)
        return AxisBinding(axis.name, joy_axis=self.joy_axis + index)


def _check_level(what: str, value: int, axis: Axis) -> None:
    if not axis.low <= value <= axis.high:
        raise UserError(what, value, f'must be within {axis.low:g}..{axis.high:g}')
