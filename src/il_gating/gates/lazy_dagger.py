"""LazyDAgger: SafeDAgger with hysteresis, and noise on what the human's actions do.

Hoque et al., CASE 2021. The classifier asks; the human keeps the robot until the true distance of
policy and human is within a stricter threshold (tau_auto = tau / 4 in squared units). While the
human has the robot, Gaussian noise is added to what is sent, never to what is learned (as DART).
With hysteresis and noise off this is SafeDAgger, step for step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from il_core.distance import Distance
from il_core.spec import Spec
from il_core.types import Cause, Decision, Mode, Owner
from il_gating.api import GateInputs
from il_gating.gate_file import fitted_file, load_fit
from il_gating.gates.safe_dagger import SafeDagger
from il_gating.measure import apart
from il_gating.noise import Noise, check_noise
from il_gating.params import gate_params
from il_gating.scorer import CLASSIFIER, Scorer


@dataclass(frozen=True)
class LazyParams:
    """`hysteresis`: hand back by the true distance. `noise`: standard deviation in normalised
    units (1 is half an axis' range), not on latched and discrete axes."""

    hysteresis: bool = True
    noise: float = 0.05

    def __post_init__(self) -> None:
        check_noise(self.noise)


class LazyDagger(SafeDagger):
    """Asks seldom, and for longer.

    Where the human let go of the dead-man the distance is not known, and the classifier decides.

    Args:
        classifier: of unsafe states.
        spec: of robot and task.
        agreement: distance (`il_core.distance`) up to which the policy gets the robot back.
        params: hysteresis and noise.
    """

    name = 'lazy_dagger'

    def __init__(
        self, classifier: Scorer, spec: Spec, agreement: float, params: LazyParams
    ) -> None:
        super().__init__(classifier)
        self._distance, self._params = Distance(spec.axes), params
        self._agreement = {'discrepancy': agreement}
        self._noise = Noise(spec, params.noise)

    @classmethod
    def build(
        cls, spec: Spec, checkpoint: Path | None, params: Mapping[str, object]
    ) -> LazyDagger:
        given = gate_params(LazyParams, cls.name, params)
        fit = load_fit(spec, checkpoint, cls.name, ['agreement'])
        classifier = Scorer(fitted_file(spec, checkpoint, CLASSIFIER))
        return cls(classifier, spec, fit.thresholds['agreement'], given)

    def reset(self, rng: np.random.Generator) -> None:
        self._noise.reset(rng)

    def decide(self, inputs: GateInputs) -> Decision:
        unsafe = self._unsafe(inputs)
        if inputs.mode is not Mode.SUPERVISOR:
            return self._judge(unsafe, {'discrepancy': float('nan')})
        distance = apart(self._distance, inputs)
        others = {'discrepancy': distance}
        if not self._params.hysteresis or distance != distance:
            return self._noise.on(self._judge(unsafe, others))
        scores = {'unsafe': unsafe, **others}
        if distance <= self._agreement['discrepancy']:
            return Decision(Owner.POLICY, Cause.NONE, scores, self._agreement)
        return self._noise.on(Decision(Owner.HUMAN, Cause.DISCREPANCY, scores, self._agreement))
