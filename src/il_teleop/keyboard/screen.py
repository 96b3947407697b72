"""What the operator reads on the terminal."""

from __future__ import annotations

import math

from il_core.types import GateState
from il_teleop.keyboard.core import Keyboard


def status_line(keyboard: Keyboard, state: GateState | None, now_ns: int, width: int) -> str:
    """Return dead-man, mode, episode and axes in one line, and the gate's reason at its end, where
    a narrow terminal cuts it.

    Args:
        keyboard: what was typed.
        state: of the gate, None before it was heard.
        now_ns: steady time.
        width: characters that the terminal shows; of the episode there is only its number where it
            would not fit otherwise.
    """
    dead_man = 'ON ' if keyboard.engaged(now_ns) else 'off'
    names = keyboard.spec.axis_names
    axes = ' '.join(f'{n} {_value(v)}' for n, v in zip(names, keyboard.values, strict=True))
    if state is None:
        return f'dead-man {dead_man} | no gate heard | {axes}'
    episode = state.episode_id or 'no episode'
    line = f'dead-man {dead_man} | {state.mode.name} | {{}} | {axes}'
    if len(line.format(episode)) > width:
        episode = f'…{episode.rpartition("_")[2]}' if state.episode_id else 'none'
    return f'{line.format(episode)} | {state.detail}'


def _value(value: float) -> str:
    return '?' if math.isnan(value) else f'{value:+.3f}'
