"""From an observation to the command it caused, hop by hop, at 50 Hz.

    python benchmarks/latency.py --ticks 1500
    python benchmarks/latency.py --ticks 500 --how composed --priority 20

Simulator, policy (5 x 2x256 ensemble) and gate in real time, as separate processes and composed
in one (`il run --composed`). Measured on the monotonic clock from the publish call of the first
observed stream of a tick to the publish call of the robot's command for it, and between the hops
on the way. The last hop, until the simulator has the command, is beside the total.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import measure
import processes
import random_policy

from il_core.load import load_spec
from il_core.spec import Spec
from il_ros.graph import NodeSpec, graph
from il_ros.graph_args import GraphArgs

PROBE = Path(__file__).with_name('graph_probe.py')
RATE_HZ = 50.0
AIMS_MS = {'processes': {'median': 2.0, 'p99': 6.0}, 'composed': {'median': 1.0}}
WARM_S = 2.0
PROPOSAL = 'policy/proposal'
Notes = Mapping[tuple[str, str, str], Mapping[int, int]]


def start(nodes: Sequence[NodeSpec], folder: Path) -> list[subprocess.Popen[str]]:
    """Start every node under the probe."""
    return [
        processes.spawn(PROBE, str(folder / f'{n.name}.json'), n.module, *n.ros_args())
        for n in nodes
    ]


def read(folder: Path) -> Notes:
    """Return (node, kind, topic) -> header stamp -> time of the first such note."""
    notes: dict[tuple[str, str, str], dict[int, int]] = defaultdict(dict)
    for path in folder.glob('*.json'):
        for node, kind, topic, stamp_ns, time_ns in json.loads(path.read_text()):
            notes[node, kind, topic].setdefault(stamp_ns, time_ns)
    return notes


def hops(notes: Notes, spec: Spec) -> dict[str, list[float]]:
    """Return milliseconds of every hop for every tick that went all the way."""
    streams = [s.topic for s in spec.observed]
    command = next(c.topic for c in spec.robot.commands if c.type.endswith('Stamped'))
    published = [notes['', 'out', topic] for topic in streams]
    arrived = [notes['policy', 'in', topic] for topic in streams]
    sent, heard = notes['', 'out', PROPOSAL], notes['gate', 'in', PROPOSAL]
    acted, done = notes['', 'out', command], notes['sim', 'in', command]
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
        if stamp in done:
            found[LAST].append((done[stamp] - acted[stamp]) / 1e6)
    return found


HOPS = (
    'publish all streams',
    'last stream -> policy',
    'policy: align and decide',
    'proposal -> gate',
    'gate: decide and bound',
)
NODES = ('sim', 'policy', 'gate')
TOTAL, LAST = 'observation -> command', 'command -> simulator'


def run(how: str, ticks: int, folder: Path, seed: int, priority: int) -> dict[str, list[float]]:
    """Run the graph for so many ticks and return the hops."""
    folder.mkdir()
    spec = load_spec('reach')
    checkpoint = random_policy.write(folder / 'checkpoint', spec, seed)
    speed = RATE_HZ / spec.robot.rate_hz
    if how == 'composed':
        words = ('composed', 'policy_only', str(checkpoint), str(speed), str(priority))
        running = [processes.spawn(PROBE, str(folder / 'all.json'), *words)]
    else:
        args = GraphArgs(
            checkpoint=str(checkpoint),
            gate='policy_only',
            operator='none',
            handover='instant',
            speed=speed,
            set=' '.join(f'{name}.realtime_priority={priority}' for name in NODES),
        )
        running = start(graph(args), folder)
    time.sleep(WARM_S + ticks / RATE_HZ + WARM_S)
    processes.end(running)
    return {name: values[-ticks:] for name, values in hops(read(folder), spec).items()}


def main() -> None:
    parser = measure.parser(__doc__, 'latency')
    parser.add_argument('--ticks', type=int, default=1500)
    parser.add_argument('--priority', type=int, default=0, help='SCHED_FIFO of every node')
    parser.add_argument('--how', nargs='+', default=tuple(AIMS_MS), choices=tuple(AIMS_MS))
    args = parser.parse_args()
    os.environ.setdefault('ROS_DOMAIN_ID', '42')
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        for how in args.how:
            found = run(how, args.ticks, Path(folder) / how, args.seed, args.priority)
            result[how] = {name: measure.spread(values) for name, values in found.items()}
            print(how)
            for name in (*HOPS, TOTAL, LAST):
                measure.row(f'  {name}', result[how][name], 3, 'ms')
            aims = AIMS_MS[how]
            met = {key: result[how][TOTAL][key] <= aim for key, aim in aims.items()}
            print(f'  aims (ms) {aims}: {met}')
    about = {'rate_hz': RATE_HZ, 'unit': 'ms', 'priority': args.priority, 'aims': AIMS_MS}
    measure.write(args.out, {**about, **result})


if __name__ == '__main__':
    main()
