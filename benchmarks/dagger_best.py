"""DAgger as its paper ends: of the policies of all rounds, the one that is best on validation.

    python benchmarks/gates.py --methods dagger --seeds 5-9 --folder /tmp/cells --keep /tmp/labels
    python benchmarks/dagger_best.py /tmp/labels --seeds 5-9 --cells /tmp/cells

gates.py judges every method's last policy. Here the policy of every round is cloned again from the
labels that the cell kept, as many as there were then, and runs alone: on validation seeds that
nothing else uses, and on the cell's own evaluation seeds. The one with most wins in validation is
the chosen one, of several the latest. Differences are paired by evaluation seed. Seeds that the
file of results holds are kept where settings are the same: a stopped run goes on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import measure
import numpy as np
import torch
from dagger_labels import load
from doubt_region import kept
from gates import RESULTS, differences, seeds_of
from gates_cell import EVALUATE, Cell, Clock, Sizes, won
from gates_methods import METHODS
from gates_numbers import check
from gates_table import words

from il_core.errors import UserError
from il_core.load import load_spec
from il_core.types import Outcome
from il_loop.cast import ALONE
from il_loop.run_folder import RunFolder
from il_loop.stats import SHARE, mean
from il_sim.api import World, make_world

TASK, METHOD, VALIDATE = 'peg_insert', 'dagger', 800_000
CHOSEN, LAST = 'chosen', 'last'


def examine(
    world: World, seed: int, labels: Path, cell: Mapping[str, Any], validations: int
) -> dict[str, Any]:
    """Return what the policy of every round of one cell reaches alone; the first is cloned from
    the demonstrations."""
    rows, first = load(labels)
    ends = np.cumsum([first, *(r['steps'] for r in cell['rounds'])])
    assert ends[-1] == len(rows), 'every visited state is a label'
    found = []
    for end in ends:
        with tempfile.TemporaryDirectory() as folder:
            made = Cell(METHODS[METHOD], seed, Sizes(), world, RunFolder(Path(folder)), Clock())
            policy = made.clone(rows[:end])
            alone = won(made.evaluate(ALONE, EVALUATE, policy))
            seeds = range(made.base + VALIDATE, made.base + VALIDATE + validations)
            wins = [e.outcome is Outcome.SUCCESS for e in made.play(ALONE, seeds, policy)]
        found.append({'labels': int(end), 'validation': wins, 'autonomous': alone})
        print(seed, int(end), sum(wins), sum(alone['wins']), flush=True)
    again, then = found[-1]['autonomous']['wins'], cell['autonomous']['wins']
    alike = sum(a == b for a, b in zip(again, then, strict=True))
    return {'seed': seed, 'rounds': found, 'as_in_the_cell': alike}


def chosen(row: Mapping[str, Any]) -> int:
    """Return the round whose policy is best on validation, of several the latest."""
    wins = [sum(r['validation']) for r in row['rounds']]
    return max(range(len(wins)), key=lambda number: (wins[number], number))


def table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Print and return success by round, of the chosen and of the last, and the difference."""
    by_round = [
        asdict(mean([float(np.mean(r['rounds'][n]['autonomous']['wins'])) for r in rows], SHARE))
        for n in range(len(rows[0]['rounds']))
    ]
    cells = {
        CHOSEN: {r['seed']: r['rounds'][chosen(r)] for r in rows},
        LAST: {r['seed']: r['rounds'][-1] for r in rows},
    }
    alone = {
        name: asdict(mean([float(np.mean(c['autonomous']['wins'])) for c in of.values()], SHARE))
        for name, of in cells.items()
    }
    (gap,) = differences(cells, [(CHOSEN, LAST)])
    for number, value in enumerate(by_round):
        print(f'after round {number}: {words(value, 100)} % alone')
    for name, value in alone.items():
        print(f'{name}: {words(value, 100)} % alone')
    print(f'chosen minus last: {words(gap["over_seeds"], 100)} points over seeds')
    rounds = {r['seed']: chosen(r) for r in rows}
    return {'by_round': by_round, 'chosen_round': rounds, 'alone': alone, 'difference': gap}


def main() -> None:
    parser = measure.parser(__doc__, 'dagger_best', seed=None)
    parser.add_argument('labels', type=Path, help='folder that the cells kept theirs in')
    parser.add_argument('--seeds', default='5-9', help='A or A-B')
    parser.add_argument('--validations', type=int, default=30, help='episodes of every policy')
    parser.add_argument(
        '--cells', type=Path, default=RESULTS / 'gates_peg_insert', help='folder of their JSON'
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    world, about = make_world(load_spec(TASK)), {'validations': args.validations}
    cells, rows = cells_of(args), kept(args.out, about)
    for seed in sorted(set(cells) - {row['seed'] for row in rows}):
        labels = args.labels / f'{METHOD}_{seed}.npz'
        rows.append(examine(world, seed, labels, cells[seed], args.validations))
        measure.write(args.out, {**about, 'rows': rows, **table(rows)})
    table(rows)


def cells_of(args: argparse.Namespace) -> dict[int, Any]:
    """Return the cells by seed. Raises UserError where one, or its labels, are missing, or it was
    made with other sizes than those of gates.py."""
    cells = {}
    for seed in seeds_of(args.seeds):
        cell, labels = args.cells / f'{METHOD}_{seed}.json', args.labels / f'{METHOD}_{seed}.npz'
        for path in (cell, labels):
            if not path.is_file():
                raise UserError('file', str(path), 'is not there; see --help')
        cells[seed] = json.loads(cell.read_text())
        check({cell.name: cells[seed]}, {'task': TASK, **asdict(Sizes())})
    return cells


if __name__ == '__main__':
    main()
