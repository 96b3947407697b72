"""Classifier and thresholds of gates `safe_dagger` and `lazy_dagger`."""

from __future__ import annotations

import numpy as np

from il_core.distance import Distance
from il_core.types import Vector
from il_gating.fit import predicted
from il_gating.gate_file import Fit
from il_gating.gates.safe_dagger import UNSAFE
from il_gating.scorer import CLASSIFIER
from il_gating.thresholds import exceeded_by
from il_loop.gate_fit import FitInputs, Fitting
from il_policy.classifier import ClassifierConfig, train_classifier

ALPHA = 0.2  # share of the first round's labels that tau calls unsafe
STRICTER = 0.25  # tau_auto over tau, both of squared distances


def fit(inputs: FitInputs) -> Fitting:
    """Label every state that the human labelled as safe or not, and train the classifier on it.

    tau is the quantile of the first round with either gate for good. As in LazyDAgger's code the
    states are those that the policy was trained on, too: what it learned well looks safe. They are
    of all rounds (in that code of the demonstrations alone).
    """
    alpha = ALPHA if inputs.alpha is None else inputs.alpha
    columns = inputs.columns
    wanted = predicted(inputs.runtime, columns.observations).mean
    apart = Distance(inputs.spec.axes).rows(wanted, columns.actions)
    tau = inputs.settled('tau', lambda: _tau(apart, alpha))
    policy = inputs.policy
    graph = train_classifier(
        columns.observations,
        apart > tau,
        policy.net,
        inputs.weights,
        policy.normalization,
        ClassifierConfig(),
        seed=inputs.seed,
    )
    thresholds = {'unsafe': UNSAFE, 'tau': tau, 'agreement': float(np.sqrt(STRICTER)) * tau}
    made = Fit(thresholds, alpha, len(columns))
    both = {'safe_dagger': made, 'lazy_dagger': made}
    return Fitting(both, 'labels', {CLASSIFIER: graph})


def _tau(apart: Vector, alpha: float) -> float:
    """Return the distance that a share of the (N,) exceed. Where so many are as far apart as can
    be (a discrete axis) that none exceeds it, those are unsafe."""
    tau = exceeded_by(apart, alpha)
    nearer = apart[apart < tau]
    return tau if alpha == 0 or (apart > tau).any() or not len(nearer) else float(nearer.max())
