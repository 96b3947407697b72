"""MountainCar from one demonstration: does a cloned policy get out of the valley?

    python benchmarks/mountain_car.py --seeds 10

The demonstrator pushes the way the car moves. One net of 2 x 64 is cloned from one episode with
100 or 1000 full-batch steps of Adam (1e-3) and drives 6 episodes; a return is minus the steps, cut
at 200. Bars: with 100 steps at least one escape of six on 9 of 10 seeds; with 1000 a mean return
of -130 or better.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import measure
import numpy as np

from il_core.load import load_spec
from il_core.types import Outcome
from il_data.dataset import labels
from il_loop.cast import ALONE, DEMONSTRATE, make_loop, play
from il_loop.stats import mean, wilson
from il_policy import bc
from il_sim.api import World, make_world

TASK, STRIDE, EVALUATIONS = 'gym:MountainCar-v0', 1000, 6
DEMOS, STEPS = (1, 5), (100, 1000)


def cell(world: World, seed: int, demos: int, steps: int) -> list[int]:
    """Return the lengths of the evaluation episodes; 200 is the time limit."""
    first = STRIDE * (seed + 1)
    shown = play(make_loop(world, DEMONSTRATE), range(first, first + demos))
    config = bc.BcConfig(members=1, hidden=(64, 64), batch=10**6, steps=steps, validation=0.0)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / 'policy'
        bc.train(labels(shown).columns, world.spec, config, seed=seed, out=out)
        begin = first + STRIDE // 2
        driven = play(make_loop(world, ALONE, out), range(begin, begin + EVALUATIONS))
    return [len(e) if e.outcome is Outcome.SUCCESS else world.spec.horizon for e in driven]


def row(world: World, seeds: int, demos: int, steps: int) -> dict[str, Any]:
    """Return what came of all seeds."""
    lengths = [cell(world, seed, demos, steps) for seed in range(seeds)]
    out = [[length < world.spec.horizon for length in some] for some in lengths]
    flat = [each for some in out for each in some]
    escapes = wilson(sum(flat), len(flat))
    returns = mean([-float(np.mean(some)) for some in lengths])
    return {
        'demos': demos,
        'steps': steps,
        'seeds': seeds,
        'return': asdict(returns),
        'escapes': asdict(escapes),
        'seeds_with_an_escape': sum(any(some) for some in out),
        'lengths': lengths,
    }


def main() -> None:
    parser = measure.parser(__doc__, 'mountain_car', seed=None)
    parser.add_argument('--seeds', type=int, default=10)
    args = parser.parse_args()
    world = make_world(load_spec(TASK))
    rows = [row(world, args.seeds, demos, steps) for demos in DEMOS for steps in STEPS]
    for each in rows:
        value, share = each['return'], each['escapes']
        print(
            f'{each["demos"]} demonstrations, {each["steps"]:4} steps: return '
            f'{value["value"]:.1f} ({value["low"]:.1f}..{value["high"]:.1f}), escapes '
            f'{100 * share["value"]:.0f} % ({100 * share["low"]:.0f}..{100 * share["high"]:.0f}), '
            f'{each["seeds_with_an_escape"]} of {each["seeds"]} seeds with one in six'
        )
    measure.write(args.out, {'task': TASK, 'human': DEMONSTRATE.human, 'rows': rows})


if __name__ == '__main__':
    main()
