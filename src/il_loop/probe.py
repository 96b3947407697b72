"""A fresh policy alone in the simulator: from where it fails a gate learns what is risky."""

from __future__ import annotations

from collections.abc import Sequence

from il_core.spec import Spec
from il_data.episode import Episode
from il_loop.cast import ALONE, make_loop, play
from il_loop.fits import PROBED, probe_seeds
from il_loop.rounds import Probe, RoundConfig
from il_policy.api import Policy
from il_sim.api import World, make_world


def prober(spec: Spec, config: RoundConfig, number: int) -> Probe | None:
    """Return what round `number` may call: `config.probes` episodes alone, in a world of its own;
    None where the gate has no use for them, or the task no world (a robot: nobody lets a fresh
    policy act alone there unasked)."""
    if not config.probes or config.gate not in PROBED or not spec.task.world:
        return None

    def probe(policy: Policy) -> Sequence[Episode]:
        world = make_world(spec)
        try:
            return alone(world, policy, probe_seeds(number, config.probes))
        finally:
            world.close()

    return probe


def alone(world: World, policy: Policy, seeds: range) -> Sequence[Episode]:
    """Run one episode per seed without any human."""
    return play(make_loop(world, ALONE, policy=policy), seeds, 'probe')
