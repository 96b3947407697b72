"""From an observation to the command it caused, between real processes at 50 Hz.

    python benchmarks/latency.py --ticks 1500

Simulator, policy (5 x 2x256 ensemble) and gate run as separate processes in real time. Measured
on the monotonic clock from the publish call of the first observed stream of a tick to the publish
call of the robot's command for it, and between the hops on the way. Bars: median 2.5 ms, p99 8 ms
on an idle machine.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import measure
import random_policy

from il_core.load import load_spec
from il_core.spec import Spec
from il_ros import environment
from il_ros.graph import NodeSpec, graph
from il_ros.graph_args import GraphArgs

HERE = Path(__file__).parent
RATE_HZ = 50.0
BAR_MS = {'median': 2.5, 'p99': 8.0}
WARM_S = 2.0
PROPOSAL = 'policy/proposal'
Notes = Mapping[tuple[str, str, str], Mapping[int, int]]


def start(nodes: Sequence[NodeSpec], folder: Path) -> list[subprocess.Popen[bytes]]:
    """Start every node under the probe."""
    probe = [sys.executable, str(HERE / 'graph_probe.py')]
    env = environment.of_children()
    return [
        subprocess.Popen(
            [*probe, str(folder / f'{n.name}.json'), n.module, *n.ros_args()], env=env
        )
        for n in nodes
    ]


def read(folder: Path, nodes: Sequence[NodeSpec]) -> Notes:
    """Return (node, kind, topic) -> header stamp -> time of the first such note."""
    notes: dict[tuple[str, str, str], dict[int, int]] = defaultdict(dict)
    for node in nodes:
        for kind, topic, stamp_ns, time_ns in json.loads(
            (folder / f'{node.name}.json').read_text()
        ):
            notes[node.name, kind, topic].setdefault(stamp_ns, time_ns)
    return notes


def hops(notes: Notes, spec: Spec) -> dict[str, list[float]]:
    """Return milliseconds of every hop for every tick that went all the way."""
    streams = [s.topic for s in spec.observed]
    command = next(c.topic for c in spec.robot.commands if c.type.endswith('Stamped'))
    published = [notes['sim', 'out', topic] for topic in streams]
    arrived = [notes['policy', 'in', topic] for topic in streams]
    sent, heard = notes['policy', 'out', PROPOSAL], notes['gate', 'in', PROPOSAL]
    acted = notes['gate', 'out', command]
    found: dict[str, list[float]] = defaultdict(list)
    for stamp in sorted(acted):
        if not all(stamp in column for column in (*published, *arrived, sent, heard)):
            continue
        times = [
            min(column[stamp] for column in published),
            max(column[stamp] for column in published),
            max(column[stamp] for column in arrived),
            sent[stamp],
            heard[stamp],
            acted[stamp],
        ]
        for name, begin, end in zip(HOPS, times, times[1:], strict=False):
            found[name].append((end - begin) / 1e6)
        found[TOTAL].append((times[-1] - times[0]) / 1e6)
    return found


HOPS = (
    'publish all streams',
    'last stream -> policy',
    'policy: align and decide',
    'proposal -> gate',
    'gate: decide and bound',
)
TOTAL = 'observation -> command'


def run(ticks: int, folder: Path, seed: int) -> dict[str, list[float]]:
    """Run the graph for so many ticks and return the hops."""
    spec = load_spec('reach')
    checkpoint = random_policy.write(folder / 'checkpoint', spec, seed)
    speed = RATE_HZ / spec.robot.rate_hz
    args = GraphArgs(
        checkpoint=str(checkpoint),
        gate='policy_only',
        operator='none',
        handover='instant',
        speed=speed,
    )
    nodes = graph(args)
    processes = start(nodes, folder)
    time.sleep(WARM_S + ticks / RATE_HZ + WARM_S)
    for process in processes:
        process.send_signal(signal.SIGINT)
    for process in processes:
        process.wait(10)
    return {name: values[-ticks:] for name, values in hops(read(folder, nodes), spec).items()}


def main() -> None:
    parser = measure.parser(__doc__, 'latency')
    parser.add_argument('--ticks', type=int, default=1500)
    args = parser.parse_args()
    os.environ.setdefault('ROS_DOMAIN_ID', '42')
    with tempfile.TemporaryDirectory() as folder:
        found = run(args.ticks, Path(folder), args.seed)
    result = {name: measure.spread(values) for name, values in found.items()}
    for name in (*HOPS, TOTAL):
        measure.row(name, result[name], 3, 'ms')
    met = {key: result[TOTAL][key] <= bar for key, bar in BAR_MS.items()}
    print(f'bars (ms) {BAR_MS}: {met}')
    measure.write(args.out, {'rate_hz': RATE_HZ, 'unit': 'ms', 'bars': BAR_MS, 'hops': result})


if __name__ == '__main__':
    main()
