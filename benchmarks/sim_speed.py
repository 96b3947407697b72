"""How fast the worlds run, and how often their supervisors succeed.

    python benchmarks/sim_speed.py --n 200

Control steps per second (20 Hz control; physics at 240 Hz in reach, 480 Hz in peg_insert;
supervisor, observation; no pictures), time of a reset, pictures of reach per second, and the
supervisor's success over n seeds with Wilson's interval. `per CPU s` counts processor time and the
resets, so that other work on the machine matters less. The gym row is MountainCar under its
supervisor. One process, one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import measure
from rich.console import Console
from rich.table import Table

from il_core.load import load_spec
from il_core.types import Outcome
from il_loop.stats import wilson
from il_sim.api import World, make_world

TASKS = ('reach', 'peg_insert', 'gym:MountainCar-v0')
SIZES = ((240, 180), (480, 360))


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that `work` takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def run(world: World, seed: int) -> tuple[Outcome, list[float], float]:
    """Supervise one episode; return its outcome, seconds per tick and seconds of the reset."""
    reset_s = timed(lambda: world.reset(seed))
    ticks_s, outcome = [], Outcome.UNKNOWN
    while outcome is Outcome.UNKNOWN:
        begin = time.perf_counter()
        outcome = world.step(world.supervisor())
        world.observe()
        ticks_s.append(time.perf_counter() - begin)
    return outcome, ticks_s, reset_s


def supervised(task: str, seeds: Sequence[int]) -> dict[str, Any]:
    """Run one episode per seed under the supervisor and count."""
    world = make_world(load_spec(task))
    begin = time.process_time()
    runs = [run(world, seed) for seed in seeds]
    cpu_s = time.process_time() - begin
    world.close()
    failed = [s for s, r in zip(seeds, runs, strict=True) if r[0] is not Outcome.SUCCESS]
    rate = wilson(len(runs) - len(failed), len(runs))
    ticks_s = [t for _, ticks, _ in runs for t in ticks]
    return {
        'task': task,
        'seeds': [seeds[0], seeds[-1]],
        'success': {'value': rate.value, 'low': rate.low, 'high': rate.high, 'n': rate.n},
        'failed_seeds': failed,
        'ticks_per_episode': measure.spread(len(ticks) for _, ticks, _ in runs),
        'steps_per_s': len(ticks_s) / sum(ticks_s),
        'steps_per_cpu_s_with_resets': len(ticks_s) / cpu_s,
        'tick_s': measure.spread(ticks_s),
        'reset_s': measure.spread(r for _, _, r in runs),
    }


def pictures(n: int) -> dict[str, float]:
    """Return pictures per second of reach by size."""
    world = make_world(load_spec('reach'))
    rates = {}
    for width, height in SIZES:
        world.render(width, height)
        seconds = [timed(lambda w=width, h=height: world.render(w, h)) for _ in range(n)]
        rates[f'{width}x{height}'] = n / sum(seconds)
    world.close()
    return rates


def show(rows: Sequence[dict[str, Any]], rates: dict[str, float]) -> None:
    """Print what was measured."""
    table = Table(title='simulated worlds, one process')
    for head in ('task', 'success', 'steps/s', 'per CPU s', 'tick p50', 'reset p50', 'ticks'):
        table.add_column(head, justify='right' if head != 'task' else 'left')
    for row in rows:
        s = row['success']
        table.add_row(
            row['task'],
            f'{s["value"]:.1%} [{s["low"]:.1%}, {s["high"]:.1%}] n={s["n"]}',
            f'{row["steps_per_s"]:.0f}',
            f'{row["steps_per_cpu_s_with_resets"]:.0f}',
            f'{row["tick_s"]["median"] * 1e3:.2f} ms',
            f'{row["reset_s"]["median"] * 1e3:.1f} ms',
            f'{row["ticks_per_episode"]["median"]:.0f}',
        )
    console = Console()
    console.print(table)
    for size, rate in rates.items():
        console.print(f'pictures of reach, {size}: {rate:.0f} per second')


def main() -> None:
    parser = measure.parser(__doc__, 'sim_speed')
    parser.add_argument('--n', type=int, default=200, help='seeds per world')
    parser.add_argument('--pictures', type=int, default=40, help='pictures per size')
    args = parser.parse_args()
    seeds = range(args.seed, args.seed + args.n)
    rows = [supervised(task, seeds) for task in TASKS]
    rates = pictures(args.pictures)
    show(rows, rates)
    measure.write(args.out, {'worlds': rows, 'pictures_per_s': rates})


if __name__ == '__main__':
    main()
