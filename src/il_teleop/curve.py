"""How far a stick is pushed and how much that means: dead zone, expo and scale, and their exact
inverse."""

from __future__ import annotations

import math
from dataclasses import dataclass

from il_core.errors import UserError


@dataclass(frozen=True, slots=True)
class Curve:
    """An odd, monotone map of stick deflection [-1, 1] to effect [-scale, scale].

    Outside the dead zone the deflection is stretched to 0..1 (so that nothing jumps at its edge)
    and shaped by `(1 - expo) * x + expo * x**3`: expo makes the middle finer and keeps the ends.

    Args:
        dead_zone: deflection that counts as none, 0 <= dead_zone < 1.
        expo: share of the cubic, 0 (linear) to 1.
        scale: effect of the full deflection, 0 < scale <= 1.

    Raises:
        UserError: a number is out of its range.
    """

    dead_zone: float = 0.0
    expo: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.dead_zone < 1:
            raise UserError('dead_zone', self.dead_zone, 'must be at least 0 and below 1')
        if not 0 <= self.expo <= 1:
            raise UserError('expo', self.expo, 'must be within 0..1')
        if not 0 < self.scale <= 1:
            raise UserError('scale', self.scale, 'must be above 0 and at most 1')

    def effect(self, deflection: float) -> float:
        """Return the effect of a deflection; what lies beyond [-1, 1] counts as the end."""
        x = abs(deflection)
        if x <= self.dead_zone:
            return 0.0
        x = 1.0 if x > 1.0 else x
        x = (x - self.dead_zone) / (1 - self.dead_zone)
        y = x if not self.expo else (1 - self.expo) * x + self.expo * x**3
        return y * self.scale if deflection > 0 else -y * self.scale

    def deflection(self, effect: float) -> float:
        """Return the deflection with this effect; an effect out of reach gives the end."""
        y = abs(effect) / self.scale
        if y == 0:
            return 0.0
        y = 1.0 if y > 1.0 else y
        x = y if not self.expo else self._root(y)
        x = self.dead_zone + (1 - self.dead_zone) * x
        return x if effect > 0 else -x

    def _root(self, y: float) -> float:
        """Solve expo * x^3 + (1 - expo) * x = y for its one real root, 0..1 (hyperbolic
        Cardano: no cancellation at either end)."""
        p = (1 - self.expo) / self.expo
        r = y / self.expo
        if p < 1e-12:
            return min(math.pow(r, 1 / 3), 1.0)
        inner = 1.5 * r / p * math.sqrt(3 / p)
        return min(2 * math.sqrt(p / 3) * math.sinh(math.asinh(inner) / 3), 1.0)
