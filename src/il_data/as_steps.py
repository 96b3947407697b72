"""An episode's rows as the values that rollouts are made of, for code that takes both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from il_core.types import (
    Cause,
    Command,
    ExpertAction,
    Frame,
    GateState,
    Mode,
    Owner,
    Proposal,
    Step,
    Vector,
)
from il_data.episode import Episode


def as_steps(episode: Episode) -> tuple[Step, ...]:
    """Return one `Step` per row of `episode.steps`.

    Not in the rows, hence empty: features, chunks, presses, details of gate states, limited axes.
    """
    return tuple(_step(episode, row) for row in episode.steps)


def _step(episode: Episode, row: Any) -> Step:
    tick, stamp_ns = int(row['tick']), int(row['stamp_ns'])
    mode, owner = Mode(int(row['mode'])), Owner(int(row['owner']))
    state = GateState(
        tick,
        stamp_ns,
        mode,
        owner,
        Cause(int(row['cause'])),
        episode_id=episode.episode_id,
        step=int(row['step']),
        scores=_named(episode, row['scores']),
        thresholds={k: v for k, v in _named(episode, row['thresholds']).items() if v == v},
        observation_age_s=float(row['observation_age_s']),
        joystick_age_s=float(row['joystick_age_s']),
        checkpoint_id=episode.manifest.checkpoint_id,
    )
    action = np.array(row['command'])
    command = Command(tick, stamp_ns, action, mode, owner, bool(row['transition']))
    return Step(_proposal(episode, row, tick, stamp_ns), _expert(row, stamp_ns), state, command)


def _proposal(episode: Episode, row: Any, tick: int, stamp_ns: int) -> Proposal:
    vector = _known(row['frame'])
    if vector is None:
        frame = Frame(tick, stamp_ns, np.empty(0), (), 'no frame in the bag')
    else:
        frame = Frame(tick, stamp_ns, vector, tuple(row['stream_stamps_ns'].tolist()))
    return Proposal(
        frame,
        episode.manifest.checkpoint_id,
        episode.spec.hash,
        _known(row['mean']),
        _known(row['variance']),
        _known(row['members']) if row['members'].size else None,
        inference_s=float(row['inference_s']),
        fault=frame.fault,
    )


def _expert(row: Any, stamp_ns: int) -> ExpertAction | None:
    action = _known(row['expert'])
    if action is None and not row['engaged']:
        return None
    return ExpertAction(stamp_ns, action, bool(row['engaged']), step=int(row['step']))


def _known(values: Vector) -> Vector | None:
    return np.array(values) if np.isfinite(values).all() else None


def _named(episode: Episode, values: Vector) -> Mapping[str, float]:
    return dict(zip(episode.score_names, values.tolist(), strict=True))
