"""Ask at random, as often as another gate does: what a gate's choice of moments is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import Cause, Decision, Mode, Owner
from il_gating.api import GateInputs
from il_gating.params import gate_params

NAN = float('nan')


@dataclass(frozen=True)
class RandomParams:
    """`rate`: share of the policy's steps on which it asks. `duration`: so many ticks the human
    keeps the robot."""

    rate: float = 0.01
    duration: int = 20

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise UserError('rate', self.rate, 'must be 0 to 1')
        if self.duration < 1:
            raise UserError('duration', self.duration, 'must be at least 1')


class Random:
    """The baseline that every gate has to beat at the same rate and duration."""

    name = 'random'
    needs_expert_action = False
    autonomous_start = True

    def __init__(self, params: RandomParams) -> None:
        self._duration, self._limits = params.duration, {'chance': 1.0 - params.rate}
        self._rng, self._held = np.random.default_rng(0), 0

    @classmethod
    def build(cls, spec: Spec, checkpoint: Path | None, params: Mapping[str, object]) -> Random:
        """Build from parameters alone. Raises UserError for one that is not known."""
        return cls(gate_params(RandomParams, cls.name, params))

    def reset(self, rng: np.random.Generator) -> None:
        self._rng, self._held = rng, 0

    def decide(self, inputs: GateInputs) -> Decision:
        self._held = self._held + 1 if inputs.mode is Mode.SUPERVISOR else 0
        chance = self._rng.random() if inputs.mode is Mode.AUTONOMOUS else NAN
        asks = chance >= self._limits['chance'] or 0 < self._held < self._duration
        if asks:
            return Decision(Owner.HUMAN, Cause.CHANCE, {'chance': chance}, self._limits)
        return Decision(Owner.POLICY, Cause.NONE, {'chance': chance}, self._limits)
