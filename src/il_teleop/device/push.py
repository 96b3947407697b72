"""Which stick, trigger or button somebody pushes: from joystick messages, a plain object."""

from __future__ import annotations

from dataclasses import dataclass

from il_core.types import NS_PER_S
from il_teleop.api import JoyState

REST_NS = NS_PER_S
STICK_NS = 3 * NS_PER_S // 10
BUTTON_NS = NS_PER_S // 20
PUSHED, MIXED, RELEASED = 0.5, 0.35, 0.25  # shares of the way from rest to the end
UNREST = 0.1


@dataclass(frozen=True)
class Rest:
    """Where the axes are (n,) while nobody touches them, and by how much they tremble (n,)."""

    centre: tuple[float, ...]
    noise: tuple[float, ...]

    def shares(self, joy: JoyState) -> tuple[float, ...]:
        """Return how far (n,) each axis is on its way from rest to an end, -1..1."""
        return tuple((v - c) / (1 + abs(c)) for v, c in zip(joy.axes, self.centre, strict=True))


class Resting:
    """Waits until nobody has touched the joystick for a second."""

    def __init__(self) -> None:
        self._since_ns = 0
        self._seen: list[tuple[float, ...]] = []

    def feed(self, joy: JoyState, now_ns: int) -> Rest | None:
        moved = self._seen and any(
            abs(v - w) > UNREST for v, w in zip(joy.axes, self._seen[0], strict=True)
        )
        if not self._seen or moved or any(joy.buttons):
            self._since_ns, self._seen = now_ns, []
        self._seen.append(joy.axes)
        if now_ns - self._since_ns < REST_NS:
            return None
        lows, highs = (tuple(map(end, zip(*self._seen, strict=True))) for end in (min, max))
        pairs = list(zip(lows, highs, strict=True))
        return Rest(tuple((a + b) / 2 for a, b in pairs), tuple((b - a) / 2 for a, b in pairs))


@dataclass(frozen=True)
class Push:
    """What was pushed: a button, or an axis from `rest` to `value`.

    `others`: words for what moved with it, empty where it moved alone.
    """

    button: int | None = None
    axis: int | None = None
    rest: float = 0.0
    value: float = 0.0
    others: str = ''

    @property
    def sign(self) -> int:
        """The direction of an axis."""
        return 1 if self.value > self.rest else -1

    @property
    def name(self) -> str:
        """The input; an axis is one, whichever way it goes."""
        return f'axis {self.axis}' if self.button is None else f'button {self.button}'

    def words(self) -> str:
        way = f' towards {"+" if self.sign > 0 else "-"}' if self.button is None else ''
        return f'{self.name}{way}'


class Pushing:
    """Recognise one push. A push of a stick has to last; what is held from before does not
    count until it was let go.

    Args:
        rest: where the axes are; before: what was held when the question came.
        prefer_button: what to take where a trigger is a button and an axis at once.
    """

    def __init__(self, rest: Rest, before: JoyState, prefer_button: bool) -> None:
        self._rest, self._prefer_button = rest, prefer_button
        self._free = {i for i, s in enumerate(rest.shares(before)) if abs(s) < RELEASED}
        self._held = {i for i, value in enumerate(before.buttons) if value}
        self._begin_ns: int | None = None
        self._most = [0.0] * len(rest.centre)
        self._down: set[int] = set()

    def feed(self, joy: JoyState, now_ns: int) -> Push | None:
        """Return the push once it is certain."""
        shares = self._rest.shares(joy)
        self._free |= {i for i, share in enumerate(shares) if abs(share) < RELEASED}
        shares = tuple(share if i in self._free else 0.0 for i, share in enumerate(shares))
        down = {i for i, value in enumerate(joy.buttons) if value}
        self._held &= down
        self._down |= down - self._held
        self._most = [s if abs(s) > abs(m) else m for s, m in zip(shares, self._most, strict=True)]
        if not self._down and all(abs(s) < PUSHED for s in shares):
            self._begin_ns, self._most = None, [0.0] * len(shares)
            return None
        if self._begin_ns is None:
            self._begin_ns = now_ns
        tapped = bool(self._down) and self._prefer_button
        lasts_ns = now_ns - self._begin_ns
        return self._verdict() if lasts_ns >= (BUTTON_NS if tapped else STICK_NS) else None

    def _verdict(self) -> Push:
        order = sorted(range(len(self._most)), key=lambda i: -abs(self._most[i]))
        pushed = [i for i in order if abs(self._most[i]) >= MIXED]
        stick = bool(pushed) and abs(self._most[pushed[0]]) >= PUSHED
        if self._down and (self._prefer_button or not stick):
            first, *more = sorted(self._down)
            return Push(button=first, others=' and '.join(f'button {b}' for b in more))
        axis, *rest = pushed
        others = ' and '.join(f'axis {i}' for i in rest)
        centre = self._rest.centre[axis]
        value = centre + self._most[axis] * (1 + abs(centre))
        return Push(axis=axis, rest=centre, value=value, others=others)
