"""SafeDAgger: ask where a classifier expects the policy to be far from the expert.

Zhang and Cho, AAAI 2017. The label of a state is unsafe where the squared distance of policy and
expert exceeds tau; here tau is a quantile over the demonstrations, so that a given share of them
is unsafe (`alpha` of the fit), and stays what the first round made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from il_core.spec import Spec
from il_core.types import Cause, Decision, Owner
from il_gating.api import GateInputs
from il_gating.gate_file import fitted_file, load_fit
from il_gating.params import no_params
from il_gating.scorer import CLASSIFIER, Scorer

UNSAFE = 0.5  # probability from which on a state counts as unsafe


class SafeDagger:
    """The human acts while the classifier says unsafe, the policy while it says safe."""

    name = 'safe_dagger'
    needs_expert_action = False
    autonomous_start = True
    _limits: Mapping[str, float] = {'unsafe': UNSAFE}

    def __init__(self, classifier: Scorer) -> None:
        self._classifier = classifier

    @classmethod
    def build(
        cls, spec: Spec, checkpoint: Path | None, params: Mapping[str, object]
    ) -> SafeDagger:
        """Build from the fit in the checkpoint. Raises UserError where there is none."""
        no_params(cls.name, params)
        load_fit(spec, checkpoint, cls.name)
        return cls(Scorer(fitted_file(spec, checkpoint, CLASSIFIER)))

    def reset(self, rng: np.random.Generator) -> None:
        """Nothing to forget."""

    def decide(self, inputs: GateInputs) -> Decision:
        return self._judge(self._unsafe(inputs), {'discrepancy': float('nan')})

    def _unsafe(self, inputs: GateInputs) -> float:
        if inputs.proposal.mean is None:
            return float('nan')
        return self._classifier(inputs.proposal.frame.vector)

    def _judge(self, unsafe: float, others: Mapping[str, float]) -> Decision:
        """Decide by the classifier alone; what is not known is not safe."""
        scores = {'unsafe': unsafe, **others}
        if unsafe <= UNSAFE:
            return Decision(Owner.POLICY, Cause.NONE, scores, self._limits)
        return Decision(Owner.HUMAN, Cause.PREDICTED_ERROR, scores, self._limits)
