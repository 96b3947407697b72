"""Thresholds of gate `ensemble_dagger`: how far from the human and how unsure a policy may be."""

from __future__ import annotations

from il_core.distance import Distance
from il_gating.fit import predicted
from il_gating.gate_file import Fit
from il_gating.measure import Measure
from il_gating.thresholds import exceeded_by
from il_loop.gate_fit import FitInputs, Fitting

ALPHA = 0.2  # share of labels that each rule alone gives to the human


def fit(inputs: FitInputs) -> Fitting:
    """Take both quantiles over labels that the policy did not learn.

    tau stays what the first round made it, as SafeDAgger's; chi is of the policy at hand. The
    paper gives no numbers for either and sweeps both.
    """
    alpha = ALPHA if inputs.alpha is None else inputs.alpha
    rows = inputs.judged_rows
    output = predicted(inputs.runtime, inputs.columns.observations[rows])
    apart = Distance(inputs.spec.axes).rows(output.mean, inputs.columns.actions[rows])
    thresholds = {
        'discrepancy': inputs.settled('discrepancy', lambda: exceeded_by(apart, alpha)),
        'doubt': exceeded_by(Measure(inputs.spec).doubt(output.variance), alpha),
    }
    return Fitting({inputs.gate: Fit(thresholds, alpha, len(rows))}, 'held-out labels')
