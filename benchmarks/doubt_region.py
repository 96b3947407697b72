r"""HG-DAgger's tau as an estimate of risk: does a policy fail less often where doubt is below it?

    python benchmarks/doubt_region.py --seeds 10
    python benchmarks/doubt_region.py --task peg_insert --seeds 10 --starts 200
    python benchmarks/doubt_region.py --task drive --seeds 10
    python benchmarks/doubt_region.py --task drive --demos 1 --steps 600 --rounds 5 --all-rounds \
        --out docs/results/doubt_region_drive_five.json

HG-DAgger on `reach` from four demonstrations, with a human who watches (`hg_strict` of
docs/reference/experiments.md: he takes over after 5 ticks above 0.1), until he has taken over 40
times, or twelve rounds are over (`peg_insert`: 30 demonstrations, rounds of 2000 steps, four;
`drive`: 2, of 1000, twelve).
tau is fitted as in every round. As in the paper (Kelly et al., ICRA 2019), the last policy
then starts alone from states inside (doubt <= tau) and outside. Half of the starts are the task's,
half were carried away by one random action, held for up to a second; a start from which the
supervisor fails with the same seed does not count. Intervals are Student's t over seeds. Bar: from
outside it fails at least 5 times as often. The file is written after every seed, and a run that
was stopped goes on from it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import measure
import numpy as np
import torch
from gates_cell import Cell, Clock, Sizes
from gates_methods import METHODS

from il_core.load import load_spec
from il_core.types import Outcome
from il_data.episode import Episode
from il_gating.measure import Measure
from il_loop.cast import ALONE, make_loop, play
from il_loop.fits.doubt import doubts_at_takeover
from il_loop.run_folder import RunFolder
from il_loop.stats import Estimate, ratio, student
from il_sim.api import World, make_world

METHOD = 'hg_strict'
# On point_insert (3 demonstrations) and pendulum (1) the last policy hardly fails, on the latter
# nobody ever takes over.
TASKS = {
    'reach': Sizes(demos=4, steps=300, rounds=12),
    'peg_insert': Sizes(),
    'drive': Sizes(demos=2, steps=1000, rounds=12),
}
WANTED = 40  # take-overs, after which no round follows
CARRIED_S = 1.0
STARTS = 800_000  # seeds of the starts


class Carried:
    """A world whose odd seeds start elsewhere: one random action was held for a while."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def reset(self, seed: int) -> None:
        self._world.reset(seed)
        if seed % 2:
            spec, rng = self._world.spec, np.random.default_rng(seed)
            action = rng.uniform(spec.low, spec.high)
            for _ in range(rng.integers(round(CARRIED_S * spec.robot.rate_hz)) + 1):
                if self._world.step(action) is not Outcome.UNKNOWN:
                    self._world.reset(seed)  # it was over: the task's own start
                    return


def learn(
    world: World, seed: int, starts: int, folder: Path, sizes: Sizes, wanted: float = WANTED
) -> dict[str, Any]:
    """Return tau, and from how many starts inside and outside the last policy failed. No round
    follows after `wanted` take-overs."""
    cell = Cell(METHODS[METHOD], seed, sizes, world, RunFolder(folder), Clock())
    for last in cell.rounds():
        taken = len(doubts_at_takeover(last.episodes, world.spec))
        if taken >= wanted:
            break
    tau = float(cell.run.rounds()[-1].gate['thresholds']['doubt'])
    there = Carried(world)
    seeds = range(cell.base + STARTS, cell.base + STARTS + starts)
    fair = [s for s in seeds if supervised(there, s)]
    alone = play(make_loop(there, ALONE, cell.run.checkpoint(last.number)), fair)
    return {
        'seed': seed,
        'rounds': last.number,
        'takeovers': taken,
        'tau': tau,
        'left_out': starts - len(fair),
        **counts(alone, tau),
    }


def row(task: str, seed: int, starts: int, sizes: Sizes, wanted: float) -> dict[str, Any]:
    """Return what `learn` finds, in a process of its own."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        return learn(make_world(load_spec(task)), seed, starts, Path(folder), sizes, wanted)


def kept(path: Path, about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a run with the same settings that was stopped, or of a finished one."""
    found = json.loads(path.read_text()) if path.is_file() else {}
    same = {key: found.get(key) for key in about} == about
    return found['rows'] if same else []


def supervised(world: World, seed: int) -> bool:
    """Return whether the supervisor succeeds."""
    world.reset(seed)
    outcome = Outcome.UNKNOWN
    while outcome is Outcome.UNKNOWN:
        outcome = world.step(world.supervisor())
    return outcome is Outcome.SUCCESS


def counts(episodes: list[Episode], tau: float) -> dict[str, int]:
    """Return starts inside and outside, and how many of each failed."""
    out = {'inside': 0, 'outside': 0, 'inside_failed': 0, 'outside_failed': 0}
    for e in episodes:
        where = 'inside' if Measure(e.spec).doubt(e.column('variance'))[0] <= tau else 'outside'
        out[where] += 1
        out[f'{where}_failed'] += e.outcome is not Outcome.SUCCESS
    return out


def times(rows: list[Mapping[str, Any]]) -> Estimate:
    """Return how many times as often the policy fails outside as inside, pooled; half a failure
    is added to both sides, as there may be none. The interval is Student's t over seeds, on the
    logarithm (the delta method)."""
    seeds, logs, parts = len(rows), 0.0, np.zeros(len(rows))
    for where, sign in (('outside', 1), ('inside', -1)):
        starts = np.array([r[where] for r in rows], float) + 1 / seeds
        failed = np.array([r[f'{where}_failed'] for r in rows], float) + 0.5 / seeds
        share = failed.sum() / starts.sum()
        logs += sign * np.log(share)
        parts += sign * (failed - share * starts) / failed.sum()
    error = np.sqrt(seeds / (seeds - 1) * (parts @ parts)) if seeds > 1 else 0.0
    half = student(seeds - 1) * error if seeds > 1 else 0.0
    return Estimate(*np.exp([logs, logs - half, logs + half]).tolist(), seeds)


def summary(rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return pooled shares of failures, and how many times one is the other."""
    shares = {
        where: asdict(ratio([r[f'{where}_failed'] for r in rows], [r[where] for r in rows]))
        for where in ('inside', 'outside')
    }
    return {'rows': rows, 'failures': shares, 'ratio': asdict(times(rows))}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--task', default='reach', choices=list(TASKS))
    parser.add_argument('--seeds', type=int, default=10)
    parser.add_argument(
        '--starts', type=int, default=400, help='of the last policy alone, per seed'
    )
    for name in ('demos', 'steps', 'rounds'):
        parser.add_argument(f'--{name}', type=int, help="default: the task's")
    parser.add_argument(
        '--all-rounds', action='store_true', help=f'also after {WANTED} take-overs, as the paper'
    )
    parser.add_argument('--jobs', type=int, default=1, help='seeds at a time')
    parser.add_argument('--out', type=Path, help='JSON file; default: by the task')
    args = parser.parse_args()
    name = 'doubt_region' if args.task == 'reach' else f'doubt_region_{args.task}'
    args.out = args.out or measure.result_file(name)
    return args


def main() -> None:
    args = options()
    given = {k: getattr(args, k) for k in ('demos', 'steps', 'rounds') if getattr(args, k)}
    sizes, human = replace(TASKS[args.task], **given), METHODS[METHOD].human
    about = {'task': args.task, 'starts': args.starts, 'sizes': asdict(sizes), 'human': human}
    about |= {'all_rounds': True} if args.all_rounds else {}
    wanted = math.inf if args.all_rounds else WANTED
    rows = kept(args.out, about)  # also of more seeds than are asked for now
    left = sorted(set(range(args.seeds)) - {r['seed'] for r in rows})
    os.environ |= {f'{name}_NUM_THREADS': '1' for name in ('OMP', 'OPENBLAS', 'MKL')}
    failed = []
    with ProcessPoolExecutor(args.jobs, get_context('spawn')) as pool:
        work = (args.starts, sizes, wanted)
        begun = {pool.submit(row, args.task, seed, *work): seed for seed in left}
        for done in as_completed(begun):
            if error := done.exception():
                failed.append(f'seed {begun[done]}: {error}')
                continue
            rows = sorted([*rows, done.result()], key=lambda r: r['seed'])
            print(done.result(), flush=True)
            measure.write(args.out, {**about, 'rows': rows})
    if failed:
        sys.exit(f'failed, the others are kept: {"; ".join(failed)}')
    found = summary(rows)
    measure.write(args.out, {**about, **found})
    inside, outside = (found['failures'][where]['value'] for where in ('inside', 'outside'))
    more = found['ratio']
    print(
        f'fails inside {100 * inside:.1f} %, outside {100 * outside:.1f} %; {more["value"]:.1f} '
        f'times as often ({more["low"]:.1f}..{more["high"]:.1f})'
    )


if __name__ == '__main__':
    main()
