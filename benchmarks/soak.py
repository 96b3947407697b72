"""The whole graph at 60 Hz with recording for a long time: memory, handles, overruns, losses.

    python benchmarks/soak.py --minutes 15
    python benchmarks/soak.py --minutes 60

Simulator, policy (5 x 2x256 ensemble, untrained), gate `hg_dagger`, teleop, scripted operator and
recorder as processes in real time; one episode after the other. Memory is resident memory every
five seconds; its slope is Theil and Sen's, with the 95 % interval of Kendall's test, over the
second half of the run. Bar: at most 5 % an hour for every process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import measure
import numpy as np
import processes
import random_policy
import rates
import rclpy
from rclpy.signals import SignalHandlerOptions
from realtime import Ear

from il_core.errors import UserError
from il_core.load import load_spec
from il_data.manifest import load
from il_ros import environment
from il_ros.graph import NodeSpec, graph
from il_ros.graph_args import GraphArgs
from il_ros.parting import let_go, parted
from il_ros.run import StopFlag
from il_ros.session import Session

RATE_HZ = 60.0  # divides the rate of the physics, 240 Hz, which 50 does not
LOOK_S = 5.0
BAR_PERCENT = 5.0


def slope(times_s: Sequence[float], values: Sequence[float]) -> dict[str, float]:
    """Return Theil and Sen's slope in percent of the median an hour, with a 95 % interval."""
    t, y = np.asarray(times_s), np.asarray(values)
    n = len(t)
    i, j = np.triu_indices(n, 1)
    percent = np.sort((y[j] - y[i]) / (t[j] - t[i])) * 3600 * 100 / np.median(y)
    half = 1.96 * np.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    places = np.clip([(len(percent) - half) / 2, (len(percent) + half) / 2], 0, len(percent) - 1)
    low, high = percent[places.round().astype(int)]
    return {
        'n': n,
        'percent_per_hour': float(np.median(percent)),
        'low': float(low),
        'high': float(high),
    }


def summary(looks: Sequence[processes.Look]) -> dict[str, Any]:
    """Return what became of one process in the second half of its looks."""
    half = looks[len(looks) // 2 :]
    first, last = half[0], half[-1]
    busy = (last.cpu_s - first.cpu_s) / (last.time_s - first.time_s)
    return {
        'rss_mb': {'first': looks[0].rss_mb, 'middle': first.rss_mb, 'last': last.rss_mb},
        'slope': slope([look.time_s for look in half], [look.rss_mb for look in half]),
        'handles': {'first': first.handles, 'last': last.handles},
        'threads': {'first': first.threads, 'last': last.threads},
        'cpu_percent': 100 * busy,
    }


def record(session: Session, seconds: float, seed: int, stop: StopFlag) -> list[str]:
    """Run episodes for so long. Returns what went wrong in words."""
    end_s, troubles = time.monotonic() + seconds, []
    while time.monotonic() < end_s and not stop.is_set:
        try:
            session.episode(seed)
        except UserError as error:
            troubles.append(str(error))
        seed += 1
    return troubles


def episodes(run: Path) -> dict[str, Any]:
    """Return verdicts, their reasons, outcomes and losses of what was recorded."""
    done = [load(path.parent) for path in sorted(run.glob('bags/*/manifest.json'))]
    reasons = Counter(reason for one in done for reason in one.reasons)
    return {
        'n': len(done),
        'verdicts': dict(Counter(one.verdict.value for one in done)),
        'outcomes': dict(Counter(one.outcome.name.lower() for one in done)),
        'reasons': dict(reasons.most_common(10)),
        'lost': sum(max(topic.lost, 0) for one in done for topic in one.topics),
        'messages': sum(topic.count for one in done for topic in one.topics),
        'unfinished': len(list(run.glob('bags/2*'))) - len(done),
    }


def plan(folder: Path, seed: int) -> Sequence[NodeSpec]:
    """Return the graph to run."""
    robot = rates.robot_at(folder, RATE_HZ)
    checkpoint = random_policy.write(folder / 'checkpoint', load_spec('reach', robot), seed)
    args = GraphArgs(
        robot=robot,
        checkpoint=str(checkpoint),
        gate='hg_dagger',
        operator='scripted',
        run=str(folder),
        seed=seed,
    )
    return [node for node in graph(args) if node.name != 'jobs']


def run(folder: Path, minutes: float, seed: int) -> dict[str, Any]:
    """Run the graph for so long and return what was seen."""
    nodes, ear, stop = plan(folder, seed), Ear(), StopFlag()
    running = {n.name: processes.spawn(f'-m {n.module}', *n.ros_args()) for n in nodes}

    def look() -> None:
        ear.listen(0.0)
        gone = [name for name, process in running.items() if process.poll() is not None]
        if gone:
            raise subprocess.SubprocessError(f'ended by itself: {", ".join(gone)}')

    try:
        session = Session(folder, look)
        session.wait_for_graph()
        pids = {name: process.pid for name, process in running.items()}
        with processes.Watcher(pids, LOOK_S) as watcher:
            troubles = record(session, minutes * 60, seed, stop)
        let_go([session.node])
    finally:
        processes.end(list(running.values()))
    return {
        'processes': {name: summary(looks) for name, looks in watcher.looks.items()},
        'overruns': {name: ear.counts(name) for name in ('policy', 'gate')},
        'episodes': episodes(folder),
        'troubles': troubles,
    }


def main() -> None:
    parser = measure.parser(__doc__, 'soak')
    parser.add_argument('--minutes', type=float, default=15.0)
    args = parser.parse_args()
    os.environ.setdefault('ROS_DOMAIN_ID', '42')
    environment.use_transport()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    with tempfile.TemporaryDirectory() as folder:
        result = run(Path(folder), args.minutes, args.seed)
    report(result)
    bars = {'percent_per_hour': BAR_PERCENT}
    about = {'seed': args.seed, 'minutes': args.minutes, 'rate_hz': RATE_HZ, 'bars': bars}
    measure.write(args.out, {**about, **result})


def report(result: Mapping[str, Any]) -> None:
    """Print the table."""
    for name, found in result['processes'].items():
        rss, rise = found['rss_mb'], found['slope']
        print(
            f'{name:<10} {rss["first"]:6.1f} {rss["middle"]:6.1f} {rss["last"]:6.1f} MB, ', end=''
        )
        print(f'{rise["percent_per_hour"]:+6.2f} % an hour ', end='')
        print(f'({rise["low"]:+.2f} to {rise["high"]:+.2f}, n {rise["n"]}); ', end='')
        changed = [f'{key} {found[key]["first"]} -> {found[key]["last"]}' for key in KEPT]
        print(f'{", ".join(changed)}; {found["cpu_percent"]:.0f} % of a core')
    print('overruns:', result['overruns'])
    print('episodes:', result['episodes'])
    if result['troubles']:
        print('troubles:', *result['troubles'], sep='\n  ')


KEPT = ('handles', 'threads')


if __name__ == '__main__':
    main()
    sys.exit(parted(0))
