"""ThriftyDAgger: ask where a state is new or failure is likely, within a budget.

Hoque et al., CoRL 2021. To the human where novelty > delta_h or risk > beta_h; back to the robot
where the squared discrepancy < delta_r and risk < beta_r. Novelty is the ensemble's variance
averaged over axes (normalised units), risk 1 - min(Q1, Q2) of the policy's own action. After every
episode delta_h and beta_h become (1 - alpha) quantiles, beta_r the median, of what was seen while
the robot acted since the checkpoint was put in place; delta_r stays.

What differs: until enough was seen, the thresholds are quantiles over the states that the fit
looked at (the authors start with fixed numbers, and keep those of the round before). At the tick
of a hand-back the policy acts already (there, the expert once more). A discrepancy of just delta_r
is agreement (both are 0 for a discrete axis that was learned well). Where the human lets go of the
dead-man there is none; novelty within its threshold stands in for it, if it is a signal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from il_core.distance import Distance
from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import Cause, Decision, Mode, Owner, Vector
from il_gating.api import GateInputs
from il_gating.calibrate import CALIBRATIONS, calibrate
from il_gating.gate_file import fitted_file, load_fit
from il_gating.measure import Measure, apart
from il_gating.params import gate_params
from il_gating.scorer import CRITIC, Scorer

SIGNALS: Mapping[str, tuple[str, ...]] = {
    'both': ('novelty', 'risk'),
    'novelty': ('novelty',),
    'risk': ('risk',),
}
CAUSES = {'novelty': Cause.NOVELTY, 'risk': Cause.RISK}
# The quantiles of ticks on which the robot acted replace those of the fit where there are more
# than so many: as in the authors' code, `len(estimates) > 25`.
ENOUGH = 25
KEPT = 20_000  # newest of them
NAN = float('nan')


@dataclass(frozen=True)
class ThriftyParams:
    """`alpha` (None: of the fit) and `calibration`: see `il_gating.calibrate`. `signals`: which
    scores ask (`novelty` is the ablation without risk, `risk` the one without novelty).
    `online`: calibrate again after every episode."""

    alpha: float | None = None
    calibration: str = 'paper'
    signals: str = 'both'
    online: bool = True

    def __post_init__(self) -> None:
        if self.signals not in SIGNALS:
            raise UserError('signals', self.signals, 'not known', SIGNALS)
        if self.calibration not in CALIBRATIONS:
            raise UserError('calibration', self.calibration, 'not known', CALIBRATIONS)
        if self.alpha is not None and not 0 <= self.alpha <= 1:
            raise UserError('alpha', self.alpha, 'must be 0 to 1')


class ThriftyDagger:
    """Asks by novelty and risk.

    Args:
        spec: of robot and task.
        critic: how likely the policy reaches the goal, of (observation, action); risk is 1 - it.
        scores: (N, 2) novelty and risk of the states that the fit looked at.
        discrepancy: distance (`il_core.distance`) up to which policy and human agree.
        alpha: where the parameters say nothing.
        params: how to calibrate.
    """

    name = 'thrifty_dagger'
    needs_expert_action = False
    autonomous_start = True

    def __init__(
        self,
        spec: Spec,
        critic: Scorer,
        scores: Vector,
        discrepancy: float,
        alpha: float,
        params: ThriftyParams,
    ) -> None:
        self._measure, self._distance = Measure(spec), Distance(spec.axes)
        self._critic, self._params = critic, params
        self._signals = SIGNALS[params.signals]
        self._alpha = alpha if params.alpha is None else params.alpha
        self._seen: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self._discrepancy, self._fitted = discrepancy, scores
        self._calibrate(scores)

    @classmethod
    def build(
        cls, spec: Spec, checkpoint: Path | None, params: Mapping[str, object]
    ) -> ThriftyDagger:
        """Build from the fit in the checkpoint.

        Raises:
            UserError: unknown parameter or value; no fit, or one of another policy.
        """
        given = gate_params(ThriftyParams, cls.name, params)
        fit = load_fit(spec, checkpoint, cls.name, ['discrepancy'], CAUSES)
        critic = Scorer(fitted_file(spec, checkpoint, CRITIC))
        scores = np.stack([fit.scores[name] for name in CAUSES], axis=1)
        return cls(spec, critic, scores, fit.thresholds['discrepancy'], fit.alpha, given)

    def reset(self, rng: np.random.Generator) -> None:
        if self._params.online and len(self._seen) > ENOUGH:
            self._calibrate(np.array(self._seen))

    def set_budget(self, alpha: float) -> None:
        """Ask on this share from now on, by what was seen so far."""
        self._alpha = alpha
        enough = self._params.online and len(self._seen) > ENOUGH
        self._calibrate(np.array(self._seen) if enough else self._fitted)

    def decide(self, inputs: GateInputs) -> Decision:
        novelty, risk = self._scores(inputs)
        if inputs.mode is Mode.SUPERVISOR:
            return self._while_human(inputs, novelty, risk)
        if inputs.mode is Mode.AUTONOMOUS and np.isfinite(novelty) and np.isfinite(risk):
            self._seen.append((novelty, risk))
        scores = {'novelty': novelty, 'risk': risk, 'discrepancy': NAN}
        for name in self._signals:
            if not scores[name] <= self._asks[name]:
                return Decision(Owner.HUMAN, CAUSES[name], scores, self._asks)
        return Decision(Owner.POLICY, Cause.NONE, scores, self._asks)

    def _while_human(self, inputs: GateInputs, novelty: float, risk: float) -> Decision:
        distance = apart(self._distance, inputs)
        scores = {'novelty': novelty, 'risk': risk, 'discrepancy': distance}
        if 'risk' in self._signals and not risk <= self._returns['risk']:
            return Decision(Owner.HUMAN, Cause.RISK, scores, self._returns)
        if distance > self._returns['discrepancy']:
            return Decision(Owner.HUMAN, Cause.DISCREPANCY, scores, self._returns)
        stands_in = distance != distance and 'novelty' in self._asks
        if stands_in and not novelty <= self._asks['novelty']:
            return Decision(Owner.HUMAN, Cause.NOVELTY, scores, self._returns)
        return Decision(Owner.POLICY, Cause.NONE, scores, self._returns)

    def _scores(self, inputs: GateInputs) -> tuple[float, float]:
        """Return novelty and risk; NaN (not known) where the policy gives nothing to judge."""
        proposal = inputs.proposal
        if proposal.mean is None:
            return NAN, NAN
        risk = 1.0 - self._critic(proposal.frame.vector, proposal.mean)
        if proposal.variance is None:
            return NAN, risk
        return float(self._measure.novelty(proposal.variance)), risk

    def _calibrate(self, scores: Vector) -> None:
        """Take thresholds from (N, 2) novelty and risk."""
        used = scores[:, [list(CAUSES).index(name) for name in self._signals]]
        limits = calibrate(used, self._alpha, self._params.calibration).tolist()
        self._asks = dict(zip(self._signals, limits, strict=True))
        self._returns = {'discrepancy': self._discrepancy}
        if 'risk' in self._signals:
            middle = float(np.median(scores[:, 1]))
            self._returns['risk'] = min(middle, self._asks['risk'])
