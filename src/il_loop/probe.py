"""A fresh policy alone in the simulator: from where it fails a gate learns what is risky."""

from __future__ import annotations

from collections.abc import Sequence

from il_core.spec import Spec
from il_data.episode import Episode
from il_loop.cast import ALONE, make_loop, play
from il_loop.rounds import Probe
from il_policy.api import Policy
from il_sim.api import World, make_world

SEEDS = 700_000  # away from those of demonstrations, rounds and evaluations


def prober(spec: Spec, count: int, first: int) -> Probe | None:
    """Return what `make_round` may call: `count` episodes alone, in a world of its own; None where
    there are none to run, or the task has no world."""
    if not count or not spec.task.world:
        return None

    def probe(policy: Policy) -> Sequence[Episode]:
        world = make_world(spec)
        try:
            return alone(world, policy, range(first, first + count))
        finally:
            world.close()

    return probe


def alone(world: World, policy: Policy, seeds: range) -> Sequence[Episode]:
    """Run one episode per seed without any human."""
    return play(make_loop(world, ALONE, policy=policy), seeds, 'probe')
