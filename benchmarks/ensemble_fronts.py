"""EnsembleDAgger's two rules on the inverted pendulum: how much may the novice do, how often does
the pendulum fall?

    python benchmarks/ensemble_fronts.py --seeds 10

The novice: ten nets, cloned from the first rows of one demonstration. It acts with gate
`ensemble_dagger` beside a supervisor who is always there, for every tau (discrepancy) and chi
(doubt) of a 5 x 5 grid, for tau alone and for chi alone. The grid's values are quantiles of what
the novice alone meets, per seed. A point is the share of steps on which the novice acted and the
share of episodes that fell, over all seeds. The front of a rule: its points that no other point of
the same rule beats in both.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import measure
import numpy as np

from il_core.load import load_spec
from il_core.types import Outcome, Owner
from il_data.dataset import Columns, labels
from il_loop.cast import DEMONSTRATE, INSTANT, Cast, make_loop, play
from il_loop.stats import wilson
from il_policy import bc
from il_sim.api import World, make_world

STRIDE, EVALUATE = 100_000, 50_000
QUANTILES = (0.2, 0.4, 0.6, 0.8, 0.95)
NEVER = 1e9  # a rule that is never broken
STEPS = 30  # of the novice: with more it hardly falls
SHARE = 0.6  # at which both rules are compared


@dataclass(frozen=True)
class Point:
    """One setting of the gate, over seeds."""

    rule: str
    tau: float | None
    chi: float | None
    novice: float
    fell: int
    episodes: int

    @property
    def failures(self) -> float:
        return self.fell / self.episodes


def novice(world: World, seed: int, rows: int, folder: Path) -> Path:
    """Clone ten nets from the first rows of one demonstration."""
    shown = labels(play(make_loop(world, DEMONSTRATE), [STRIDE * (seed + 1)])).columns
    few = Columns(
        *(c[:rows] for c in (shown.observations, shown.actions, shown.episode, shown.weight))
    )
    config = bc.BcConfig(members=10, hidden=(32, 32), batch=rows, steps=STEPS, validation=0.0)
    return bc.train(few, world.spec, config, seed=seed, out=folder / 'novice')


def run(
    world: World, checkpoint: Path, params: Mapping[str, float], first: int, episodes: int
) -> list[Any]:
    cast = Cast('ensemble_dagger', params, config=INSTANT, operator={'style': 'always'})
    return play(make_loop(world, cast, checkpoint), range(first, first + episodes))


def settings(world: World, checkpoint: Path, seed: int, episodes: int) -> list[dict[str, Any]]:
    """Return every setting: rule, quantiles, thresholds."""
    free = {'discrepancy': NEVER, 'doubt': NEVER}
    met = np.concatenate(
        [
            e.steps['scores']
            for e in run(world, checkpoint, free, STRIDE * (seed + 1) + 10, episodes)
        ]
    )
    tau, chi = (np.quantile(column[np.isfinite(column)], QUANTILES) for column in met.T)
    pairs = [(i, j) for i in range(len(tau)) for j in range(len(chi))]
    found = [
        {'rule': 'both', 'at': (i, j), 'discrepancy': tau[i], 'doubt': chi[j]} for i, j in pairs
    ]
    found += [
        {'rule': 'discrepancy', 'at': (i, None), 'discrepancy': t, 'doubt': NEVER}
        for i, t in enumerate(tau)
    ]
    found += [
        {'rule': 'doubt', 'at': (None, j), 'discrepancy': NEVER, 'doubt': c}
        for j, c in enumerate(chi)
    ]
    return found


def sweep(world: World, seeds: int, rows: int, episodes: int) -> list[Point]:
    """Return the points over all seeds."""
    novice_steps, steps, fell, count = ({}, {}, {}, {})
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = novice(world, seed, rows, Path(folder))
            for s in settings(world, checkpoint, seed, episodes):
                key = (s['rule'], *s['at'])
                params = {k: float(s[k]) for k in ('discrepancy', 'doubt')}
                first = STRIDE * (seed + 1) + EVALUATE
                for e in run(world, checkpoint, params, first, episodes):
                    own = int((e.owners == Owner.POLICY).sum())
                    novice_steps[key] = novice_steps.get(key, 0) + own
                    steps[key] = steps.get(key, 0) + len(e)
                    fell[key] = fell.get(key, 0) + (e.outcome is not Outcome.SUCCESS)
                    count[key] = count.get(key, 0) + 1
        print(f'seed {seed} done', flush=True)
    return [
        Point(
            key[0], _q(key[1]), _q(key[2]), novice_steps[key] / steps[key], fell[key], count[key]
        )
        for key in steps
    ]


def _q(at: int | None) -> float | None:
    return None if at is None else QUANTILES[at]


def front(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other one beats in both, by novice share."""
    kept = [p for p in points if not any(_beats(o, p) for o in points)]
    return sorted(kept, key=lambda p: p.novice)


def _beats(a: Point, b: Point) -> bool:
    no_worse = a.novice >= b.novice and a.failures <= b.failures
    return no_worse and (a.novice, a.failures) != (b.novice, b.failures)


def at_share(points: Sequence[Point], share: float) -> float | None:
    """Return the failures of a front at a novice share, between its neighbours."""
    line = front(points)
    x, y = [p.novice for p in line], [p.failures for p in line]
    return float(np.interp(share, x, y)) if x and x[0] <= share <= x[-1] else None


def main() -> None:
    parser = measure.parser(__doc__, 'ensemble_fronts')
    parser.add_argument('--seeds', type=int, default=10)
    parser.add_argument('--rows', type=int, default=10, help='labels of the novice')
    parser.add_argument('--episodes', type=int, default=25, help='per setting and seed')
    args = parser.parse_args()
    world = make_world(load_spec('pendulum'))
    points = sweep(world, args.seeds, args.rows, args.episodes)
    by_rule = {r: [p for p in points if p.rule == r] for r in ('both', 'discrepancy', 'doubt')}
    for rule, some in by_rule.items():
        for p in front(some):
            share = wilson(p.fell, p.episodes)
            print(
                f'{rule:<12} tau {p.tau} chi {p.chi}: novice {100 * p.novice:.0f} %, falls '
                f'{100 * share.value:.1f} % ({100 * share.low:.1f}..{100 * share.high:.1f})'
            )
    beaten = [p for p in by_rule['discrepancy'] if any(_beats(o, p) for o in by_rule['both'])]
    beats = [
        p for p in by_rule['discrepancy'] if any(_beats(p, o) for o in front(by_rule['both']))
    ]
    compared = {rule: at_share(some, SHARE) for rule, some in by_rule.items()}
    print(
        f'discrepancy alone: {len(beaten)} of 5 points beaten by both rules, {len(beats)} beat one'
    )
    print(f'falls at a novice share of {SHARE:.0%}: {compared}')
    result = {
        'seeds': args.seeds,
        'rows': args.rows,
        'points': [asdict(p) | {'failures': asdict(wilson(p.fell, p.episodes))} for p in points],
        'discrepancy_points_beaten': len(beaten),
        'discrepancy_points_that_beat_the_front': len(beats),
        'falls_at_share': {'share': SHARE, **compared},
    }
    measure.write(args.out, result)


if __name__ == '__main__':
    main()
