"""Gaussian noise on what the human's actions do, so that recoveries are recorded; labels stay
clean. DART (Laskey et al., CoRL 2017) and LazyDAgger."""

from __future__ import annotations

import dataclasses

import numpy as np

from il_core.errors import UserError
from il_core.noise import deviations
from il_core.spec import Spec
from il_core.types import Decision, Owner, Vector


def check_noise(noise: float) -> None:
    """Raise UserError where this is no standard deviation."""
    if not 0 <= noise < float('inf'):
        raise UserError('noise', noise, 'must be 0 or above')


class Noise:
    """Noise of one gate.

    Args:
        spec, deviation: how strong, see `il_core.noise`.
    """

    def __init__(self, spec: Spec, deviation: float) -> None:
        self._scale = deviations(spec, deviation)
        self._rng, self._any = np.random.default_rng(0), deviation > 0

    def reset(self, rng: np.random.Generator) -> None:
        """Begin an episode."""
        self._rng = rng

    def on(self, decision: Decision) -> Decision:
        """Return the decision with noise, where the human is to act."""
        if not self._any or decision.owner is not Owner.HUMAN:
            return decision
        noise: Vector = self._rng.standard_normal(self._scale.shape) * self._scale
        return dataclasses.replace(decision, noise=noise)
