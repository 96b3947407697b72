"""How much an ensemble disagrees, in units that compare across axes.

A normalised action unit is half the axis' range low..high. The variance of a discrete axis is
that of a probability already (`il_policy.runtime`) and stays as it is. The distance of two actions
is `il_core.distance`; `apart` is that of policy and human at one tick.
"""

from __future__ import annotations

import numpy as np

from il_core.distance import Distance
from il_core.spec import Spec
from il_core.types import AxisKind, Vector
from il_gating.api import GateInputs


class Measure:
    """Variances of one spec's actions."""

    def __init__(self, spec: Spec) -> None:
        discrete = np.array([a.kind is AxisKind.DISCRETE for a in spec.axes])
        self._squared = np.where(discrete, 1.0, 2.0 / (spec.high - spec.low)) ** 2

    def doubt(self, variance: Vector) -> Vector:
        """Return (...) the l2 norm of (..., A) variances over axes."""
        scaled = variance * self._squared
        norm: Vector = np.sqrt(np.add.reduce(scaled * scaled, -1))
        return norm

    def novelty(self, variance: Vector) -> Vector:
        """Return (...) the mean of (..., A) variances over axes."""
        mean: Vector = np.asarray(variance @ self._squared / self._squared.size)
        return mean


def apart(distance: Distance, inputs: GateInputs) -> float:
    """Return how far policy and human are apart; NaN where one of them has no action, or the
    human let go of the dead-man."""
    expert, mean = inputs.expert, inputs.proposal.mean
    if mean is None or expert is None or not expert.engaged or expert.action is None:
        return float('nan')
    return distance(mean, expert.action)
