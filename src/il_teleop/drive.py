"""How one action axis is driven by a joystick: by a stick, by buttons, by a latch; and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from il_core.quick import quick
from il_core.types import AxisKind
from il_teleop.curve import Curve


@quick
@dataclass(frozen=True, slots=True)
class Reading:
    """One joystick message as the drives see it. `edges` are the buttons that went down with
    it."""

    axes: tuple[float, ...]
    buttons: tuple[int, ...]
    edges: frozenset[int]


@dataclass(slots=True)
class Hands:
    """A joystick message in the making. `down` are the buttons of the message before."""

    axes: list[float]
    buttons: list[int]
    down: tuple[int, ...]


class Drive(Protocol):
    """Turns a reading into the value of one action axis, and a value into a joystick.

    `kept` is the value that a latch holds (NaN: not known); other drives ignore it. `axes` and
    `buttons` are the joystick numbers that the drive reads.
    """

    @property
    def latch(self) -> bool: ...

    @property
    def axes(self) -> tuple[int, ...]: ...

    @property
    def buttons(self) -> tuple[int, ...]: ...

    def read(self, joy: Reading, kept: float) -> float:
        """Return the value in the axis' unit."""

    def write(self, value: float, kept: float, joy: Hands) -> None:
        """Move `joy` so that `read` gives `value`, or the nearest that this drive can reach."""


class Range:
    """What effects -1..1 mean on an axis: `low`..`high`, in its unit.

    Zero effect is zero (stop) on a velocity or delta axis, which is scaled on each side by its
    own limit; on other kinds it is the middle. A discrete axis takes the nearest integer.
    """

    def __init__(self, kind: AxisKind, low: float, high: float) -> None:
        self.low, self.high = low, high
        self._middle, self._half = (low + high) / 2, (high - low) / 2
        self._centred = kind in (AxisKind.VELOCITY, AxisKind.DELTA)
        self._discrete = kind is AxisKind.DISCRETE

    def value(self, effect: float) -> float:
        if self._centred:
            return effect * (self.high if effect > 0 else -self.low)
        value = self._middle + effect * self._half
        if self._discrete:
            value = float(round(value))
        return _within(value, self.low, self.high)

    def effect(self, value: float) -> float:
        """The inverse of `value`, within -1..1."""
        if self._centred:
            limit = self.high if value > 0 else -self.low
            effect = value / limit if limit else 0.0
        else:
            effect = (value - self._middle) / self._half
        return _within(effect, -1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Stick:
    """A joystick axis, through a curve, over the whole range."""

    axis: int
    sign: int
    curve: Curve
    range: Range
    latch: bool = False
    buttons: tuple[int, ...] = ()

    @property
    def axes(self) -> tuple[int, ...]:
        return (self.axis,)

    def read(self, joy: Reading, kept: float) -> float:
        return self.range.value(self.curve.effect(self.sign * joy.axes[self.axis]))

    def write(self, value: float, kept: float, joy: Hands) -> None:
        joy.axes[self.axis] = self.sign * self.curve.deflection(self.range.effect(value))


@dataclass(frozen=True, slots=True)
class Steps:
    """A joystick axis as a three-way switch: `minus` or `plus` beyond the threshold, else
    `idle`."""

    axis: int
    sign: int
    threshold: float
    minus: float
    idle: float
    plus: float
    latch: bool = False
    buttons: tuple[int, ...] = ()

    @property
    def axes(self) -> tuple[int, ...]:
        return (self.axis,)

    def read(self, joy: Reading, kept: float) -> float:
        x = self.sign * joy.axes[self.axis]
        if abs(x) <= self.threshold:
            return self.idle
        return self.plus if x > 0 else self.minus

    def write(self, value: float, kept: float, joy: Hands) -> None:
        near = _nearest(value, self.idle, self.minus, self.plus)
        joy.axes[self.axis] = self.sign * (0.0, -1.0, 1.0)[near]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two buttons: `minus` or `plus` while one of them is down, else `idle` (both: idle)."""

    minus_button: int
    plus_button: int
    minus: float
    idle: float
    plus: float
    latch: bool = False
    axes: tuple[int, ...] = ()

    @property
    def buttons(self) -> tuple[int, ...]:
        return (self.minus_button, self.plus_button)

    def read(self, joy: Reading, kept: float) -> float:
        pull = bool(joy.buttons[self.plus_button]) - bool(joy.buttons[self.minus_button])
        return (self.idle, self.plus, self.minus)[pull]

    def write(self, value: float, kept: float, joy: Hands) -> None:
        near = _nearest(value, self.idle, self.minus, self.plus)
        joy.buttons[self.minus_button] = int(near == 1)
        joy.buttons[self.plus_button] = int(near == 2)


@dataclass(frozen=True, slots=True)
class Choice:
    """One button per value of a discrete axis; the first one that is down wins, else `idle`."""

    buttons: tuple[int, ...]
    values: tuple[float, ...]
    idle: float
    latch: bool = False
    axes: tuple[int, ...] = ()

    def read(self, joy: Reading, kept: float) -> float:
        for button, value in zip(self.buttons, self.values, strict=True):
            if joy.buttons[button]:
                return value
        return self.idle

    def write(self, value: float, kept: float, joy: Hands) -> None:
        near = _nearest(value, self.idle, *self.values)
        if near:
            joy.buttons[self.buttons[near - 1]] = 1


@dataclass(frozen=True, slots=True)
class LatchPair:
    """Two buttons that set a latched axis to `low` or `high`; it keeps its value otherwise."""

    minus_button: int
    plus_button: int
    low: float
    high: float
    latch: bool = True
    axes: tuple[int, ...] = ()

    @property
    def buttons(self) -> tuple[int, ...]:
        return (self.minus_button, self.plus_button)

    def read(self, joy: Reading, kept: float) -> float:
        pull = bool(joy.buttons[self.plus_button]) - bool(joy.buttons[self.minus_button])
        return (kept, self.high, self.low)[pull]

    def write(self, value: float, kept: float, joy: Hands) -> None:
        near = _nearest(value, kept, self.low, self.high)
        joy.buttons[self.minus_button] = int(near == 1)
        joy.buttons[self.plus_button] = int(near == 2)


@dataclass(frozen=True, slots=True)
class LatchToggle:
    """One button that sends a latched axis to its farther end at every press.

    Writing needs a press, and a press needs the button up in the message before: two changes
    cannot follow each other without one message between.
    """

    button: int
    low: float
    high: float
    latch: bool = True
    axes: tuple[int, ...] = ()

    @property
    def buttons(self) -> tuple[int, ...]:
        return (self.button,)

    def read(self, joy: Reading, kept: float) -> float:
        return self._other(kept) if self.button in joy.edges else kept

    def write(self, value: float, kept: float, joy: Hands) -> None:
        wanted = _nearest(value, kept, self._other(kept)) == 1
        joy.buttons[self.button] = int(wanted and not joy.down[self.button])

    def _other(self, kept: float) -> float:
        """NaN (not known) stays NaN: nobody can say which way a press would go."""
        if kept != kept:
            return kept
        return self.low if kept > (self.low + self.high) / 2 else self.high


def _within(value: float, low: float, high: float) -> float:
    return low if value < low else high if value > high else value


def _nearest(value: float, *candidates: float) -> int:
    """Return the index of the candidate nearest to `value`, the first of equals; NaN is never
    near."""
    gaps = [abs(value - c) if c == c else float('inf') for c in candidates]
    return gaps.index(min(gaps))
