"""What Gymnasium does not tell about an environment. Does not import it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from il_core.errors import UserError
from il_core.types import Vector


def pump(observation: Vector) -> float:
    """MountainCar: push the way the car moves, which adds energy at every step."""
    return 2.0 if observation[1] >= 0 else 0.0


@dataclass(frozen=True)
class Known:
    """What Gymnasium does not tell about an environment.

    Attributes:
        terminated: what it means that the episode ended by itself; `reward`: the last reward
            tells.
        truncated: what it means that it ran into the time limit.
        idle: the discrete action that does nothing.
        supervisor: (F,) observation to the one action of a scripted expert.
    """

    terminated: str = 'success'
    truncated: str = 'timeout'
    idle: float = 0.0
    supervisor: Callable[[Vector], float] | None = None


FALLS = Known(terminated='failure', truncated='success')
BOTH = Known(terminated='reward')  # a goal or a crash
# By the name without its version.
KNOWN = {
    'MountainCar': Known(idle=1, supervisor=pump),
    'Acrobot': Known(idle=1),
    'CartPole': FALLS,
    'InvertedPendulum': FALLS,
    'InvertedDoublePendulum': FALLS,
    'Hopper': FALLS,
    'Walker2d': FALLS,
    'Ant': FALLS,
    'Humanoid': FALLS,
    'BipedalWalker': BOTH,
    'BipedalWalkerHardcore': BOTH,
    'LunarLander': BOTH,
    'LunarLanderContinuous': BOTH,
}


def known(name: str) -> Known:
    """Return what is known about `name`, whatever its version."""
    return KNOWN.get(name.rpartition('/')[2].rpartition('-v')[0], Known())


def supervisor_of(name: str) -> Callable[[Vector], float]:
    """Return the scripted expert of an environment. Raises UserError where it has none."""
    if (pilot := known(name).supervisor) is None:
        have = [each for each, told in KNOWN.items() if told.supervisor]
        raise UserError('scripted supervisor of', name, 'there is none', have)
    return pilot
