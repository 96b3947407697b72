"""HG-DAgger: the human is the gate. Kelly et al., ICRA 2019."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from il_core.spec import Spec
from il_core.types import Cause, Decision, Mode, Owner
from il_gating.api import GateInputs
from il_gating.gate_file import find_fit
from il_gating.measure import Measure
from il_gating.params import no_params


class HgDagger:
    """The human has the robot from engaging the dead-man (or the take-over button) until letting
    go of it (or the release button).

    A human who released by button while the dead-man was still held has to let go of it once
    before engaging takes over again. Records the policy's doubt, the l2 norm of the vector of
    per-axis variances of the ensemble; in normalised action units, so that axes compare, where the
    paper has the action's own. Its threshold tau, where interventions were there to fit it to, is
    an estimate of where the policy may be trusted, and decides nothing.
    """

    name = 'hg_dagger'
    needs_expert_action = False
    autonomous_start = True

    def __init__(self, spec: Spec, thresholds: Mapping[str, float] | None = None) -> None:
        self._measure, self._thresholds = Measure(spec), thresholds or {}
        # `_had`: he who holds the dead-man now had the robot by it, `_spent`: and gave it back.
        self._had, self._spent = False, False

    @classmethod
    def build(cls, spec: Spec, checkpoint: Path | None, params: Mapping[str, object]) -> HgDagger:
        no_params(cls.name, params)
        fit = find_fit(spec, checkpoint, cls.name)
        return cls(spec, None if fit is None else fit.thresholds)

    def reset(self, rng: np.random.Generator) -> None:
        self._had, self._spent = False, False

    def decide(self, inputs: GateInputs) -> Decision:
        engaged = inputs.expert is not None and inputs.expert.engaged
        has, drives = inputs.mode is Mode.SUPERVISOR, inputs.mode is Mode.AUTONOMOUS
        released = self._had and drives
        self._spent = engaged and not has and (self._spent or released)
        asks = engaged and not self._spent
        self._had = engaged and (has or (asks if drives else self._had))
        variance = inputs.proposal.variance
        doubt = float('nan') if variance is None else float(self._measure.doubt(variance))
        scores = {'doubt': doubt}
        if asks:
            return Decision(Owner.HUMAN, Cause.HUMAN_REQUEST, scores, self._thresholds)
        cause = Cause.HUMAN_RELEASE if has else Cause.NONE
        return Decision(Owner.POLICY, cause, scores, self._thresholds)
