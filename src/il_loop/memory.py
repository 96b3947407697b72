"""A rollout as the same columns that a bag is read into, so that everything after works on
both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from il_core.spec import Spec
from il_core.types import Outcome, Step, Vector
from il_data.episode import Episode, Sizes, step_type
from il_data.manifest import Manifest

NOWHERE = Path()  # an episode that has no bag


def to_episode(
    steps: Sequence[Step], spec: Spec, *, episode_id: str, seed: int, outcome: Outcome
) -> Episode:
    """Return the columns of the steps of one episode."""
    checkpoint_id = steps[0].proposal.checkpoint_id if steps else ''
    manifest = Manifest(
        episode_id, outcome, seed=seed, spec_hash=spec.hash, checkpoint_id=checkpoint_id
    )
    names = tuple(dict.fromkeys(name for step in steps for name in step.state.scores))
    return Episode(NOWHERE, spec, manifest, _columns(steps, spec, names), names)


def _columns(steps: Sequence[Step], spec: Spec, names: tuple[str, ...]) -> NDArray[Any]:
    members = max(
        (len(s.proposal.members) for s in steps if s.proposal.members is not None), default=0
    )
    sizes = Sizes(len(spec.frame_fields), len(spec.observed), len(spec.axes), members, len(names))
    out = np.zeros(len(steps), step_type(sizes))
    for row, step in zip(out, steps, strict=True):
        _fill(row, step, names)
    return out


def _fill(row: Any, step: Step, names: tuple[str, ...]) -> None:
    proposal, state, command, expert = step.proposal, step.state, step.command, step.expert
    frame = proposal.frame
    usable = not frame.fault
    row['stamp_ns'], row['tick'], row['step'] = command.stamp_ns, command.tick, state.step
    row['mode'], row['owner'], row['cause'] = command.mode, command.owner, state.cause
    row['transition'] = command.transition
    row['engaged'] = expert is not None and expert.engaged
    row['frame'] = frame.vector if usable else np.nan
    row['stream_stamps_ns'] = frame.stamps_ns if usable else 0
    row['mean'], row['variance'] = _or_nan(proposal.mean), _or_nan(proposal.variance)
    row['members'] = _or_nan(proposal.members)
    row['expert'] = _or_nan(None if expert is None else expert.action)
    row['command'] = command.action
    row['scores'] = [state.scores.get(name, np.nan) for name in names]
    row['thresholds'] = [state.thresholds.get(name, np.nan) for name in names]
    row['observation_age_s'], row['joystick_age_s'] = state.observation_age_s, state.joystick_age_s
    row['inference_s'] = proposal.inference_s


def _or_nan(value: Vector | None) -> Vector | float:
    return np.nan if value is None else value
