"""Faults in the real graph: what the robot is told, for how long it hears nothing, what is lost.

    python benchmarks/faults.py --n 200 --seed 0 --jobs 2
    python benchmarks/faults.py --n 4 --only kill_gate,disk_full
    python benchmarks/faults.py --n 100 --composed --out docs/results/faults_composed.json

Simulator, policy, gate, teleop and recorder run as processes at 20 Hz in real time, as `il run`
starts them, with the settings of a real robot (after a fault the gate waits for `gate/resume`);
with --composed in one process, without the faults that hit one of them alone.
A seeded draw injects one fault after the other (faults_list.py) while an episode runs. Rows go to
--rows as they come, and a second call goes on from there. Bars: 0 unsafe commands, 0 finished
episodes lost.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import measure
import numpy as np
import rclpy
from faults_judge import longest_gap_s
from faults_list import FAULTS, Fault
from faults_stand import DEAD_MAN, Stand
from rclpy.signals import SignalHandlerOptions

from il_core.types import Mode
from il_data.check import damage
from il_ros import environment

PAUSE_S = (0.2, 0.7)
EPISODE_FAULTS = 3  # an episode ends after so many
DISK_MB = 64


def draw(n: int, seed: int, names: list[str]) -> list[str]:
    """Return n names, every one equally often (but for the rest), in a seeded order."""
    rng = np.random.default_rng((31, seed))
    rounds = [rng.permutation(names).tolist() for _ in range(-(-n // len(names)))]
    return [name for some in rounds for name in some][:n]


def one(stand: Stand, fault: Fault, rng: np.random.Generator) -> dict[str, Any]:
    """Inject one fault and say what happened."""
    stand.axes = rng.uniform(-1, 1, 4).tolist()
    ready = stand.ready(fault.mode)
    stand.rest(rng.uniform(*PAUSE_S))
    unsafe, ended = len(stand.judge.unsafe), len(stand.ended)
    before, begin_s = stand.mode.name, time.time()
    words = [fault.inject(stand) if ready else 'not ready']
    stand.rest(fault.lasts_s)
    words.append(fault.undo(stand))
    undone_s = time.time()
    held = [(t, s) for t, s in stand.judge.states if t >= begin_s and s.mode is Mode.HOLD]
    recovered = stand.ready(fault.mode)
    held = held or [(t, s) for t, s in stand.judge.states if t >= begin_s and s.mode is Mode.HOLD]
    end_s = time.time()
    stand.buttons[DEAD_MAN] = int(fault.mode is Mode.SUPERVISOR)
    first = held[0] if held else None
    cause = first[1].cause.name if first else ''
    return {
        'fault': fault.name,
        'before': before,
        'cause': cause,
        'detail': first[1].detail if first else '',
        'said': [w for w in words if w],
        'as_expected': ready and _expected(fault, cause),
        'hold_s': first[0] - begin_s if first and fault.causes else None,
        'gap_s': longest_gap_s(stand.judge.times, begin_s, end_s),
        'unsafe': stand.judge.unsafe[unsafe:],
        'recovered': recovered,
        'recovery_s': end_s - undone_s,
        'ended': list(stand.ended)[ended:],
    }


def _expected(fault: Fault, cause: str) -> bool:
    if fault.robot_stops:
        return True
    return cause in [c.name for c in fault.causes] if fault.causes else not cause


@contextmanager
def disk(folder: Path) -> Any:
    """A small disk for the bags (a tmpfs, where we may mount one)."""
    place = folder / 'run'
    place.mkdir()
    options = ['-t', 'tmpfs', '-o', f'size={DISK_MB}m', 'tmpfs']
    mounted = subprocess.run(['mount', *options, str(place)], check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(['umount', '-l', str(place)], check=False)


def campaign(args: argparse.Namespace, names: list[str]) -> None:
    """Run this process's share of the faults; a graph that ends by itself is started anew."""
    done = {row['index'] for row in read_rows(args.rows)}
    plan = list(enumerate(draw(args.n, args.seed, names)))
    todo = [(i, name) for i, name in plan if i not in done and i % args.jobs == args.shard]
    while todo:
        with tempfile.TemporaryDirectory() as folder, disk(Path(folder)) as mounted:
            todo = graph_of(
                Path(folder), args, [t for t in todo if mounted or 'disk_' not in t[1]]
            )


def graph_of(folder: Path, args: argparse.Namespace, todo: list[Any]) -> list[Any]:
    """Start a graph and inject; return what is left where it ended early."""
    stand, rows = Stand(folder, args.seed, args.composed), list[dict[str, Any]]()
    try:
        while todo:
            index, name = todo.pop(0)
            rng = np.random.default_rng((37, args.seed, index))
            try:
                row = one(stand, FAULTS[name], rng)
            except RuntimeError as error:
                rows.append({'index': index, 'fault': name, 'graph_ended': str(error)[-2000:]})
                break
            rows.append({'index': index, **row})
            say(rows[-1])
            if len(rows) % EPISODE_FAULTS == 0:
                stand.end_episode()
                rows[-1]['ended'] += [i for i in stand.ended if i not in row['ended']][-1:]
        return todo
    finally:
        stand.close()
        write_rows(args.rows, rows, stand)
        (args.rows.with_suffix('.log')).write_text('\n'.join(stand.log) + '\n')


def say(row: dict[str, Any]) -> None:
    hold = '' if row['hold_s'] is None else f'{row["hold_s"]:.2f} s'
    mark = ' ' if row['as_expected'] else '?'
    print(
        f'{row["index"]:4} {mark} {row["fault"]:20} {row["before"]:10} {row["cause"]:20} {hold:7} '
        f'gap {row["gap_s"]:.2f} s {row["unsafe"][:1] or ""} {"; ".join(row["said"])}',
        flush=True,
    )


def broken(bag: Path) -> str:
    """Return what is wrong with the files of an episode; empty where they are whole."""
    return damage(bag) if list(bag.glob('*.mcap')) else 'not there'


def write_rows(path: Path, rows: list[dict[str, Any]], stand: Stand) -> None:
    """Append rows, with those finished episodes that are not there whole. An episode that the
    recorder itself calls BAD was not finished."""
    with path.open('a') as out:
        for row in rows:
            there = [i for i in row.get('ended', ()) if not stand.ended[i].startswith('BAD')]
            found = {i: broken(stand.bags / i) for i in there}
            row['lost'] = [f'{i}: {words}' for i, words in found.items() if words]
            row['ended'] = [f'{i}: {stand.ended[i][:160]}' for i in row.get('ended', ())]
            out.write(json.dumps(row) + '\n')


def read_rows(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def table(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return a line per fault."""
    groups = defaultdict(list)
    for row in rows:
        groups[row['fault']].append(row)
    return {name: _line(some) for name, some in sorted(groups.items())}


def _line(rows: list[dict[str, Any]]) -> dict[str, Any]:
    whole = [r for r in rows if 'graph_ended' not in r]
    holds = [r['hold_s'] for r in whole if r['hold_s'] is not None]
    return {
        'n': len(rows),
        'graph_ended': len(rows) - len(whole),
        'as_expected': sum(r['as_expected'] for r in whole),
        'hold_s_worst': max(holds, default=None),
        'hold_s_median': float(np.median(holds)) if holds else None,
        'gap_s_worst': max((r['gap_s'] for r in whole), default=None),
        'recovered': sum(r['recovered'] for r in whole),
        'recovery_s_worst': max((r['recovery_s'] for r in whole), default=None),
        'unsafe': sum(len(r['unsafe']) for r in whole),
        'episodes': sum(len(r.get('ended', ())) for r in rows),
        'lost': sum(len(r['lost']) for r in rows),
    }


def report(args: argparse.Namespace) -> None:
    rows = sorted(read_rows(args.rows), key=lambda row: row['index'])
    lines = table(rows)
    cells = '{:20} {:>4} {:>8} {:>11} {:>9} {:>9} {:>6} {:>8} {:>5}'
    print(cells.format('fault', 'n', 'expected', 'worst HOLD', 'worst gap', 'recovery', *HEAD))
    for name, x in lines.items():
        times = [_s(x[k]) for k in ('hold_s_worst', 'gap_s_worst', 'recovery_s_worst')]
        tail = (x['unsafe'], x['episodes'], x['lost'])
        print(cells.format(name, x['n'], x['as_expected'], *times, *tail))
    totals = {key: sum(x[key] for x in lines.values()) for key in TOTALS}
    print(totals)
    about = {'seed': args.seed, 'composed': args.composed}
    result = {**about, 'totals': totals, 'faults': lines, 'rows': rows}
    measure.write(args.out, result)


HEAD = ('unsafe', 'episodes', 'lost')
TOTALS = ('n', 'graph_ended', 'as_expected', 'recovered', 'unsafe', 'episodes', 'lost')


def _s(value: float | None) -> str:
    return '-' if value is None else f'{value:.2f} s'


def main() -> None:
    parser = measure.parser(__doc__, 'faults')
    parser.add_argument('--n', type=int, default=200)
    parser.add_argument('--jobs', type=int, default=1, help='graphs side by side')
    parser.add_argument('--only', default='', help=f'of {", ".join(FAULTS)}')
    parser.add_argument('--composed', action='store_true', help='all nodes in one process')
    parser.add_argument('--rows', type=Path, default=None, help='a line per fault, to go on from')
    parser.add_argument('--shard', type=int, default=-1, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.rows = args.rows or args.out.with_suffix('.rows.jsonl')
    domain = int(os.environ.get('ROS_DOMAIN_ID', '42'))
    if args.shard < 0:
        shards = [
            subprocess.Popen(
                [*shard_command(args), '--shard', str(k), '--rows', str(shard_rows(args, k))],
                env={**os.environ, 'ROS_DOMAIN_ID': str(domain + k)},
            )
            for k in range(args.jobs)
        ]
        codes = [process.wait() for process in shards]
        args.rows.write_text(''.join(shard_rows(args, k).read_text() for k in range(args.jobs)))
        report(args)
        sys.exit(max(codes))
    environment.use_transport()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    able = [name for name, fault in FAULTS.items() if not (args.composed and fault.apart)]
    campaign(args, args.only.split(',') if args.only else able)
    rclpy.try_shutdown()


def shard_command(args: argparse.Namespace) -> list[str]:
    numbers = ['--n', args.n, '--seed', args.seed, '--jobs', args.jobs, '--only', args.only]
    flags = ['--composed'] if args.composed else []
    return [sys.executable, __file__, *map(str, numbers), *flags]


def shard_rows(args: argparse.Namespace, shard: int) -> Path:
    return Path(args.rows.with_suffix(f'.{shard}.jsonl'))


if __name__ == '__main__':
    main()
