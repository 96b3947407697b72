"""What a Gymnasium environment is."""

from __future__ import annotations

import difflib
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete

from il_core.errors import UserError
from il_core.spec import Axis
from il_core.types import AxisKind

MOST_FIELDS = 1000
EXAMPLES = ('MountainCar-v0', 'Pendulum-v1')


def make(name: str, render_mode: str | None = None) -> Any:
    """Make an environment, without pictures where it has no such mode. Raises UserError where
    there is none of that name, or a package is missing."""
    try:
        env = gymnasium.make(name, disable_env_checker=True)
        modes = env.metadata.get('render_modes') or ()
        if render_mode not in modes:
            return env
        env.close()
        return gymnasium.make(name, disable_env_checker=True, render_mode=render_mode)
    except (gymnasium.error.DependencyNotInstalled, ImportError) as error:
        raise UserError('gym environment', name, f'cannot run here: {error}') from error
    except gymnasium.error.Error as error:
        near = difflib.get_close_matches(name, sorted(gymnasium.registry), n=5)
        rule = 'Gymnasium has none of that name'
        raise UserError('gym environment', name, rule, near or EXAMPLES) from error


def fields_of(name: str, space: Any) -> tuple[str, ...]:
    """Name the numbers of an observation space. Raises UserError where they are not a vector."""
    rule = f'must be a Box of at most {MOST_FIELDS} numbers'
    if not isinstance(space, Box):
        raise UserError(f'{name}: observation space', space, rule)
    size = int(np.prod(space.shape))
    if size > MOST_FIELDS:
        raise UserError(f'{name}: observation shape', space.shape, rule)
    return tuple(f'obs_{i}' for i in range(size))


def axes_of(name: str, space: Any, idle: float) -> tuple[Axis, ...]:
    """Describe an action space; `idle` of a discrete one. Raises UserError where it has no
    bounds."""
    if isinstance(space, Discrete):
        low, high = float(space.start), float(space.start + space.n - 1)
        return (Axis('action', AxisKind.DISCRETE, low, high, idle=idle),)
    if not isinstance(space, Box) or not space.is_bounded():
        raise UserError(f'{name}: action space', space, 'must be Discrete, or a Box with bounds')
    bounds = zip(space.low.ravel().tolist(), space.high.ravel().tolist(), strict=True)
    return tuple(_axis(f'action_{i}', low, high) for i, (low, high) in enumerate(bounds))


def _axis(name: str, low: float, high: float) -> Axis:
    kind = AxisKind.VELOCITY if low <= 0 <= high else AxisKind.LATCHED
    return Axis(name, kind, low, high, idle=min(max(0.0, low), high))
