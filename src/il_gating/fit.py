"""Fitting gates to a policy: thresholds from states that the policy did not learn. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from il_core.distance import Distance
from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import Vector
from il_gating.gate_file import Fit
from il_gating.measure import Measure
from il_gating.thresholds import exceeded_by
from il_policy.runtime import Output, Runtime

# States per call of the runtime: bounds memory.
BATCH = 2048


def predicted(runtime: Runtime, observations: Vector) -> Output:
    """Return what the policy makes of (N, F) states."""
    starts = range(0, len(observations), BATCH)
    return joined([runtime.predict(observations[i : i + BATCH]) for i in starts])


def joined(outputs: Sequence[Output]) -> Output:
    """Return the outputs for several lots of states as one."""
    return Output(
        np.concatenate([o.mean for o in outputs]),
        np.concatenate([o.variance for o in outputs]),
        np.concatenate([o.members for o in outputs], axis=1),
    )


def fit_novelty(
    spec: Spec,
    output: Output,
    actions: Vector,
    *,
    alpha: float = 0.05,
    hand_back_share: float = 0.5,
    own: Output | None = None,
) -> Fit:
    """Fit the thresholds of gate `novelty`, without the risk part of ThriftyDAgger.

    Args:
        spec: of robot and task.
        output: of the policy on N states that it did not learn.
        actions: (N, A) the expert's in those states.
        alpha: share of states on which the gate may ask for help.
        hand_back_share: share of states too novel to hand back in; 0.5 is the median.
        own: of the policy on states that it reached itself, by which novelty is then judged;
            None: by `output`.

    Returns:
        thresholds `novelty` (to human), `hand_back` and `discrepancy` (to robot). The last is the
        root of the mean squared distance of policy and expert (`il_core.distance`), where the
        paper compares squares; of states that were not learned and of the policy at hand, where
        the paper's is of learned ones and stays (as that of `thrifty_dagger` here).

    Raises:
        UserError: no states, wrong sizes, or a share outside 0..1.
    """
    wanted = (len(output.mean), len(spec.axes))
    if actions.shape != wanted or not len(actions):
        raise UserError('actions', actions.shape, f'must be {wanted}, more than none')
    variance = (output if own is None else own).variance
    novelty = Measure(spec).novelty(variance)
    thresholds = {
        'novelty': exceeded_by(novelty, alpha),
        'hand_back': exceeded_by(novelty, max(hand_back_share, alpha)),
        'discrepancy': Distance(spec.axes).root_mean_square(output.mean, actions),
    }
    return Fit(thresholds, alpha, len(variance))
