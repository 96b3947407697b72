"""Gates that always say the same: the policy alone, or the human alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from il_core.spec import Spec
from il_core.types import Cause, Decision, Mode, Owner
from il_gating.api import GateInputs
from il_gating.noise import Noise, check_noise
from il_gating.params import gate_params, no_params


class PolicyOnly:
    """The policy acts; the human may still take over. Evaluation, and a robot at work."""

    name = 'policy_only'
    needs_expert_action = False
    autonomous_start = True
    _decision = Decision(Owner.POLICY)

    @classmethod
    def build(
        cls, spec: Spec, checkpoint: Path | None, params: Mapping[str, object]
    ) -> PolicyOnly:
        no_params(cls.name, params)
        return cls()

    def reset(self, rng: np.random.Generator) -> None:
        """Nothing to forget."""

    def decide(self, inputs: GateInputs) -> Decision:
        return self._decision


@dataclass(frozen=True)
class ExpertParams:
    """`noise`: standard deviation of what is added to the human's actions, normalised units."""

    noise: float = 0.0

    def __post_init__(self) -> None:
        check_noise(self.noise)


class ExpertOnly:
    """The human acts, from the first step on. Demonstrations; with noise, those of DART (its
    fixed form: the deviation is given, not fitted to the policy's error)."""

    name = 'expert_only'
    needs_expert_action = False
    autonomous_start = False
    _decision = Decision(Owner.HUMAN, Cause.EXPERT_ONLY)

    def __init__(self, noise: Noise) -> None:
        self._noise = noise

    @classmethod
    def build(
        cls, spec: Spec, checkpoint: Path | None, params: Mapping[str, object]
    ) -> ExpertOnly:
        given = gate_params(ExpertParams, cls.name, params)
        return cls(Noise(spec, given.noise))

    def reset(self, rng: np.random.Generator) -> None:
        self._noise.reset(rng)

    def decide(self, inputs: GateInputs) -> Decision:
        # No noise before the human has the robot: how long it waits must not matter.
        return self._noise.on(self._decision) if inputs.mode is Mode.SUPERVISOR else self._decision
