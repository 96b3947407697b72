"""How well policy and gate keep their period, idle and with every core busy.

    python benchmarks/realtime.py --seconds 40
    python benchmarks/realtime.py --seconds 10 --rates 100 --loads busy fifo

Policy (5 x 2x256 ensemble, on its timer) and gate run as processes beside one that publishes the
sensors. Period error: how far the distance between two ticks is from the period, for the policy
between the stamps of its proposals, for the gate between the publish calls of its commands. Late
and slow ticks are those that the nodes report in their diagnostics. `busy`: a process per core
computes at normal priority. `fifo`: busy, with policy and gate under `realtime_priority` 20 (left
out where the user may not).
"""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import measure
import numpy as np
import processes
import random_policy
import rates
import rclpy
from rclpy.experimental import EventsExecutor

from il_core.load import load_spec
from il_ros import environment
from il_ros.graph import graph
from il_ros.graph_args import GraphArgs
from il_ros.topics import TOPICS, create_subscription

HERE = Path(__file__).parent
RATES, LOADS = (50.0, 100.0), ('idle', 'busy', 'fifo')
PRIORITY = 20
BURN = 'while True: sum(range(10000))'
WARM_S, PATIENCE_S = 2.0, 30.0
COUNTS = ('ticks', 'late_ticks', 'slow_ticks', 'ticks_without_proposal')


class Ear:
    """Keeps the last diagnostics of every node."""

    def __init__(self) -> None:
        self._node, self._executor = rclpy.create_node('ear'), EventsExecutor()
        self._executor.add_node(self._node)
        self.told: dict[str, dict[str, str]] = {}
        self._kept = create_subscription(self._node, TOPICS['diagnostics'], self._hear)

    def listen(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        self._executor.spin_once(0.001)
        while time.monotonic() < end_s:
            self._executor.spin_once(0.05)

    def wait_for(self, names: Sequence[str]) -> None:
        """Wait until these nodes tell how they tick. Raises TimeoutError."""
        end_s = time.monotonic() + PATIENCE_S
        while not all(self.counts(name) for name in names):
            if time.monotonic() > end_s:
                raise TimeoutError(f'no diagnostics with ticks from all of {names}')
            self.listen(0.1)

    def counts(self, name: str) -> dict[str, int]:
        """Return the overruns that a node told last."""
        told = self.told.get(name, {})
        return {key: int(told[key]) for key in COUNTS if key in told}

    def _hear(self, message: Any) -> None:
        for status in message.status:
            self.told[status.name] = {v.key: v.value for v in status.values}


def errors_ms(times_ns: Sequence[int], rate_hz: float) -> dict[str, float]:
    """Return quantiles of the period error in ms."""
    gaps = np.array([b - a for a, b in pairwise(sorted(times_ns))])
    error = np.abs(gaps / 1e6 - 1e3 / rate_hz)
    names, quantiles = ('p50', 'p99', 'p99.9'), np.quantile(error, (0.5, 0.99, 0.999))
    found = dict(zip(names, map(float, quantiles), strict=True))
    return {'n': len(error), **found, 'max': float(error.max())}


def run(ear: Ear, folder: Path, rate_hz: float, load: str, args: Any) -> dict[str, Any]:
    """Measure one rate under one load."""
    robot = rates.robot_at(folder, rate_hz)
    spec = load_spec('reach', robot)
    checkpoint = random_policy.write(folder / 'checkpoint', spec, args.seed)
    priority = PRIORITY if load == 'fifo' else 0
    nodes = graph(
        GraphArgs(
            mode='robot',
            robot=robot,
            checkpoint=str(checkpoint),
            gate='policy_only',
            operator='none',
            handover='instant',
            set=f'policy.realtime_priority={priority} gate.realtime_priority={priority}',
        )
    )
    ear.told.clear()
    running = [
        processes.spawn(HERE / 'sources.py', 'sensors', str(folder / 'sent'), 'reach', robot, '/')
    ]
    for node in nodes:
        out = str(folder / f'{node.name}.notes')
        running.append(
            processes.spawn(HERE / 'graph_probe.py', out, node.module, *node.ros_args())
        )
    ear.wait_for([node.name for node in nodes])
    ear.listen(WARM_S)
    cores = len(os.sched_getaffinity(0)) if load != 'idle' else 0
    burning = [processes.spawn('-c', BURN) for _ in range(cores)]
    before = {node.name: ear.counts(node.name) for node in nodes}
    begun_ns, begun_utc_ns = time.monotonic_ns(), time.time_ns()
    ear.listen(args.seconds)
    ended_ns, ended_utc_ns = time.monotonic_ns(), time.time_ns()
    for process in burning:
        process.kill()
        process.wait()
    after = {node.name: ear.counts(node.name) for node in nodes}
    processes.end(running)
    notes = {n.name: json.loads((folder / f'{n.name}.notes').read_text()) for n in nodes}
    ticks = [stamp for _, kind, topic, stamp, _ in notes['policy'] if topic == 'policy/proposal']
    commands = [now for _, kind, topic, _, now in notes['gate'] if (kind, topic) == SENT]
    return {
        'policy': errors_ms([t for t in ticks if begun_utc_ns < t < ended_utc_ns], rate_hz),
        'gate': errors_ms([t for t in commands if begun_ns < t < ended_ns], rate_hz),
        'counted': {name: _minus(after[name], before[name]) for name in after},
        'collector': {name: collector(notes[name], begun_ns, ended_ns) for name in notes},
    }


SENT = ('out', 'command')


def collector(notes: Sequence[Sequence[Any]], begun_ns: int, ended_ns: int) -> dict[str, float]:
    """Return how often the garbage collector came meanwhile, and how long it took at most."""
    rounds = [note[3:] for note in notes if note[1] == 'gc']
    took_ms = [took_ns / 1e6 for took_ns, now_ns in rounds if begun_ns < now_ns < ended_ns]
    return {'n': len(took_ms), 'max_ms': max(took_ms, default=0.0)}


def permitted() -> bool:
    """Return whether this user may run under SCHED_FIFO."""
    return os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_RTPRIO)[0] >= PRIORITY


def _minus(after: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {key: value - before.get(key, 0) for key, value in after.items()}


def main() -> None:
    parser = measure.parser(__doc__, 'realtime')
    parser.add_argument('--seconds', type=float, default=40.0)
    parser.add_argument('--rates', type=float, nargs='+', default=RATES)
    parser.add_argument('--loads', nargs='+', default=LOADS, choices=LOADS)
    args = parser.parse_args()
    os.environ.setdefault('ROS_DOMAIN_ID', '42')
    environment.use_transport()
    rclpy.init(args=[])
    ear, result = Ear(), {}
    for rate_hz in args.rates:
        for load in [load for load in args.loads if load != 'fifo' or permitted()]:
            with tempfile.TemporaryDirectory() as folder:
                found = run(ear, Path(folder), rate_hz, load, args)
            result[f'{rate_hz:g} Hz {load}'] = found
            report(f'{rate_hz:g} Hz {load}', found)
    rclpy.try_shutdown()
    measure.write(args.out, {'seed': args.seed, 'unit': 'ms', **result})


def report(name: str, found: Mapping[str, Any]) -> None:
    """Print one rate under one load."""
    for who in ('policy', 'gate'):
        cells = ' '.join(f'{key} {found[who][key]:8.3f}' for key in ('p50', 'p99', 'p99.9', 'max'))
        counted = ', '.join(f'{value} {key}' for key, value in found['counted'][who].items())
        rounds = found['collector'][who]
        print(f'{name:<12} {who:<7} {cells} ms  n {found[who]["n"]}; told: {counted}; ', end='')
        print(f'collector {rounds["n"]} times, at most {rounds["max_ms"]:.2f} ms')


if __name__ == '__main__':
    main()
