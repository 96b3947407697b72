"""How far cloning alone gets on a task: success over demonstrations.

    python benchmarks/clone.py --task peg_insert --demos 30 120 --repeats 5

Every repeat has its own demonstrations of the scripted human (over the joystick's mapping, in
`il_loop.rollout`), its own training seed and its own evaluation seeds. `x real time` is simulated
over wall seconds of the evaluation, inference, gate and physics included, on one core.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import measure
import torch

from il_core.load import load_spec
from il_core.types import NS_PER_S
from il_data.dataset import labels
from il_loop.cast import ALONE, DEMONSTRATE, make_loop, play
from il_loop.stats import SHARE, mean, wilson
from il_policy import bc
from il_sim.api import World, make_world

STRIDE, EVALUATE = 100_000, 50_000


def cloned(world: World, demos: int, number: int, args: Any) -> dict[str, Any]:
    """Demonstrate, clone, evaluate once."""
    base = args.seed + STRIDE * (number + 1)
    shown = play(make_loop(world, DEMONSTRATE), range(base, base + demos), 'demo')
    rows = labels(shown).columns
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        out = bc.train(
            rows, world.spec, bc.BcConfig(epochs=args.epochs), seed=number, out=Path(folder) / 'bc'
        )
        trained = time.monotonic()
        seeds = range(base + EVALUATE, base + EVALUATE + args.evaluations)
        alone = play(make_loop(world, ALONE, out), seeds)
    took_s = time.monotonic() - trained
    ticks = sum(len(episode) for episode in alone)
    outcomes = Counter(episode.manifest.outcome.name.lower() for episode in alone)
    return {
        'demos': demos,
        'repeat': number,
        'labels': len(rows),
        'training_s': trained - begin,
        'outcomes': dict(outcomes),
        'success': outcomes['success'] / len(alone),
        'x_real_time': ticks * world.spec.period_ns / NS_PER_S / took_s,
    }


def summed(cells: list[dict[str, Any]], evaluations: int) -> dict[str, Any]:
    """Return success over the repeats of one number of demonstrations."""
    shares = [cell['success'] for cell in cells]
    over = mean(shares, SHARE)
    pooled = wilson(round(sum(shares) * evaluations), len(cells) * evaluations)
    return {
        'demos': cells[0]['demos'],
        'repeats': len(cells),
        'evaluations': evaluations,
        'success': {'value': over.value, 'low': over.low, 'high': over.high},
        'pooled': {'value': pooled.value, 'low': pooled.low, 'high': pooled.high},
        'least': min(shares),
        'most': max(shares),
        'x_real_time': measure.spread(cell['x_real_time'] for cell in cells),
    }


def show(rows: list[dict[str, Any]]) -> None:
    print(f'{"demos":>6}{"success":>24}{"least":>8}{"most":>8}{"x real time":>13}')
    for row in rows:
        s = row['success']
        print(
            f'{row["demos"]:>6}{s["value"]:>10.2f} ({s["low"]:.2f}..{s["high"]:.2f})'
            f'{row["least"]:>9.2f}{row["most"]:>8.2f}{row["x_real_time"]["median"]:>13.1f}'
        )


def main() -> None:
    parser = measure.parser(__doc__, 'clone_peg_insert')
    parser.add_argument('--task', default='peg_insert')
    parser.add_argument('--demos', type=int, nargs='+', default=[30, 120])
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--evaluations', type=int, default=100)
    parser.add_argument('--epochs', type=float, default=200.0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    world, rows, cells = make_world(load_spec(args.task)), [], []
    for demos in args.demos:
        made = [cloned(world, demos, number, args) for number in range(args.repeats)]
        rows.append(summed(made, args.evaluations))
        cells += made
    show(rows)
    settings = {k: v for k, v in vars(args).items() if k != 'out'}
    human = DEMONSTRATE.human
    measure.write(args.out, {'settings': settings, 'human': human, 'rows': rows, 'cells': cells})


if __name__ == '__main__':
    main()
