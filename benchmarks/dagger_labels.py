"""Why DAgger ends low on `peg_insert`: is it the labels of states where its policy stands still?

    python benchmarks/gates.py --methods dagger --seeds 5-7 --keep /tmp/labels
    python benchmarks/dagger_labels.py /tmp/labels --seeds 5-7

From the kept labels of each cell two more policies are cloned, as every round does: without the
labels of standing (the hand has moved less than 5 mm within the last second; those of the
demonstrations stay), and without as many others, drawn at random. Each runs alone on the cell's
own evaluation seeds; the policy from all labels is the cell's. Differences are paired by seed.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import measure
import numpy as np
import torch
from gates import RESULTS, differences, seeds_of
from gates_cell import EVALUATE, Cell, Clock, Sizes, won
from gates_methods import METHODS
from gates_table import words
from numpy.typing import NDArray

from il_core.load import load_spec
from il_core.types import NS_PER_S
from il_data.dataset import Columns
from il_loop.cast import ALONE
from il_loop.run_folder import RunFolder
from il_loop.stats import SHARE, mean
from il_sim.api import World, make_world

METHOD = 'dagger'
STILL_M, WITHIN_S = 0.005, 1.0
HAND = [f'ee_pose/{axis}' for axis in 'xyz']
ALL, MOVING, FEWER = 'all labels', 'without standing', 'as many, at random'
Wins = dict[str, Any]


def load(path: Path) -> tuple[Columns, int]:
    """Return labels, and how many of them, the first, are of the demonstrations."""
    with np.load(path, allow_pickle=False) as kept:
        names = ('observations', 'actions', 'episode', 'weight')
        return Columns(*(kept[name] for name in names)), int(kept['demonstrated'])


def standing(rows: Columns, world: World) -> NDArray[np.bool_]:
    """Return (N,): whether the hand is where it was a second ago, in the same episode."""
    ticks = round(WITHIN_S * NS_PER_S / world.spec.period_ns)
    fields = [world.spec.frame_fields.index(name) for name in HAND]
    hand, found = rows.observations[:, fields], np.zeros(len(rows), bool)
    same = rows.episode[ticks:] == rows.episode[:-ticks]
    moved = np.linalg.norm(hand[ticks:] - hand[:-ticks], axis=1)
    found[ticks:] = same & (moved < STILL_M)
    return found


def reversed_(rows: Columns, world: World) -> NDArray[np.bool_]:
    """Return (N,): whether the human wants another gripper, open or shut, than a tick ago."""
    column, found = world.spec.axis_names.index('gripper'), np.zeros(len(rows), bool)
    shut = rows.actions[:, column] < (world.spec.low + world.spec.high)[column] / 2
    found[1:] = (shut[1:] != shut[:-1]) & (rows.episode[1:] == rows.episode[:-1])
    return found


def variants(rows: Columns, first: int, still: NDArray[np.bool_], seed: int) -> dict[str, Columns]:
    """Return the labels of both further policies; a weight of 0 leaves a row out."""
    dropped = np.flatnonzero(still)
    drawn = np.random.default_rng(seed).choice(
        np.arange(first, len(rows)), len(dropped), replace=False
    )
    made = {}
    for name, out in ((MOVING, dropped), (FEWER, drawn)):
        weight = rows.weight.copy()
        weight[out] = 0.0
        made[name] = replace(rows, weight=weight)
    return made


def learn(world: World, rows: Columns, seed: int) -> Wins:
    """Return what a policy from these labels reaches alone."""
    with tempfile.TemporaryDirectory() as folder:
        cell = Cell(METHODS[METHOD], seed, Sizes(), world, RunFolder(Path(folder)), Clock())
        return won(cell.evaluate(ALONE, EVALUATE, cell.clone(rows)))


def examine(world: World, path: Path, seed: int, whole: Wins) -> dict[str, Any]:
    """Return counts of one cell's labels, and the success of each policy."""
    rows, first = load(path)
    still, new = standing(rows, world), np.arange(len(rows)) >= first
    shares = {'demonstrations': still[~new].mean(), 'new': still[new].mean()}
    still &= new
    parts = {'demonstrations': ~new, 'standing': still, 'moving': new & ~still}
    flips = reversed_(rows, world)
    return {
        'seed': seed,
        'labels': {name: int(part.sum()) for name, part in parts.items()},
        'standing_share': {name: float(share) for name, share in shares.items()},
        'reversals_per_100': {n: 100 * float(flips[p].mean()) for n, p in parts.items()},
        'autonomous': {
            ALL: whole,
            **{
                name: learn(world, kept, seed)
                for name, kept in variants(rows, first, still, seed).items()
            },
        },
    }


def table(rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Print and return success by policy and the paired differences."""
    cells = {
        name: {r['seed']: {'autonomous': r['autonomous'][name]} for r in rows}
        for name in (ALL, MOVING, FEWER)
    }
    alone = {
        name: asdict(
            mean([float(np.mean(c['autonomous']['wins'])) for c in found.values()], SHARE)
        )
        for name, found in cells.items()
    }
    gaps = differences(cells, [(MOVING, ALL), (MOVING, FEWER)])
    for name, value in alone.items():
        print(f'{name:<20} {words(value, 100)} % alone')
    for gap in gaps:
        print(f'{MOVING} minus {gap["minus"]}: {words(gap["pooled_pairs"], 100)} points')
    return {'alone': alone, 'differences': gaps}


def main() -> None:
    parser = measure.parser(__doc__, 'dagger_labels')
    parser.add_argument('labels', type=Path, help='folder that the cells kept theirs in')
    parser.add_argument('--seeds', default='5-7', help='A or A-B')
    parser.add_argument(
        '--cells', type=Path, default=RESULTS / 'gates_peg_insert', help='folder of their JSON'
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    world, rows = make_world(load_spec('peg_insert')), list[dict[str, Any]]()
    for seed in seeds_of(args.seeds):
        name = f'{METHOD}_{seed}'
        whole = json.loads((args.cells / f'{name}.json').read_text())['autonomous']
        rows.append(examine(world, args.labels / f'{name}.npz', seed, whole))
        print({k: v for k, v in rows[-1].items() if k != 'autonomous'}, flush=True)
        measure.write(args.out, {'rows': rows, **table(rows)})


if __name__ == '__main__':
    main()
