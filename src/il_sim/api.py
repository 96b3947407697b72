"""What every simulated world is to the rest of the system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from il_core.errors import UserError
from il_core.registry import Registry
from il_core.spec import Spec
from il_core.types import Outcome, Vector
from il_sim.task_params import check_params


class World(Protocol):
    """A task in a simulator, advanced one control tick at a time. Deterministic: same seed and
    actions, same bits.

    After `reset` or `step`, `observe` and `supervisor` describe the same instant. After `outcome`
    is set, `step` is an InternalError until the next `reset`.
    """

    spec: Spec

    @property
    def has_supervisor(self) -> bool:
        """True where there is a scripted supervisor."""

    def reset(self, seed: int) -> None:
        """Put the world into the initial state of `seed`."""

    def observe(self) -> Mapping[str, Vector]:
        """Return the decoded value of every observed stream of the spec, `stream name ->
        (fields,)` float64."""

    def supervisor(self) -> Vector:
        """Return (A,) what the scripted supervisor would do now; it may read the simulator's
        state. No side effects.

        Raises:
            UserError: there is no scripted supervisor.
        """

    def step(self, action: Vector) -> Outcome:
        """Apply (A,) for one control period. Returns UNKNOWN while the episode goes on.

        Raises:
            UserError: wrong size or not finite.
        """

    def render(self, width: int, height: int) -> NDArray[np.uint8]:
        """Return an RGB image (height, width, 3)."""

    def close(self) -> None:
        """Release the simulator. Safe to call twice."""


# TaskSpec.world -> `module:Class`, built as Class(spec: Spec, gui: bool = False).
WORLDS = Registry(
    'world',
    {
        'reach': 'il_sim.tasks.reach:ReachWorld',
        'peg_insert': 'il_sim.tasks.peg_insert:PegInsertWorld',
        'point_insert': 'il_sim.tasks.point_insert:PointInsertWorld',
        'pendulum': 'il_sim.tasks.pendulum:PendulumWorld',
        'tightrope': 'il_sim.tasks.tightrope:TightropeWorld',
        'drive': 'il_sim.tasks.drive:DriveWorld',
        'gym': 'il_sim.gym_task:GymWorld',
    },
)


def make_world(spec: Spec, gui: bool = False) -> World:
    """Build the world that the task names, with a window where `gui`.

    Raises:
        UserError: the task has no world (a real robot only), one that is not known, or other
            params than that world reads.
    """
    if not spec.task.world:
        rule = f'task {spec.task.name} names no world, it runs on a real robot only'
        raise UserError('world', '', rule, WORLDS.names())
    make = WORLDS.load(spec.task.world)
    check_params(spec.task)
    world: World = make(spec, gui)
    return world
