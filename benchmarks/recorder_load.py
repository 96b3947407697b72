"""The recorder under load: what is lost, what it costs, what a kill -9 takes.

    python benchmarks/recorder_load.py --seconds 60
    python benchmarks/recorder_load.py --parts load --seconds 10

Sources and recorder are real processes: JointState at 1 kHz, a camera of 640x480 at 30 Hz, and
every other recorded topic at 50 Hz. What was lost is counted from outside: the senders' own
counts against the publication numbers in the bag. Four parts:

load     nothing is injected. Bars: 0 lost, verdict OK, at most 50 % of a core.
dropped  messages of known numbers are thrown away in front of the recorder's callback.
stalled  the recorder is stopped (SIGSTOP) for longer than its queues last.
killed   SIGKILL in the middle, then repair. Bar: at most 0.5 s are missing at the end.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import measure
import numpy as np
import processes
import rates
import rclpy
from interactive_il.srv import StartEpisode, StopEpisode
from mcap.reader import NonSeekingReader
from rclpy.experimental import EventsExecutor

from il_core.types import Outcome
from il_data.manifest import Manifest, load
from il_data.plan import SHARED
from il_data.repair import repair
from il_ros import environment
from il_ros.rules import arguments

HERE = Path(__file__).parent
KINDS = ('joints', 'camera', 'ticks')
PARTS = ('load', 'dropped', 'stalled', 'killed')
RATE_HZ, JOINTS_HZ, CAMERA_HZ = 50.0, 1000.0, 30.0
BARS = {'lost': 0, 'cpu_percent': 50.0, 'missing_s': 0.5}
ANSWER_S = 20.0
DROPPED = {'/joint_states': 200, '/command': 7, '/image_raw': 5}
STALL_S = 3.0


class Client:
    """Calls the recorder's services."""

    def __init__(self) -> None:
        self._node = rclpy.create_node('load')
        self._executor = EventsExecutor()
        self._executor.add_node(self._node)

    def call(self, kind: Any, name: str, **fields: Any) -> Any:
        client = self._node.create_client(kind, name)
        if not client.wait_for_service(ANSWER_S):
            raise TimeoutError(f'{name} is not there')
        future = client.call_async(kind.Request(**fields))
        end_s = time.monotonic() + ANSWER_S
        while not future.done():
            if time.monotonic() > end_s:
                raise TimeoutError(f'{name} does not answer')
            self._executor.spin_once(0.05)
        self._node.destroy_client(client)
        if not future.result().success:
            raise RuntimeError(f'{name}: {future.result().message}')
        return future.result()


class Rig:
    """Sources and recorder, from `with` on; `start` begins an episode."""

    def __init__(self, client: Client, folder: Path, hz: Mapping[str, float]) -> None:
        self._client, self.folder, self._stack = client, folder, ExitStack()
        folder.mkdir(parents=True)
        robot = rates.robot_at(
            folder, hz['ticks'], joint_states=hz['joints'], image_raw=hz['camera']
        )
        self._spec = ['reach', robot]
        self.drops: dict[str, list[int]] = {}

    def __enter__(self) -> Rig:
        drops = self.folder / 'drops.json'
        drops.write_text(json.dumps(self.drops))
        task, robot = self._spec
        params = {'task': task, 'robot': robot, 'folder': str(self.folder / 'bags')}
        self.recorder = processes.spawn(
            HERE / 'recorder_probe.py',
            str(self.folder / 'probe.json'),
            str(drops),
            '--ros-args',
            *arguments(params),
        )
        self._sources = [
            processes.spawn(
                HERE / 'recorder_sources.py', kind, str(self.folder / f'{kind}.json'), task, robot
            )
            for kind in KINDS
        ]
        self._stack.callback(lambda: processes.end([*self._sources, self.recorder]))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self) -> Path:
        """Begin an episode. Returns the folder of its bag."""
        done = self._client.call(StartEpisode, 'episode/start', wait_s=15.0)
        return self.folder / 'bags' / done.episode_id

    def silence(self) -> dict[str, int]:
        """End the sources. Returns how many messages they have sent, by topic."""
        processes.end(self._sources)
        sent: dict[str, int] = {}
        for kind in KINDS:
            sent |= json.loads((self.folder / f'{kind}.json').read_text())
        return sent

    def stop(self, bag: Path) -> Manifest:
        """End the episode."""
        outcome = int(Outcome.SUCCESS)
        self._client.call(StopEpisode, 'episode/stop', outcome=outcome, reason='enough')
        return load(bag)

    def probe(self) -> dict[str, Any]:
        """End the recorder. Returns what its probe noted."""
        processes.end([self.recorder])
        found: dict[str, Any] = json.loads((self.folder / 'probe.json').read_text())
        return found


def numbers(bag: Path) -> tuple[dict[str, list[int]], dict[str, int]]:
    """Return publication numbers and last publish stamp of every topic of a bag."""
    found: dict[str, list[int]] = {}
    last: dict[str, int] = {}
    with (bag / f'{bag.name}_0.mcap').open('rb') as file:
        for _, channel, message in NonSeekingReader(file).iter_messages():
            found.setdefault(channel.topic, []).append(message.sequence)
            last[channel.topic] = max(message.publish_time, last.get(channel.topic, 0))
    return found, last


def losses(bag: Path, sent: Mapping[str, int]) -> dict[str, int]:
    """Return what is missing of every topic with one publisher, from the first message in the bag
    to the last that was sent."""
    found, _ = numbers(bag)
    return {
        topic: sent[topic] - min(there) + 1 - len(set(there))
        for topic, there in sorted(found.items())
        if topic in sent and topic.lstrip('/') not in SHARED
    }


def compare(bag: Path, done: Manifest, sent: Mapping[str, int]) -> dict[str, Any]:
    """Return what the recorder counted beside what is missing."""
    missing = losses(bag, sent)
    stats = {t.name: t for t in done.topics if t.name in missing}
    table = {
        name: {
            'recorded': stats[name].count,
            'counted': stats[name].lost,
            'missing': missing[name],
        }
        for name in missing
    }
    return {
        'verdict': done.verdict.value,
        'reasons': list(done.reasons),
        'topics': table,
        'lost': sum(missing.values()),
        'equal': all(row['counted'] == row['missing'] for row in table.values()),
    }


def loaded(rig: Rig, seconds: float) -> dict[str, Any]:
    """Record for `seconds`, with nothing injected."""
    with rig:
        bag = rig.start()
        with processes.Watcher({'recorder': rig.recorder.pid}, 1.0) as watcher:
            time.sleep(seconds)
        sent = rig.silence()
        done = rig.stop(bag)
        slow = rig.probe()['slow_ms']
    size = sum(path.stat().st_size for path in bag.iterdir())
    shares = watcher.shares('recorder')
    return {
        **compare(bag, done, sent),
        'seconds': seconds,
        'cpu_percent': {
            'n': len(shares),
            'median': float(np.median(shares)),
            'mean': float(np.mean(shares)),
            'max': max(shares),
        },
        'rss_mb': watcher.looks['recorder'][-1].rss_mb,
        'bytes': size,
        'slow_writes': {'above_ms': 1.0, 'n': len(slow), 'max_ms': max(slow, default=0.0)},
    }


def dropped(rig: Rig, seconds: float, seed: int) -> dict[str, Any]:
    """Throw away messages of known numbers, seconds after the start."""
    rng = np.random.default_rng(seed)
    hz = {'/joint_states': JOINTS_HZ, '/image_raw': CAMERA_HZ}
    for topic, count in DROPPED.items():
        rate_hz = hz.get(topic, RATE_HZ)
        # Sources begin a few seconds before the episode does.
        span = np.arange(round(10 * rate_hz), round((10 + seconds / 2) * rate_hz))
        rig.drops[topic] = sorted(rng.choice(span, count, replace=False).tolist())
    with rig:
        bag = rig.start()
        time.sleep(10 + seconds / 2)
        sent = rig.silence()
        done = rig.stop(bag)
        gone = {name: len(n) for name, n in rig.probe()['dropped'].items()}
    result = compare(bag, done, sent)
    exact = {name: result['topics'][name]['counted'] == n for name, n in gone.items()}
    return {**result, 'dropped': gone, 'exact': exact}


def stalled(rig: Rig, seconds: float) -> dict[str, Any]:
    """Stop the recorder's process for longer than its queues last."""
    with rig:
        bag = rig.start()
        time.sleep(seconds / 3)
        rig.recorder.send_signal(signal.SIGSTOP)
        time.sleep(STALL_S)
        rig.recorder.send_signal(signal.SIGCONT)
        time.sleep(seconds / 3)
        sent = rig.silence()
        done = rig.stop(bag)
    return {**compare(bag, done, sent), 'stall_s': STALL_S}


def killed(rig: Rig, seconds: float) -> dict[str, float]:
    """Kill the recorder. Returns seconds missing at the end of every topic after repair."""
    with rig:
        bag = rig.start()
        time.sleep(seconds)
        rig.recorder.send_signal(signal.SIGKILL)
        killed_ns = time.time_ns()
        rig.recorder.wait()
        rig.silence()
    repair(bag)
    _, last = numbers(bag)
    return {topic: (killed_ns - stamp) / 1e9 for topic, stamp in sorted(last.items())}


def run(parts: Sequence[str], seconds: float, kills: int, seed: int) -> dict[str, Any]:
    """Run the parts asked for."""
    hz = {'joints': JOINTS_HZ, 'camera': CAMERA_HZ, 'ticks': RATE_HZ}
    result: dict[str, Any] = {}
    client = Client()
    with tempfile.TemporaryDirectory() as name:

        def rig(part: str) -> Rig:
            return Rig(client, Path(name) / part, hz)

        if 'load' in parts:
            result['load'] = loaded(rig('load'), seconds)
        if 'dropped' in parts:
            result['dropped'] = dropped(rig('dropped'), min(seconds, 10.0), seed)
        if 'stalled' in parts:
            result['stalled'] = stalled(rig('stalled'), min(seconds, 10.0))
        if 'killed' in parts:
            rng = np.random.default_rng(seed)
            waits = rng.uniform(2.0, 3.0, kills)
            result['killed'] = [killed(rig(f'killed{k}'), w) for k, w in enumerate(waits)]
    environment.clean_shared_memory()
    return result


def main() -> None:
    parser = measure.parser(__doc__, 'recorder_load')
    parser.add_argument('--seconds', type=float, default=60.0)
    parser.add_argument('--kills', type=int, default=5)
    parser.add_argument('--parts', nargs='+', default=PARTS, choices=PARTS)
    args = parser.parse_args()
    os.environ.setdefault('ROS_DOMAIN_ID', '42')
    environment.use_transport()
    rclpy.init(args=[])
    result = run(args.parts, args.seconds, args.kills, args.seed)
    rclpy.try_shutdown()
    report(result)
    rates_hz = {'joints': JOINTS_HZ, 'camera': CAMERA_HZ, 'ticks': RATE_HZ}
    measure.write(args.out, {'seed': args.seed, 'rates_hz': rates_hz, 'bars': BARS, **result})


def report(result: Mapping[str, Any]) -> None:
    """Print what was found."""
    for part in ('load', 'dropped', 'stalled'):
        if part not in result:
            continue
        found = result[part]
        print(f'{part}: verdict {found["verdict"]}, {found["lost"]} missing, ', end='')
        print(f'counted exactly: {found["equal"]}')
        for name, row in found['topics'].items():
            print(f'  {name:<20}', *(f'{key} {value:<8}' for key, value in row.items()))
    if 'load' in result:
        cpu, found = result['load']['cpu_percent'], result['load']
        print(f'recorder: {cpu["median"]:.1f} % of a core, max {cpu["max"]:.1f}, n {cpu["n"]}; ')
        print(f'  {found["bytes"] / 1e6:.0f} MB; slow writes {found["slow_writes"]}')
    if 'killed' in result:
        worst = [max(topics.items(), key=lambda item: item[1]) for topics in result['killed']]
        print('killed, most missing:', ', '.join(f'{name} {s:.3f} s' for name, s in worst))


if __name__ == '__main__':
    main()
