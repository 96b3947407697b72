"""EnsembleDAgger: the policy acts where it does what the human would do *and* is sure of it.

Menda, Driggs-Campbell, Kochenderfer, IROS 2019: the novice acts iff its distance from the expert
is at most tau (discrepancy) and the ensemble's variance at most chi (doubt). Every visited state
is labelled. Without doubt this is SafeDAgger*, with the expert in place of a classifier.

What differs: the distance is `il_core.distance`, not the norm of the difference; doubt is the l2
norm of the per-axis variances in normalised units, as of `hg_dagger`; the paper has one axis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from il_core.distance import Distance
from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import Cause, Decision, Owner
from il_gating.api import GateInputs
from il_gating.gate_file import load_fit
from il_gating.measure import Measure, apart
from il_gating.params import check_limits, gate_params

SIGNALS: Mapping[str, tuple[str, ...]] = {
    'both': ('discrepancy', 'doubt'),
    'discrepancy': ('discrepancy',),
    'doubt': ('doubt',),
}
CAUSES = {'discrepancy': Cause.DISCREPANCY, 'doubt': Cause.DOUBT}
NAN = float('nan')


@dataclass(frozen=True)
class EnsembleParams:
    """`discrepancy` (tau) and `doubt` (chi): None takes those of the fit. `signals`: which of the
    two rules hold; a threshold of the other one is refused."""

    discrepancy: float | None = None
    doubt: float | None = None
    signals: str = 'both'

    def __post_init__(self) -> None:
        if self.signals not in SIGNALS:
            raise UserError('signals', self.signals, 'not known', SIGNALS)
        limits = {'discrepancy': self.discrepancy, 'doubt': self.doubt}
        check_limits(limits)
        for name, limit in limits.items():
            if limit is not None and name not in SIGNALS[self.signals]:
                rule = f'does nothing with signals {self.signals}: leave it out, or choose signals'
                raise UserError(name, limit, rule, ('both', name))


class EnsembleDagger:
    """The human acts wherever one of the rules is broken, at every step anew.

    Args:
        spec: of robot and task.
        limits: thresholds of the rules that hold, by score name.
    """

    name = 'ensemble_dagger'
    needs_expert_action = True
    autonomous_start = True

    def __init__(self, spec: Spec, limits: Mapping[str, float]) -> None:
        self._measure, self._distance = Measure(spec), Distance(spec.axes)
        self._limits = limits

    @classmethod
    def build(
        cls, spec: Spec, checkpoint: Path | None, params: Mapping[str, object]
    ) -> EnsembleDagger:
        """Build from the fit in the checkpoint, or from parameters that name every threshold.

        Raises:
            UserError: unknown parameter or value; no fit, or one of another policy.
        """
        given = gate_params(EnsembleParams, cls.name, params)
        wanted = SIGNALS[given.signals]
        chosen = {k: getattr(given, k) for k in wanted if getattr(given, k) is not None}
        if fitted := [k for k in wanted if k not in chosen]:
            chosen = {**load_fit(spec, checkpoint, cls.name, fitted).thresholds, **chosen}
        return cls(spec, {name: chosen[name] for name in wanted})

    def reset(self, rng: np.random.Generator) -> None:
        """Nothing to forget."""

    def decide(self, inputs: GateInputs) -> Decision:
        scores = {'discrepancy': apart(self._distance, inputs), 'doubt': self._doubt(inputs)}
        for name, limit in self._limits.items():
            if not scores[name] <= limit:  # what is not known is not safe
                return Decision(Owner.HUMAN, CAUSES[name], scores, self._limits)
        return Decision(Owner.POLICY, Cause.NONE, scores, self._limits)

    def _doubt(self, inputs: GateInputs) -> float:
        variance = inputs.proposal.variance
        return NAN if variance is None else float(self._measure.doubt(variance))
