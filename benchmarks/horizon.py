"""What a shift of the states costs: slips of BC and DAgger on a tightrope, over the horizon.

    python benchmarks/horizon.py

Both learn a table from the same number of labels. BC has demonstrations, which never slip, so it
never saw the way back; DAgger (beta 1, then 0) labels what its own policy visits, as many in every
round, also where that cuts an episode. An unseen cue gets a random action. Cost: steps off the
rope per episode. Exponent: slope of log cost over log horizon, of the means over seeds; its
interval is a bootstrap over seeds. Episodes run through il_loop with the gates `expert_only`,
`dagger` and `policy_only`.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import measure
import numpy as np

from il_core.load import load_spec
from il_core.spec import Spec
from il_core.types import Frame, Proposal
from il_data.dataset import EVERY_STATE, Columns, labels
from il_data.episode import Episode
from il_loop.cast import ALONE, DEMONSTRATE, INSTANT, Cast, make_loop, play
from il_loop.stats import POSITIVE, mean
from il_sim.api import make_world

OUT = Path(__file__).resolve().parent.parent / 'docs' / 'results' / 'horizon.json'
DAGGER = Cast('dagger', config=INSTANT, operator={'style': 'always'})
STRIDE, EVALUATE = 1_000_000, 500_000  # seeds of one seed


class Table:
    """Does what it saw last for a cue; anything for one that it never saw."""

    def __init__(self, spec: Spec, data: Columns, seed: int) -> None:
        self.spec, self.checkpoint_id = spec, f'table_{seed}'
        self._known = dict(
            zip(data.observations[:, 0].tolist(), data.actions[:, 0].tolist(), strict=True)
        )
        self._rng = np.random.default_rng(seed)

    def reset(self) -> None:
        """Nothing to forget."""

    def propose(self, frame: Frame) -> Proposal:
        action = self._known.get(float(frame.vector[0]))
        if action is None:
            action = float(self._rng.integers(self.spec.high[0] + 1))
        return Proposal(frame, self.checkpoint_id, self.spec.hash, np.array([action]))


def with_horizon(steps: int) -> Spec:
    spec = load_spec('tightrope')
    task = dataclasses.replace(spec.task, horizon_s=steps / spec.robot.rate_hz)
    return dataclasses.replace(spec, task=task)


def cut(episodes: Sequence[Episode], count: int) -> Columns:
    """Return the first `count` labels, every visited state being one."""
    return labels(episodes, EVERY_STATE).columns[:count]


def joined(rounds: Sequence[Columns]) -> Columns:
    """Return the labels of all rounds."""
    return Columns(*map(np.concatenate, zip(*(vars(r).values() for r in rounds), strict=True)))


def collect(world, cast: Cast, policy: Table | None, first: int, count: int) -> list[Episode]:
    """Return episodes with at least `count` steps."""
    loop, found = make_loop(world, cast, policy=policy), []
    while sum(map(len, found)) < count:
        found += play(loop, [first + len(found)])
    return found


def cost(world, policy: Table, first: int, episodes: int) -> float:
    """Return steps off the rope per episode."""
    loop, total = make_loop(world, ALONE, policy=policy), 0
    for seed in range(first, first + episodes):
        loop.episode(seed, f'e{seed}')
        total += world.cost
    return total / episodes


def one(steps: int, seed: int, args: argparse.Namespace) -> dict[str, float]:
    """Return the costs of both with one seed and horizon."""
    world, base = make_world(with_horizon(steps)), STRIDE * (seed + 1)
    share = args.labels // args.rounds
    count = share * args.rounds
    bc = Table(world.spec, cut(collect(world, DEMONSTRATE, None, base, count), count), seed)
    rounds = [cut(collect(world, DEMONSTRATE, None, base, share), share)]
    for number in range(1, args.rounds):
        policy = Table(world.spec, joined(rounds), seed)
        fresh = collect(world, DAGGER, policy, base + 10_000 * number, share)
        rounds.append(cut(fresh, share))
    dagger = Table(world.spec, joined(rounds), seed)
    at = base + EVALUATE
    return {
        'bc': cost(world, bc, at, args.episodes),
        'dagger': cost(world, dagger, at, args.episodes),
    }


def slope(horizons: Sequence[int], costs: Sequence[float]) -> float:
    return float(np.polyfit(np.log(horizons), np.log(costs), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--out', type=Path, default=OUT, help='JSON file to write')
    parser.add_argument('--seeds', type=int, default=30)
    parser.add_argument('--labels', type=int, default=2400, help='of BC and of DAgger')
    parser.add_argument('--rounds', type=int, default=6, help='of DAgger, demonstrations included')
    parser.add_argument('--episodes', type=int, default=100, help='per seed, horizon and method')
    parser.add_argument('--horizons', type=int, nargs='+', default=[10, 20, 40, 80, 160])
    args = parser.parse_args()
    rows = [{s: one(t, s, args) for s in range(args.seeds)} for t in args.horizons]
    result = {'labels': args.labels, 'rounds': args.rounds, 'episodes': args.episodes}
    print(f'{"":<10}' + ''.join(f'{f"T = {t}":>22}' for t in args.horizons) + f'{"exponent":>22}')
    for name in ('bc', 'dagger'):
        by_seed = np.array([[row[s][name] for s in row] for row in rows])  # (horizons, seeds)
        costs = [mean(values.tolist(), POSITIVE) for values in by_seed]
        rng = np.random.default_rng(0)
        drawn = rng.integers(0, args.seeds, (2000, args.seeds))
        slopes = [slope(args.horizons, by_seed[:, d].mean(axis=1)) for d in drawn]
        low, high = np.quantile(slopes, (0.025, 0.975)).tolist()
        value = slope(args.horizons, by_seed.mean(axis=1).tolist())
        cells = [f'{c.value:.2f} ({c.low:.2f}..{c.high:.2f})' for c in costs]
        cells.append(f'{value:.2f} ({low:.2f}..{high:.2f})')
        print(f'{name:<10}' + ''.join(f'{cell:>22}' for cell in cells))
        result[name] = {
            'cost': [dataclasses.asdict(c) for c in costs],
            'by_seed': by_seed.tolist(),
            'exponent': {'value': value, 'low': low, 'high': high, 'n': args.seeds},
        }
    human = {'bc': DEMONSTRATE.human, 'dagger': DAGGER.human}
    measure.write(args.out, {'horizons': args.horizons, 'human': human, **result})


if __name__ == '__main__':
    main()
