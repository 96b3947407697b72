"""DAgger: a coin decides at every step who acts; the human labels every state, whoever acted.

Ross, Gordon, Bagnell, AISTATS 2011: in iteration i the human acts with probability beta_i.
beta_1 is 1 (demonstrations); afterwards 0 (`indicator`, which the paper recommends), p^(i-1)
(`exponential`) or a straight line to 0 (`linear`, as in `imitation`). Which policy to keep is the
caller's to say: the paper keeps the best on validation. No coin is thrown while nobody acts, so
that steps do not depend on how long a robot stood still.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import Cause, Decision, Mode, Owner
from il_gating.api import GateInputs
from il_gating.gate_file import NoCheckpoint, find_fit
from il_gating.params import gate_params

ACTING = (Mode.AUTONOMOUS, Mode.SUPERVISOR)
NAN = float('nan')
ITERATION = 'iteration'  # in gate.json


@dataclass(frozen=True)
class DaggerParams:
    """`iteration`: i of the paper; 1 are the demonstrations, so 2 is the first with a policy.
    None: that of the checkpoint, which a round with this gate counts; `indicator` takes it for 2
    where that says nothing (later ones are like it). `p`: of `exponential`, 0.5 by default.
    `iterations`: after so many, 15 by default, `linear` has come to 0. `beta` (None: by the
    schedule): share of steps on which the human acts."""

    schedule: str = 'indicator'
    iteration: int | None = None
    p: float | None = None
    iterations: int | None = None
    beta: float | None = None

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise UserError('schedule', self.schedule, 'not known', SCHEDULES)
        for name in ('iteration', 'iterations'):
            if (value := getattr(self, name)) is not None and value < 1:
                raise UserError(name, value, 'must be at least 1')
        for name in ('p', 'beta'):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise UserError(name, value, 'must be 0 to 1')
        for schedule, name in PARAMETERS.items():
            if (value := getattr(self, name)) is not None and schedule != self.schedule:
                rule = f'is of schedule {schedule}, and this is {self.schedule}'
                raise UserError(name, value, rule)

    @property
    def settled(self) -> bool:
        """Whether beta follows from these alone."""
        return self.beta is not None or self.iteration is not None

    @property
    def share(self) -> float:
        """beta_i."""
        if self.beta is not None:
            return self.beta
        return SCHEDULES[self.schedule](self, (self.iteration or 2) - 1)


# name -> beta, from the number of policies that there were before.
SCHEDULES: Mapping[str, Callable[[DaggerParams, int], float]] = {
    'indicator': lambda params, before: float(before == 0),
    'exponential': lambda params, before: (0.5 if params.p is None else params.p) ** before,
    'linear': lambda params, before: max(1 - before / (params.iterations or 15), 0.0),
}
# Of one schedule each: to the others they would do nothing.
PARAMETERS: Mapping[str, str] = {'exponential': 'p', 'linear': 'iterations'}


class Dagger:
    """Throws a coin. Meant for hand-over `instant`: with `request` every change makes the robot
    wait."""

    name = 'dagger'
    needs_expert_action = True
    autonomous_start = True

    def __init__(self, beta: float) -> None:
        self._limits = {'chance': 1.0 - beta}
        self._rng = np.random.default_rng(0)

    @classmethod
    def build(cls, spec: Spec, checkpoint: Path | None, params: Mapping[str, object]) -> Dagger:
        """Build for the checkpoint's iteration, where no other is given.

        Raises:
            UserError: a parameter that is not known; a schedule that needs an iteration, and
                neither parameters nor the checkpoint say which.
        """
        read = gate_params(DaggerParams, cls.name, params)
        if read.settled:
            return cls(read.share)
        fit = find_fit(spec, checkpoint, cls.name, [ITERATION])
        if fit is not None:
            read = replace(read, iteration=round(fit.thresholds[ITERATION]))
        elif read.schedule != 'indicator':
            kind = NoCheckpoint if checkpoint is None else UserError
            rule = (
                f'must be given for schedule {read.schedule} (2 for the first with a policy), or '
                'be that of a checkpoint of `il round --gate dagger`'
            )
            raise kind(ITERATION, None, rule)
        return cls(read.share)

    def reset(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def decide(self, inputs: GateInputs) -> Decision:
        chance = self._rng.random() if inputs.mode in ACTING else NAN
        scores = {'chance': chance}
        if chance >= self._limits['chance']:
            return Decision(Owner.HUMAN, Cause.CHANCE, scores, self._limits)
        return Decision(Owner.POLICY, Cause.NONE, scores, self._limits)
