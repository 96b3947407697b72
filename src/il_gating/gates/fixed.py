"""Gates that always say the same: the policy alone, or the human alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from il_core.spec import Spec
from il_core.types import Cause, Decision, Owner
from il_gating.api import GateInputs
from il_gating.params import no_params


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


class ExpertOnly:
    """The human acts, from the first step on. Demonstrations."""

    name = 'expert_only'
    needs_expert_action = False
    autonomous_start = False
    _decision = Decision(Owner.HUMAN, Cause.EXPERT_ONLY)

    @classmethod
    def build(
        cls, spec: Spec, checkpoint: Path | None, params: Mapping[str, object]
    ) -> ExpertOnly:
        no_params(cls.name, params)
        return cls()

    def reset(self, rng: np.random.Generator) -> None:
        """Nothing to forget."""

    def decide(self, inputs: GateInputs) -> Decision:
        return self._decision
