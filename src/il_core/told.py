"""Why control changed hands, in words: the same in the log of the gate and from a bag."""

from __future__ import annotations

import math

from il_core.types import NS_PER_S, GateState, Mode


def change(before: Mode, state: GateState) -> str:
    """Return all about a change of mode in one line: from which `before`, why, where in the
    episode, the scores against their thresholds, ages, checkpoint."""
    where = f'episode {state.episode_id or "none"} step {state.step} tick {state.tick}'
    parts = [
        f'{before.name} -> {state.mode.name} ({state.cause.name}): {state.detail}',
        f'{where} stamp {state.stamp_ns / NS_PER_S:.3f} s',
        scores(state) or 'no scores',
        f'observation {_age(state.observation_age_s)}, joystick {_age(state.joystick_age_s)}',
        f'gate {state.gate}, checkpoint {state.checkpoint_id or "none"}',
    ]
    return '; '.join(parts)


def scores(state: GateState) -> str:
    """Return every score there is with its threshold (above it speaks for the human)."""
    return ', '.join(
        _score(state, n) for n, score in state.scores.items() if not math.isnan(score)
    )


def _score(state: GateState, name: str) -> str:
    score, limit = state.scores[name], state.thresholds.get(name, math.nan)
    if math.isnan(limit):
        return f'{name} {score:.4g}'
    return f'{name} {score:.4g} {">" if score > limit else "<="} {limit:.4g}'


def _age(age_s: float) -> str:
    return 'none' if math.isnan(age_s) else f'{age_s:.3f} s old'
