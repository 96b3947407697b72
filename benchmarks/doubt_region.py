"""HG-DAgger's tau as an estimate of risk: does the policy fail less often where doubt is below?

    python benchmarks/doubt_region.py --seeds 10

HG-DAgger on `point_insert` from three demonstrations, with a human who watches (`hg_strict` of
docs/reference/experiments.md: he takes over after 5 ticks above 0.1), until he has taken over 40
times or 14 rounds are full. tau is fitted as in every round. Then the last policy runs alone;
every half second of an episode is a state that lies inside (doubt <= tau) or outside, and that
leads to success or not. Intervals are bootstraps over seeds. Bar: outside fails at least 5 times
as often.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import measure
import numpy as np
import torch
from gates_cell import EVALUATE, Cell, Clock, Sizes
from gates_methods import METHODS

from il_core.load import load_spec
from il_core.types import NS_PER_S
from il_data.episode import Episode
from il_gating.measure import Measure
from il_loop.cast import ALONE
from il_loop.fits.doubt import doubts_at_takeover
from il_loop.run_folder import RunFolder
from il_loop.stats import mean
from il_sim.api import World, make_world

METHOD = 'hg_strict'
TASK, DEMOS, STEPS, MOST_ROUNDS, WANTED, EVERY_S = 'point_insert', 3, 150, 14, 40, 0.5
RESAMPLES = 10_000


def learn(world: World, seed: int, episodes: int, folder: Path) -> Mapping[str, Any]:
    """Return tau, and where the last policy was inside and outside, with what came of it."""
    sizes = Sizes(demos=DEMOS, steps=STEPS, evaluations=episodes)
    cell = Cell(METHODS[METHOD], seed, sizes, world, RunFolder(folder), Clock())
    gathered = cell.demonstrate(DEMOS)
    cell.train(gathered, 0)
    number, taken = 0, 0
    while taken < WANTED and number < MOST_ROUNDS:
        gathered = [*gathered, *cell.collect(number)]
        number += 1
        cell.train(gathered, number)
        taken = len(doubts_at_takeover(gathered, world.spec))
    tau = float(cell.run.rounds()[-1].gate['thresholds']['doubt'])
    seeds = range(cell.base + EVALUATE, cell.base + EVALUATE + episodes)
    alone = cell.play(ALONE, seeds, cell.run.checkpoint(number))
    return {
        'seed': seed,
        'rounds': number,
        'takeovers': taken,
        'tau': tau,
        'alone': float(np.mean([e.outcome.name == 'SUCCESS' for e in alone])),
        **counts(alone, tau),
    }


def counts(episodes: list[Episode], tau: float) -> dict[str, int]:
    """Return states inside and outside, and how many of each led to no success."""
    spec = episodes[0].spec
    every = max(round(EVERY_S * NS_PER_S / spec.period_ns), 1)
    out = {'inside': 0, 'outside': 0, 'inside_failed': 0, 'outside_failed': 0}
    for e in episodes:
        doubts = Measure(spec).doubt(e.column('variance'))[::every]
        failed = e.outcome.name != 'SUCCESS'
        sides = {'inside': int((doubts <= tau).sum()), 'outside': int((doubts > tau).sum())}
        for where, n in sides.items():
            out[where] += n
            out[f'{where}_failed'] += n * failed
    return out


def ratio(rows: list[Mapping[str, Any]]) -> dict[str, float]:
    """Return failures outside over failures inside, pooled, with a bootstrap over seeds; half a
    failure is added to both sides, as there may be none."""
    table = np.array(
        [[r['inside'], r['inside_failed'], r['outside'], r['outside_failed']] for r in rows], float
    )
    rng = np.random.default_rng(0)
    drawn = table[rng.integers(0, len(table), (RESAMPLES, len(table)))].sum(axis=1)

    def of(sums: Any) -> Any:
        failed = sums[..., (1, 3)] + 0.5
        inside, outside = np.moveaxis(failed / (sums[..., (0, 2)] + 1), -1, 0)
        return outside / inside

    low, high = np.nanquantile(of(drawn), (0.025, 0.975))
    return {'value': float(of(table.sum(axis=0))), 'low': float(low), 'high': float(high)}


def main() -> None:
    parser = measure.parser(__doc__, 'doubt_region')
    parser.add_argument('--seeds', type=int, default=10)
    parser.add_argument('--episodes', type=int, default=200, help='alone, per seed')
    args = parser.parse_args()
    torch.set_num_threads(1)
    world = make_world(load_spec(TASK))
    rows = []
    for seed in range(args.seeds):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(learn(world, seed, args.episodes, Path(folder)))
        print(rows[-1], flush=True)
    shares = {
        where: asdict(mean([r[f'{where}_failed'] / max(r[where], 1) for r in rows]))
        for where in ('inside', 'outside')
    }
    times = ratio(rows)
    print(
        f'fails inside {100 * shares["inside"]["value"]:.1f} %, outside '
        f'{100 * shares["outside"]["value"]:.1f} %; pooled {times["value"]:.1f} times as often '
        f'({times["low"]:.1f}..{times["high"]:.1f})'
    )
    measure.write(args.out, {'task': TASK, 'rows': rows, 'failures': shares, 'ratio': times})


if __name__ == '__main__':
    main()
