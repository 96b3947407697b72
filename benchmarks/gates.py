"""Gates side by side on one task: success alone and with help, and what it cost the human.

    python benchmarks/gates.py --seeds 0-4 --jobs 2        run what is missing, then the table
    python benchmarks/gates.py --table                     the table from all that is there
    python benchmarks/gates.py --task point_insert --demos 3 --steps 300 --critic-steps 2000
    python benchmarks/gates.py --ray auto                  the same cells on a Ray cluster

A cell is one method with one seed, in a process of its own (`gates_cell.py`); its JSON is written
when it ends, so a stopped run goes on where it was. The methods, and the rule of the simulated
human, are fixed in docs/reference/experiments.md. Pairs are of the same evaluation seed. Options
that are not listed here go to the cells (`gates_cell.py --help`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from itertools import chain, product
from pathlib import Path
from typing import Any

import measure
import numpy as np
from gates_methods import METHODS
from gates_numbers import calls, check, check_method, stay
from gates_plot import draw
from gates_ray import Cell, run_on_ray
from gates_table import SAID, page

from il_core.errors import UserError
from il_core.load import load_spec
from il_loop.stats import POSITIVE, SHARE, mean, paired_difference, ratio, wilson

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / 'docs' / 'results'
# Claims of papers on what a method costs beside another one.
PRICES = (
    ('safe', 'dagger', 'new_labels'),
    ('lazy', 'safe', 'calls'),
    ('lazy_noise', 'safe', 'calls'),
)
# Methods that a paper, or the row itself, sets beside another one: of, minus.
BESIDE = (
    ('hg', 'dagger'),
    ('safe', 'dagger'),
    ('ensemble', 'dagger'),
    ('lazy', 'safe'),
    ('lazy_noise', 'lazy'),
    ('bc_equal', 'bc'),
    ('bc_noise', 'bc'),
    ('hg_strict', 'hg'),
    ('hg_iwr', 'hg'),
)
AFTER = {'bc_equal': 'thrifty', 'random': 'thrifty'}  # needs to know that cell
SINGLE = {f'{name}_NUM_THREADS': '1' for name in ('OMP', 'OPENBLAS', 'MKL')}


def wanted(methods: list[str], seeds: list[int], folder: Path) -> list[Cell]:
    """Return the cells that are missing, those of one seed together."""
    return [(m, s) for s in seeds for m in methods if not (folder / f'{m}_{s}.json').is_file()]


def seeds_of(words: str) -> list[int]:
    """Return the seeds of `A` or `A-B`. Raises UserError where that is none."""
    first, _, last = words.partition('-')
    last = last or first
    if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise UserError('--seeds', words, 'must be A or A-B, whole numbers, A at most B')
    return list(range(int(first), int(last) + 1))


def run(cells: list[Cell], options: list[str], jobs: int) -> list[Cell]:
    """Run cells in so many processes at a time; return those that failed."""
    left, running, failed = list(cells), dict[Cell, Any](), list[Cell]()
    while left or running:
        for cell in [c for c in left if _ready(c, left, running)][: jobs - len(running)]:
            left.remove(cell)
            command = [sys.executable, str(HERE / 'gates_cell.py'), cell[0], str(cell[1])]
            running[cell] = subprocess.Popen([*command, *options], env={**os.environ, **SINGLE})
        time.sleep(1)
        for cell, process in list(running.items()):
            if process.poll() is not None:
                del running[cell]
                failed += [cell] if process.returncode else []
                print(f'{cell[0]}, seed {cell[1]}: exit code {process.returncode}', flush=True)
    return failed


def _ready(cell: Cell, left: list[Any], running: dict[Any, Any]) -> bool:
    before = (AFTER.get(cell[0], ''), cell[1])
    return before not in left and before not in running


def cells_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the cells of a folder by file name."""
    return {p.name: json.loads(p.read_text()) for p in sorted(folder.glob('*_*.json'))}


def load(folder: Path) -> dict[str, dict[int, dict[str, Any]]]:
    """Return method -> seed -> cell. Raises UserError where they cannot be compared."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    cells = cells_in(folder)
    for name, cell in cells.items():
        check(cells, cell['settings'])
        check_method(name, cell)
        found.setdefault(cell['method'], {})[cell['seed']] = cell
    return {m: dict(sorted(found[m].items())) for m in METHODS if m in found}


def estimate(value: Any) -> dict[str, float]:
    return {'value': value.value, 'low': value.low, 'high': value.high, 'n': value.n}


def summed(
    name: str, cells: dict[int, dict[str, Any]], first: dict[int, dict[str, Any]]
) -> dict[str, Any]:
    """Return one method over its seeds: means with t intervals over seeds. `first`: `bc`, whose
    labels are the demonstrations."""
    row: dict[str, Any] = {'method': name, 'seeds': sorted(cells), 'what': METHODS[name].words}
    columns = ('labels', 'interventions', 'human_actions', 'robot_actions', 'switch_rate')
    for key in ('autonomous', 'aided', 'equal'):
        wins = [cell[key]['wins'] for cell in cells.values() if cell.get(key)]
        if wins:
            row[key] = estimate(mean([float(np.mean(w)) for w in wins], SHARE))
            flat = [w for column in wins for w in column]
            row[f'{key}_pooled'] = estimate(wilson(sum(flat), len(flat)))
    for key in columns:
        values = [cell[key] for cell in cells.values() if cell.get(key) is not None]
        if values:
            row[key] = estimate(mean(values, POSITIVE))
    collected = [cell for cell in cells.values() if cell.get('rounds')]
    if all(calls(cell) is not None for cell in collected):
        for key, of in (('calls', calls), ('stay', stay)):
            values = [value for cell in collected if (value := of(cell)) is not None]
            if values:
                row[key] = estimate(mean(values, POSITIVE))
    said = {s: c.get('human_labels', c['labels']) for s, c in cells.items()}
    new = [count - first[s]['labels'] for s, count in said.items() if s in first]
    if new and name != 'bc':
        row['new_labels'] = estimate(mean(new, POSITIVE))
    row['alone_by_seed'] = [float(np.mean(c['autonomous']['wins'])) for c in cells.values()]
    row['seconds'] = measure.spread(cell['seconds']['all'] for cell in cells.values())
    return row


def differences(
    found: dict[str, dict[int, dict[str, Any]]], pairs: Iterable[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Return the success of one method minus that of another, seed by seed; nothing of pairs
    without a seed in common."""
    rows = []
    for key, (of, minus) in product(SAID, pairs):
        after, before = found.get(of, {}), found.get(minus, {})
        seeds = [s for s in after if s in before and key in before[s] and key in after[s]]
        wins = [(before[s][key]['wins'], after[s][key]['wins']) for s in seeds]
        if seeds:
            pooled = paired_difference(*map(_flat, zip(*wins, strict=True)))
            over = mean([float(np.mean(b) - np.mean(a)) for a, b in wins], (-1, 1))
            numbers = {'pooled_pairs': estimate(pooled), 'over_seeds': estimate(over)}
            rows.append({'of': of, 'minus': minus, 'what': key, **numbers, 'seeds': seeds})
    return rows


def _flat(columns: Iterable[list[bool]]) -> list[bool]:
    return list(chain.from_iterable(columns))


def prices(found: dict[str, dict[int, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return ratios of costs, and of successes alone, over the seeds that both have."""
    rows = []
    for of, over, what in PRICES:
        seeds = sorted(
            set(found.get(of, {})) & set(found.get(over, {})) & set(found.get('bc', {}))
        )
        if seeds:
            row: dict[str, Any] = {'of': of, 'over': over, 'what': what, 'seeds': seeds}
            for key, number in (('price', what), ('alone', 'alone')):
                pair = [[_price(found, m, s, number) for s in seeds] for m in (of, over)]
                row[key] = estimate(ratio(*pair))
            rows.append(row)
    return rows


def _price(
    found: dict[str, dict[int, dict[str, Any]]], method: str, seed: int, what: str
) -> float:
    """Return a number of a cell; `new_labels`: those after the demonstrations."""
    cell = found[method][seed]
    if what == 'calls':
        return calls(cell)
    if what == 'new_labels':
        return float(cell['labels'] - found['bc'][seed]['labels'])
    return float(np.mean(cell['autonomous']['wins']) if what == 'alone' else cell[what])


def check_options(task: str, options: list[str], folder: Path) -> None:
    """Raise UserError where the task is not known, or cells of other settings are in the folder
    already."""
    from gates_cell import arguments, settings_of  # torch; a table needs none

    load_spec(task)
    words = ['bc', '0', '--folder', str(folder), '--task', task, *options]
    settings = settings_of(arguments().parse_args(words))
    check(cells_in(folder), settings)


def check_first(cells: list[Cell], folder: Path) -> None:
    """Raise UserError where a cell needs one that is neither there nor to be run before."""
    for method, seed in cells:
        first = (AFTER.get(method, ''), seed)
        there = (folder / f'{first[0]}_{seed}.json').is_file()
        if first[0] and first not in cells and not there:
            rule = f'needs the cell of {first[0]} with seed {seed}: name that method, too'
            raise UserError('--methods', method, rule)


def main() -> None:
    """Run what is missing, then write the table."""
    try:
        failed = work(options())
    except UserError as error:
        sys.exit(f'gates.py: {error}')
    sys.exit(f'failed: {failed}' if failed else 0)


def options() -> argparse.Namespace:
    """Return the options; `more`: those that go to the cells."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--methods', nargs='+', default=list(METHODS), choices=list(METHODS))
    parser.add_argument('--seeds', default='0-4', help='A or A-B')
    parser.add_argument('--jobs', type=int, default=1, help='cells at a time')
    parser.add_argument('--task', default='peg_insert')
    parser.add_argument('--folder', type=Path, help='of the cells; default: by the task')
    parser.add_argument('--of', default='thrifty', choices=list(METHODS), help='paired with all')
    parser.add_argument('--table', action='store_true', help='run nothing')
    parser.add_argument('--ray', default='', metavar='ADDRESS', help='run them on this cluster')
    args, args.more = parser.parse_known_args()
    if args.table and args.more:
        parser.error(f'--table runs nothing and knows no {" ".join(args.more)}')
    return args


def work(args: argparse.Namespace) -> list[Cell]:
    """Run cells and write the table of all that are in the folder; return those that failed.
    Raises UserError."""
    failed: list[Cell] = []
    name = Path(args.task).stem.replace(':', '_')
    folder = args.folder or RESULTS / f'gates_{name}'
    if args.jobs < 1:
        raise UserError('--jobs', args.jobs, 'must be at least 1')
    if not args.table:
        check_options(args.task, args.more, folder)
        cells = wanted(args.methods, seeds_of(args.seeds), folder)
        check_first(cells, folder)
        folder.mkdir(parents=True, exist_ok=True)
        options = ['--task', args.task, *args.more]
        if args.ray:
            failed = run_on_ray(cells, options, folder, args.ray, AFTER, SINGLE)
        else:
            failed = run(cells, ['--folder', str(folder), *options], args.jobs)
    found = load(folder)
    if not found:
        rule = 'holds no cell' + (f'; failed: {failed}' if failed else '')
        raise UserError('--folder', str(folder), rule)
    rows = [summed(name, cells, found.get('bc', {})) for name, cells in found.items()]
    gaps = differences(found, [(args.of, other) for other in found if other != args.of])
    beside, costs = differences(found, BESIDE), prices(found)
    result = {
        'rows': rows,
        'of': args.of,
        'differences': gaps,
        'beside': beside,
        'prices': costs,
    }
    text = page(result, args.task)
    print(text)
    Path(f'{folder}.md').write_text(text)
    measure.write(Path(f'{folder}.json'), result)
    draw(rows, args.task, Path(f'{folder}.png'))
    return failed


if __name__ == '__main__':
    main()
