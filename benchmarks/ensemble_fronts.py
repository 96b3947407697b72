"""EnsembleDAgger's two rules: how much may the novice do, how often does it fail (the pendulum
falls, the car comes off the road or touches another)?

    python benchmarks/ensemble_fronts.py --seeds 10
    python benchmarks/ensemble_fronts.py --task drive --seeds 10

The novice: ten nets, cloned from the first rows of one demonstration. It acts with gate
`ensemble_dagger` beside a supervisor who is always there, for every tau (discrepancy) and chi
(doubt) of a 5 x 5 grid, for tau alone and for chi alone. The grid's values are quantiles of what
the novice alone meets, per seed. A point is the share of steps on which the novice acted and the
share of episodes that failed, over all seeds. The front of a rule: its points that no other point
of the same rule beats in both. Fronts are compared by the failures at several shares of the
novice, between their points, and on average.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import measure
import numpy as np
import torch

from il_core.load import load_spec
from il_core.types import Outcome, Owner
from il_data.dataset import labels
from il_loop.cast import DEMONSTRATE, INSTANT, Cast, make_loop, play
from il_loop.stats import SHARE, Estimate, mean
from il_policy import bc
from il_sim.api import World, make_world

STRIDE, EVALUATE = 100_000, 50_000
QUANTILES = (0.2, 0.4, 0.6, 0.8, 0.95)
NEVER = 1e9  # a rule that is never broken
HELPED = Cast('ensemble_dagger', config=INSTANT, operator={'style': 'always'})
SHARES = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)  # at which both rules are compared
RESAMPLES = 1000


@dataclass(frozen=True)
class Novice:
    """What it is cloned from and for how long; with more it hardly fails."""

    rows: int
    steps: int


NOVICES = {'pendulum': Novice(rows=10, steps=30), 'drive': Novice(rows=300, steps=300)}


@dataclass(frozen=True)
class Point:
    """One setting of the gate: counts by seed, `episodes` of each."""

    rule: str
    tau: float | None
    chi: float | None
    novice_steps: tuple[int, ...]
    steps: tuple[int, ...]
    fell: tuple[int, ...]
    episodes: int

    @property
    def novice(self) -> float:
        """Share of the steps on which the novice acted."""
        return sum(self.novice_steps) / sum(self.steps)

    @property
    def failures(self) -> float:
        """Share of the episodes that failed."""
        return sum(self.fell) / (len(self.fell) * self.episodes)

    def of(self, seeds: Sequence[int]) -> Point:
        """Return the point of these seeds, in which one may be more than once."""
        columns = (self.novice_steps, self.steps, self.fell)
        taken = (tuple(column[s] for s in seeds) for column in columns)
        return Point(self.rule, self.tau, self.chi, *taken, self.episodes)


def novice(world: World, seed: int, made: Novice, folder: Path) -> Path:
    """Clone ten nets from the first rows of one demonstration, all of them in every batch."""
    shown = labels(play(make_loop(world, DEMONSTRATE), [STRIDE * (seed + 1)])).columns
    config = bc.BcConfig(
        members=10, hidden=(32, 32), batch=made.rows, steps=made.steps, validation=0.0
    )
    return bc.train(shown[: made.rows], world.spec, config, seed=seed, out=folder / 'novice')


def run(
    world: World, checkpoint: Path, params: Mapping[str, float], first: int, episodes: int
) -> list[Any]:
    loop = make_loop(world, replace(HELPED, gate_params=params), checkpoint)
    return play(loop, range(first, first + episodes))


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


def sweep(world: World, seeds: int, made: Novice, episodes: int) -> list[Point]:
    """Return the points over all seeds."""
    counts: dict[tuple[Any, ...], list[tuple[int, int, int]]] = {}
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = novice(world, seed, made, Path(folder))
            for s in settings(world, checkpoint, seed, episodes):
                params = {k: float(s[k]) for k in ('discrepancy', 'doubt')}
                first = STRIDE * (seed + 1) + EVALUATE
                found = run(world, checkpoint, params, first, episodes)
                own = sum(int((e.owners == Owner.POLICY).sum()) for e in found)
                fell = sum(e.outcome is not Outcome.SUCCESS for e in found)
                key = (s['rule'], *s['at'])
                counts.setdefault(key, []).append((own, sum(map(len, found)), fell))
        print(f'seed {seed} done', flush=True)
    return [
        Point(rule, _q(tau), _q(chi), *zip(*counted, strict=True), episodes)
        for (rule, tau, chi), counted in counts.items()
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


def apart(points: Sequence[Point]) -> list[float]:
    """Return, at every share, failures with both rules minus those with discrepancy alone; NaN
    where one of the fronts does not reach. Last, their mean."""
    lines = [[p for p in points if p.rule == rule] for rule in ('both', 'discrepancy')]
    pairs = [[at_share(line, share) for line in lines] for share in SHARES]
    gaps = [np.nan if None in pair else pair[0] - pair[1] for pair in pairs]
    return [*gaps, float(np.nanmean(gaps)) if np.isfinite(gaps).any() else np.nan]


def compare(points: Sequence[Point], seeds: int) -> list[dict[str, float | None]]:
    """Return `apart` with bootstrap intervals over seeds, which at ten are a little narrow."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, seeds, (RESAMPLES, seeds)).tolist()
    sampled = np.array([apart([p.of(some) for p in points]) for some in drawn])
    rows = []
    for share, value, column in zip((*SHARES, None), apart(points), sampled.T, strict=True):
        if np.isfinite(value):
            low, high = np.nanquantile(column, (0.025, 0.975)).tolist()
            rows.append({'share': share, 'value': value, 'low': low, 'high': high})
    return rows


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--task', default='pendulum', choices=list(NOVICES))
    parser.add_argument('--seeds', type=int, default=10)
    parser.add_argument('--rows', type=int, help="labels of the novice; default: the task's")
    parser.add_argument('--episodes', type=int, default=25, help='per setting and seed')
    parser.add_argument('--out', type=Path, help='JSON file; default: by the task')
    args = parser.parse_args()
    name = 'ensemble_fronts' if args.task == 'pendulum' else f'ensemble_fronts_{args.task}'
    args.out = args.out or measure.result_file(name)
    return args


def main() -> None:
    args = options()
    made = NOVICES[args.task]
    made = replace(made, rows=args.rows or made.rows)
    torch.set_num_threads(1)
    points = sweep(make_world(load_spec(args.task)), args.seeds, made, args.episodes)
    by_rule = {r: [p for p in points if p.rule == r] for r in ('both', 'discrepancy', 'doubt')}
    for rule, some in by_rule.items():
        for p in front(some):
            share = over_seeds(p)
            print(
                f'{rule:<12} tau {p.tau} chi {p.chi}: novice {100 * p.novice:.0f} %, fails '
                f'{100 * share.value:.1f} % ({100 * share.low:.1f}..{100 * share.high:.1f})'
            )
    gaps = compare(points, args.seeds)
    for gap in gaps:
        where = 'mean' if gap['share'] is None else f'{gap["share"]:.0%}'
        words = ' '.join(f'{100 * gap[key]:.1f}' for key in ('value', 'low', 'high'))
        print(f'both minus discrepancy at a novice share of {where}: {words} points')
    result = {
        'task': args.task,
        'seeds': args.seeds,
        **asdict(made),
        'human': HELPED.human,
        'points': [asdict(p) | {'failures': asdict(over_seeds(p))} for p in points],
        'fronts': {rule: [asdict(p) for p in front(some)] for rule, some in by_rule.items()},
        'both_minus_discrepancy': gaps,
    }
    measure.write(args.out, result)


def over_seeds(point: Point) -> Estimate:
    """Return the share of the episodes that failed."""
    return mean([fell / point.episodes for fell in point.fell], SHARE)


if __name__ == '__main__':
    main()
