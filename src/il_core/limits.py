"""What one command may be: every axis bounded in value, rate and acceleration, and how to hold.

| kind | low..high | max_rate (units/s) bounds | hold |
|---|---|---|---|
| position | a place | speed | stays where it was last sent |
| velocity | a speed | change of speed | slows down at max_rate to zero, then zeros |
| delta | a step per tick | change of that step | as velocity: zero means stop |
| latched | a setting | change of the setting | stays as last sent |
| discrete | integers | nothing: a jump is its nature | `idle` |

On velocity and delta axes the value is a motion already, so max_rate acts there like an
acceleration. `max_accel` (units/s^2) bounds how fast the rate of change may itself change, on
every kind but discrete; it brakes in time for the target. Limits hold at every tick, whoever
acts. Nothing here turns NaN into a number: a bad action raises.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from il_core.errors import UserError
from il_core.spec import Axis
from il_core.types import AxisKind, Vector

KEEPS = (AxisKind.POSITION, AxisKind.LATCHED)
# A step may exceed its bound by this share, so that a bound of 0.1 takes 0.3 - 0.2.
SLACK = 1 + 1e-9


class Bounded(NamedTuple):
    """`action` (A,) is within all limits; `limited` names the axes that had to change."""

    action: Vector
    limited: tuple[str, ...] = ()


class Limits:
    """The limits of all axes of a robot at one tick rate.

    Args:
        axes: in action order.
        rate_hz: ticks per second; one call of `bound` or `hold` is one tick.
    """

    def __init__(self, axes: Sequence[Axis], rate_hz: float) -> None:
        dt = 1.0 / rate_hz
        self.names = tuple(a.name for a in axes)
        self._low = np.array([a.low for a in axes], np.float64)
        self._high = np.array([a.high for a in axes], np.float64)
        self._ones = np.ones(len(axes))
        self._discrete = np.array([a.kind is AxisKind.DISCRETE for a in axes])
        self._any_discrete = bool(self._discrete.any())
        self._keeps = np.array([a.kind in KEEPS for a in axes])
        self.rest = np.array([_rest(a) for a in axes], np.float64)
        self._shape = self.rest.shape
        smooth = np.array([a.kind is not AxisKind.DISCRETE for a in axes])
        rate = np.array([a.max_rate * dt for a in axes])
        self._step = np.where((rate > 0) & smooth, rate, np.inf)
        accel = np.array([a.max_accel * dt * dt for a in axes]) * smooth
        self._braked = np.flatnonzero(accel)
        self._accel = accel[self._braked]
        self._loose = self._step * SLACK
        bounds = (self._low, self._high, self._loose)
        self._bounds = tuple(zip(*(b.tolist() for b in bounds), strict=True))

    def problem(self, action: Vector) -> str:
        """Say what forbids to bound an action (wrong size, not finite), empty where nothing
        does."""
        if action.shape != self._shape:
            return f'action has shape {action.shape}, not ({self.rest.size},)'
        # the sum is a quick hint that there is nothing to look for
        if math.isfinite(action.dot(self._ones)) or np.isfinite(action).all():
            return ''
        at = int(np.flatnonzero(~np.isfinite(action))[0])
        return f'axis {self.names[at]} is {action[at]}'

    def bound(self, action: Vector, last: Vector, before: Vector | None = None) -> Bounded:
        """Return the action nearest to `action` that may follow.

        Where nothing has to change, the result holds the very numbers of `action`. A `last`
        outside low..high (a measured state) is led back at the axis' rate.

        Args:
            action: (A,) wanted.
            last: (A,) sent one tick ago.
            before: (A,) sent two ticks ago; None: standing still until `last`. Only max_accel
                looks at it.

        Raises:
            UserError: wrong size or not finite.
        """
        if self._passes(action, last):
            return Bounded(action)
        problem = self.problem(action)
        if problem:
            raise UserError('action', action.tolist(), problem)
        target = self.within(action)
        step = target - last
        if self._braked.size:
            step = self._brake(step, last, before)
        return self._named(self._moved(last, step, target), action)

    def within(self, action: Vector) -> Vector:
        """Return the (A,) nearest to a finite `action` that is in range, whatever its rate."""
        inside: Vector = np.minimum(np.maximum(action, self._low), self._high)
        return np.where(self._discrete, np.rint(inside), inside) if self._any_discrete else inside

    def hold(self, last: Vector, before: Vector | None = None) -> Vector:
        """Return (A,) that stops the robot within its limits; see the table above.

        A position or latched axis that moves and has a max_accel comes to rest first.
        """
        target = np.where(self._keeps, last, self.rest)
        step = target - last
        if self._braked.size:
            step = self._brake(step, last, before)
            slowing = self._slow(last, before)
            step = np.where(self._keeps, slowing, step)
            target = np.where(self._keeps, last + slowing, target)
        return self._moved(last, step, target)

    @property
    def ramp_ticks(self) -> int:
        """Ticks after which a ramp between any two actions is over, also where the axis first
        has to brake from the opposite direction at full speed."""
        span = self._high - self._low
        ticks = span / self._step
        at, accel = self._braked, self._accel
        fastest = np.minimum(self._step[at], np.sqrt(span[at] * accel))
        # To stop takes v/a and goes v^2/2a too far; then the way back, and v/a to gain speed.
        ticks[at] = span[at] / fastest + 2.5 * fastest / accel + 2
        return int(np.ceil(ticks.max())) + 1

    def stop(self, last: Vector) -> Vector:
        """Return (A,) for an emergency: motion ends at this tick, whatever rate that takes."""
        stopped: Vector = np.where(self._keeps, last, self.rest)
        return stopped

    def _passes(self, action: Vector, last: Vector) -> bool:
        """True where nothing has to change; plain floats are faster than arrays of this size."""
        if action.shape != last.shape or self._any_discrete or self._braked.size:
            return False
        for want, was, (low, high, step) in zip(
            action.tolist(), last.tolist(), self._bounds, strict=True
        ):
            if not (low <= want <= high and -step <= want - was <= step):
                return False
        return True

    def _moved(self, last: Vector, step: Vector, target: Vector) -> Vector:
        """Go `step` on, within max_rate; the very number of `target` where that is reached."""
        reached = (step == target - last) & (np.abs(step) <= self._loose)
        gone = last + np.minimum(np.maximum(step, -self._step), self._step)
        low, high = np.minimum(self._low, last), np.maximum(self._high, last)
        moved: Vector = np.minimum(np.maximum(gone, low), high)
        moved[reached] = target[reached]
        return moved

    def _brake(self, step: Vector, last: Vector, before: Vector | None) -> Vector:
        """Shorten `step` so that the axis can come to rest at its end, and gains speed slowly.

        An axis that slows by a (units/tick^2) from n*a, n = m + f, covers (m + 1)(m + 2f)/2 * a
        until it rests; solved here for n.
        """
        at, accel = self._braked, self._accel
        wanted = step[at]
        distance = np.abs(wanted) / accel
        m = np.floor((np.sqrt(1 + 8 * distance) - 1) / 2)
        fastest = accel * (m + (2 * distance / (m + 1) - m) / 2)
        wanted = np.where(m == 0, wanted, np.copysign(fastest, wanted))
        now = np.zeros_like(accel) if before is None else (last - before)[at]
        braked: Vector = step.copy()
        braked[at] = np.minimum(np.maximum(wanted, now - accel), now + accel)
        return braked

    def _slow(self, last: Vector, before: Vector | None) -> Vector:
        """Return the (A,) step of a robot that loses speed at max_accel; 0 without such a
        bound."""
        slowed: Vector = np.zeros_like(last)
        if before is not None:
            now = (last - before)[self._braked]
            slowed[self._braked] = np.copysign(np.maximum(np.abs(now) - self._accel, 0), now)
        return slowed

    def _named(self, out: Vector, action: Vector) -> Bounded:
        changed = out != action
        if not changed.any():
            return Bounded(out)
        return Bounded(out, tuple(self.names[i] for i in np.flatnonzero(changed)))


def _rest(axis: Axis) -> float:
    if axis.kind in (AxisKind.VELOCITY, AxisKind.DELTA):
        return 0.0
    idle = min(max(axis.idle, axis.low), axis.high)
    return float(round(idle)) if axis.kind is AxisKind.DISCRETE else idle
