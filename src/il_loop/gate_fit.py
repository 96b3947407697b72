"""Fit a gate to a policy that was just trained, from the same episodes, into its checkpoint."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import Owner, Vector
from il_data.dataset import Columns
from il_data.episode import Episode
from il_gating.fit import FITTED, fit_novelty, joined, predicted
from il_gating.gate_file import GATE_FILE, Fit, gate_json
from il_policy import bc
from il_policy.checkpoint import GRAPH
from il_policy.runtime import OnnxRuntime, Output
from il_policy.sampling import split

# Fewer own states of the policy than this say little about a quantile.
ENOUGH = 25


def fit_gate(
    folder: Path,
    episodes: Sequence[Episode],
    columns: Columns,
    *,
    gate: str,
    alpha: float,
    config: bc.BcConfig,
    seed: int,
) -> Mapping[str, Any]:
    """Write gate.json into a checkpoint folder that is not finished yet; return what it says.

    Novelty is judged by the states in `episodes` on which the policy of the round before acted.
    Where there are too few (the first round), every episode in turn is judged by a policy trained
    without it: rows held out of an episode that was learned resemble it so much that a gate
    fitted to them asks everywhere else.

    Args:
        folder: holds policy.onnx.
        episodes: newly collected ones.
        columns: what the policy was trained from; `config` and `seed` as in that training.
        alpha: share of states on which the gate may ask.

    Raises:
        UserError: a gate that is not fitted.
    """
    if gate not in FITTED:
        raise UserError('gate to fit', gate, 'has nothing to fit or is not known', FITTED)
    own = own_states(episodes)
    graph = (folder / GRAPH).read_bytes()
    spec, runtime = episodes[0].spec, OnnxRuntime(graph)
    if len(own) < ENOUGH and len(np.unique(columns.episode)) > 1:
        states, order = 'of episodes left out in turn', np.argsort(columns.episode, kind='stable')
        output = left_out(columns, spec, config, seed)
        fit = fit_novelty(spec, output, columns.actions[order], alpha=alpha)
    else:
        rows = split(columns.episode, config.validation, seed).validation
        rows = rows if len(rows) else np.arange(len(columns))
        output = predicted(runtime, columns.observations[rows])
        mine = predicted(runtime, own) if len(own) >= ENOUGH else None
        states = 'held-out labels' if mine is None else 'of the policy'
        fit = fit_novelty(spec, output, columns.actions[rows], alpha=alpha, own=mine)
    (folder / GATE_FILE).write_bytes(gate_json(graph, spec, {gate: fit}))
    return _record(gate, fit, states)


def left_out(columns: Columns, spec: Spec, config: bc.BcConfig, seed: int) -> Output:
    """Return what policies trained without an episode make of it, episodes in order."""
    outputs = []
    with tempfile.TemporaryDirectory() as folder:
        for episode in np.unique(columns.episode):
            seen = columns.episode != episode
            out = bc.train(
                _rows(columns, seen), spec, config, seed=seed, out=Path(folder) / str(episode)
            )
            runtime = OnnxRuntime((out / GRAPH).read_bytes())
            outputs.append(predicted(runtime, columns.observations[~seen]))
    return joined(outputs)


def _rows(columns: Columns, chosen: NDArray[np.bool_]) -> Columns:
    return Columns(
        columns.observations[chosen],
        columns.actions[chosen],
        columns.episode[chosen],
        columns.weight[chosen],
    )


def own_states(episodes: Sequence[Episode]) -> Vector:
    """Return (K, F) frames on which the policy owned the robot."""
    frames = [
        e.frames[(e.owners == Owner.POLICY) & np.isfinite(e.frames).all(axis=1)] for e in episodes
    ]
    return np.concatenate(frames)


def _record(gate: str, fit: Fit, states: str) -> dict[str, Any]:
    return {
        'name': gate,
        'alpha': fit.alpha,
        'rows': fit.rows,
        'states': states,
        'thresholds': dict(fit.thresholds),
    }
