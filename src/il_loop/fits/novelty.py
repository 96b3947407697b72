"""Thresholds of gate `novelty`.

Novelty is judged by the states in new episodes on which the policy of the round before acted.
Where there are too few (the first round), every episode in turn is judged by a policy trained
without it: rows held out of an episode that was learned resemble it so much that a gate fitted to
them asks everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from il_core.structure import plain
from il_data.dataset import Columns
from il_gating.fit import fit_novelty, joined, predicted
from il_loop.gate_fit import ENOUGH, FitInputs, Fitting, own_states
from il_policy import bc
from il_policy.checkpoint import GRAPH
from il_policy.fitting import Progress
from il_policy.runtime import OnnxRuntime, Output
from il_policy.train_state import fingerprint

ALPHA = 0.2


def fit(inputs: FitInputs) -> Fitting:
    """Fit the thresholds; `alpha` is the share of states on which the gate may ask."""
    columns, spec = inputs.columns, inputs.spec
    alpha = ALPHA if inputs.alpha is None else inputs.alpha
    own = own_states(inputs.new)
    if len(own) < ENOUGH and len(np.unique(columns.episode)) > 1:
        states, order = 'of episodes left out in turn', np.argsort(columns.episode, kind='stable')
        made = fit_novelty(spec, left_out(inputs), columns.actions[order], alpha=alpha)
        return Fitting({inputs.gate: made}, states)
    rows = inputs.judged_rows
    output = predicted(inputs.runtime, columns.observations[rows])
    mine = predicted(inputs.runtime, own) if len(own) >= ENOUGH else None
    made = fit_novelty(spec, output, columns.actions[rows], alpha=alpha, own=mine)
    return Fitting({inputs.gate: made}, 'held-out labels' if mine is None else 'of the policy')


def left_out(inputs: FitInputs) -> Output:
    """Return what policies trained without an episode make of it, episodes in order."""
    columns, outputs = inputs.columns, []
    episodes = np.unique(columns.episode)
    for done, episode in enumerate(episodes):

        def told(report: Progress, done: int = done) -> None:
            if inputs.training is not None:
                step, steps = done * report.steps + report.step, len(episodes) * report.steps
                inputs.training(replace(report, step=step, steps=steps))

        seen = columns.episode != episode
        runtime = _trained(inputs, columns[seen], told)
        outputs.append(predicted(runtime, columns.observations[~seen]))
    return joined(outputs)


def _trained(
    inputs: FitInputs, columns: Columns, progress: Callable[[Progress], None]
) -> OnnxRuntime:
    """Train a policy, or take it from where an earlier call, that was stopped, has left it."""
    settings = plain(replace(inputs.bc, threads=1))
    out = inputs.kept / fingerprint(columns, inputs.spec.hash, settings, inputs.seed)
    if not out.exists():
        spec, seed = inputs.spec, inputs.seed
        bc.train(columns, spec, inputs.bc, seed=seed, out=out, progress=progress)
    return OnnxRuntime((out / GRAPH).read_bytes())
