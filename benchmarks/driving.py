"""HG-DAgger against cloning on its own task, a road with parked cars: how often does the car come
off the road, or touch another, when the policy drives alone?

    python benchmarks/driving.py --seeds 10

HG-DAgger from one demonstration, with a human who watches (`hg_strict` of
docs/reference/experiments.md), in five rounds of 600 steps (30 s). Cloning has as many labels as
HG-DAgger in the end, all of them demonstrations, the same one among them. Both last policies drive
alone on the same roads, each of 150 m, until 1000 s are full; a failure ends a road. Intervals are
Student's t over seeds. Bar: nothing goes wrong with HG-DAgger's in the first 100 s, with cloning's
5 times or more in 100 s (what Kelly et al., ICRA 2019, found on a car: 0 and 6 departures).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import measure
import torch
from gates_cell import EVALUATE, Cell, Clock, Sizes, demonstrations
from gates_methods import METHODS

from il_core.load import load_spec
from il_core.types import NS_PER_S, Outcome
from il_data.dataset import labels
from il_loop.cast import ALONE, make_loop
from il_loop.run_folder import RunFolder
from il_loop.stats import POSITIVE, mean
from il_sim.api import World, make_world

METHOD = 'hg_strict'
SIZES = Sizes(demos=1, steps=600, rounds=5)
DRIVEN_S, FIRST_S = 1000.0, 100.0
COUNTED = ('departures', 'collisions', 'timeouts')
KINDS = ('failures', *COUNTED)


def drive(cell: Cell, checkpoint: Path, seconds: float) -> dict[str, Any]:
    """Return what went wrong while the policy drove alone, by kind, over so many seconds and in
    the first 100 s."""
    world, loop = cell.world, make_loop(cell.world, ALONE, checkpoint)
    found, first, driven, seed = dict.fromkeys(COUNTED, 0), 0, 0.0, cell.base + EVALUATE
    while driven < seconds:
        episode = loop.episode(seed, f'seed_{seed}').episode()
        driven, seed = driven + len(episode) * world.spec.period_ns / NS_PER_S, seed + 1
        if episode.outcome is Outcome.SUCCESS:
            continue
        touched = 'collisions' if world.touched else 'departures'
        kind = touched if episode.outcome is Outcome.FAILURE else 'timeouts'
        found[kind] += 1
        first += driven <= FIRST_S
    return {'seconds': driven, **found, 'first_100_s': first}


def learn(world: World, seed: int, sizes: Sizes, seconds: float, folder: Path) -> dict[str, Any]:
    """Return labels, and how the last policies of HG-DAgger and of cloning drive."""
    cell = Cell(METHODS[METHOD], seed, sizes, world, RunFolder(folder), Clock())
    demos, *rounds = cell.rounds()
    count = rounds[-1].labels
    cloned = cell.clone(labels(demonstrations(cell, count)).columns[:count])
    return {
        'seed': seed,
        'demonstrated': demos.labels,
        'labels': count,
        'hg_dagger': drive(cell, cell.run.checkpoint(sizes.rounds), seconds),
        'bc': drive(cell, cloned, seconds),
    }


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return, of both, each kind per 100 s, and how many seeds had nothing in the first 100 s;
    last, how many failures fewer HG-DAgger has."""
    out: dict[str, Any] = {}
    for name in ('hg_dagger', 'bc'):
        runs = [r[name] for r in rows]
        rates = {
            kind: asdict(mean([per_100_s(r, kind) for r in runs], POSITIVE)) for kind in KINDS
        }
        clean = sum(r['first_100_s'] == 0 for r in runs)
        out[name] = {'per_100_s': rates, 'seeds_clean_for_100_s': clean}
    fewer = [per_100_s(r['bc'], 'failures') - per_100_s(r['hg_dagger'], 'failures') for r in rows]
    return {**out, 'fewer': asdict(mean(fewer))}


def per_100_s(run: Mapping[str, Any], kind: str) -> float:
    """Return how often that went wrong in 100 s of driving."""
    counted = COUNTED if kind == 'failures' else (kind,)
    return 100 * sum(run[k] for k in counted) / float(run['seconds'])


def main() -> None:
    parser = measure.parser(__doc__, 'driving', seed=None)
    parser.add_argument('--seeds', type=int, default=10)
    parser.add_argument('--seconds', type=float, default=DRIVEN_S, help='each policy drives alone')
    args = parser.parse_args()
    torch.set_num_threads(1)
    world, rows = make_world(load_spec('drive')), []
    for seed in range(args.seeds):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(learn(world, seed, SIZES, args.seconds, Path(folder)))
        print(rows[-1], flush=True)
    found = summary(rows)
    for name in ('hg_dagger', 'bc'):
        row = found[name]
        words = ', '.join(
            f'{kind} {r["value"]:.2f} ({r["low"]:.2f}..{r["high"]:.2f})'
            for kind, r in row['per_100_s'].items()
        )
        clean = row['seeds_clean_for_100_s']
        print(f'{name:<10} per 100 s: {words}; nothing in the first 100 s: {clean} seeds')
    words = '{value:.1f} ({low:.1f}..{high:.1f})'.format(**found['fewer'])
    print(f'failures fewer with hg_dagger per 100 s: {words}')
    about = {'sizes': asdict(SIZES), 'human': METHODS[METHOD].human, 'spec': world.spec.hash}
    measure.write(args.out, {**about, **found, 'rows': rows})


if __name__ == '__main__':
    main()
