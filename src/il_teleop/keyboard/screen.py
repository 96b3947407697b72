"""What the operator reads on the terminal."""

from __future__ import annotations

import math

from il_core.types import GateState
from il_teleop.keyboard.core import Keyboard


def status_line(keyboard: Keyboard, state: GateState | None, now_ns: int) -> str:
    """Return dead-man, axes and mode in one line."""
    dead_man = 'ON ' if keyboard.engaged(now_ns) else 'off'
    names = keyboard.spec.axis_names
    axes = ' '.join(f'{n} {_value(v)}' for n, v in zip(names, keyboard.values, strict=True))
    if state is None:
        return f'dead-man {dead_man} | {axes} | no gate heard'
    episode = state.episode_id or 'no episode'
    return f'dead-man {dead_man} | {axes} | {state.mode.name} ({state.detail}) | {episode}'


def _value(value: float) -> str:
    return '?' if math.isnan(value) else f'{value:+.3f}'
