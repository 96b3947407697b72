"""How far two actions are apart, in the one unit that gates and operators share."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from il_core.spec import Axis
from il_core.types import AxisKind, Vector


class Distance:
    """Weighted root mean square of normalised differences: 0 where equal, 1 where every axis is
    half its range apart (hence 2 from end to end).

    A discrete axis has no order: it counts 0 where equal and 2 (end to end) where not.

    Args:
        axes: give ranges, weights and kinds. Axes of weight 0 count nothing.
    """

    def __init__(self, axes: Sequence[Axis]) -> None:
        weights = np.array([axis.weight for axis in axes])
        total = weights.sum()
        self._weights = weights / total if total else weights
        self._half = np.array([(axis.high - axis.low) / 2 for axis in axes])
        self._discrete = np.array([axis.kind is AxisKind.DISCRETE for axis in axes])
        self._any_discrete = bool(self._discrete.any())

    def __call__(self, a: Vector, b: Vector) -> float:
        """Return the distance of two actions, each (A,)."""
        apart = (a - b) / self._half
        if self._any_discrete:
            apart[self._discrete] = 2.0 * (apart[self._discrete] != 0)
        return math.sqrt(self._weights.dot(apart * apart))

    def rows(self, a: Vector, b: Vector) -> Vector:
        """Return the distances (N,) of actions (N, A), row by row: the bits of one at a time."""
        return np.array([self(x, y) for x, y in zip(a, b, strict=True)])

    def root_mean_square(self, a: Vector, b: Vector) -> float:
        """Return that of the distances of actions (N, A)."""
        return float(np.sqrt(np.mean([apart**2 for apart in self.rows(a, b).tolist()])))
