"""Novelty: ask the human where the ensemble disagrees more than on the states it was fitted on.

The novelty part of ThriftyDAgger (Hoque et al., CoRL 2021): the variance
of the ensemble, averaged over axes in normalised action units, against a quantile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from il_core.distance import Distance
from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import Cause, Decision, Mode, Owner
from il_gating.api import GateInputs
from il_gating.gate_file import load_fit
from il_gating.measure import Measure, apart
from il_gating.params import check_limits, gate_params

NAN = float('nan')


@dataclass(frozen=True)
class NoveltyParams:
    """Thresholds to use instead of the fitted ones."""

    novelty: float | None = None
    hand_back: float | None = None
    discrepancy: float | None = None

    def __post_init__(self) -> None:
        check_limits(vars(self))


class Novelty:
    """To the human above the threshold `novelty`. Back to the policy at or below `hand_back` and,
    while the human acts, where the policy wants much the same (`discrepancy`).

    Without a human action at the tick (dead-man released) novelty alone decides; the paper always
    has one. A policy without spread is novel everywhere: what is not known is not safe.
    """

    name = 'novelty'
    needs_expert_action = False
    autonomous_start = True

    def __init__(self, spec: Spec, novelty: float, hand_back: float, discrepancy: float) -> None:
        if not hand_back <= novelty:
            raise UserError('hand_back', hand_back, f'must not be above novelty ({novelty:g})')
        self._measure, self._distance = Measure(spec), Distance(spec.axes)
        self._asks = {'novelty': novelty}
        self._returns = {'novelty': hand_back, 'discrepancy': discrepancy}

    @classmethod
    def build(cls, spec: Spec, checkpoint: Path | None, params: Mapping[str, object]) -> Novelty:
        """Build from the fit in the checkpoint, or from parameters that name every threshold.

        Raises:
            UserError: unknown parameter; no fit, or one of another policy.
        """
        given = gate_params(NoveltyParams, cls.name, params)
        chosen = {k: v for k, v in vars(given).items() if v is not None}
        if fitted := [k for k in vars(given) if k not in chosen]:
            chosen = {**load_fit(spec, checkpoint, cls.name, fitted).thresholds, **chosen}
        return cls(spec, chosen['novelty'], chosen['hand_back'], chosen['discrepancy'])

    def reset(self, rng: np.random.Generator) -> None:
        """Nothing to forget."""

    def decide(self, inputs: GateInputs) -> Decision:
        variance = inputs.proposal.variance
        novelty = NAN if variance is None else float(self._measure.novelty(variance))
        if inputs.mode is Mode.SUPERVISOR:
            return self._while_human(inputs, novelty)
        scores = {'novelty': novelty, 'discrepancy': NAN}
        if novelty <= self._asks['novelty']:
            return Decision(Owner.POLICY, Cause.NONE, scores, self._asks)
        return Decision(Owner.HUMAN, Cause.NOVELTY, scores, self._asks)

    def _while_human(self, inputs: GateInputs, novelty: float) -> Decision:
        distance = apart(self._distance, inputs)
        scores = {'novelty': novelty, 'discrepancy': distance}
        if not novelty <= self._returns['novelty']:
            return Decision(Owner.HUMAN, Cause.NOVELTY, scores, self._returns)
        if distance > self._returns['discrepancy']:
            return Decision(Owner.HUMAN, Cause.DISCREPANCY, scores, self._returns)
        return Decision(Owner.POLICY, Cause.NONE, scores, self._returns)
