"""The recorder, what loads it, and what is missing in its bags; used by recorder_load.py."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import processes
import rates
import rclpy
from interactive_il.srv import StartEpisode, StopEpisode
from mcap.reader import NonSeekingReader
from rclpy.experimental import EventsExecutor

from il_core.types import Outcome
from il_data.manifest import Manifest, load
from il_data.plan import SHARED
from il_ros.rules import arguments

HERE = Path(__file__).parent
HZ = {'joints': 1000.0, 'camera': 30.0, 'ticks': 50.0}
ANSWER_S = 20.0


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
    """Sources (at `hz`, by kind) and recorder, from `with` on; `start` begins an episode.

    Each has a namespace of its own: services of a recorder that was killed stay seen for a while.
    """

    def __init__(self, client: Client, folder: Path, hz: Mapping[str, float]) -> None:
        self._client, self.folder, self._hz = client, folder, hz
        self._stack = ExitStack()
        self.namespace = f'/{folder.name}'
        folder.mkdir(parents=True)
        robot = rates.robot_at(
            folder,
            hz['ticks'],
            joint_states=hz['joints'],
            image_raw=hz.get('camera', 0.0),
        )
        self._spec = ['reach', robot]
        self.drops: dict[str, list[int]] = {}

    def period_s(self, topic: str) -> float:
        """Return the seconds between two messages of a topic."""
        kind = {'joint_states': 'joints', 'image_raw': 'camera'}.get(topic.split('/')[-1], 'ticks')
        return 1 / self._hz[kind]

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
            '-r',
            f'__ns:={self.namespace}',
            *arguments(params),
            images=True,
        )
        self._sources = [
            processes.spawn(
                HERE / 'sources.py',
                kind,
                str(self.folder / f'{kind}.json'),
                task,
                robot,
                self.namespace,
                images=kind == 'camera',
            )
            for kind in self._hz
        ]
        self._stack.callback(lambda: processes.end([*self._sources, self.recorder]))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self) -> Path:
        """Begin an episode. Returns the folder of its bag."""
        name = f'{self.namespace}/episode/start'
        done = self._client.call(StartEpisode, name, wait_s=15.0)
        return self.folder / 'bags' / done.episode_id

    def silence(self) -> dict[str, int]:
        """Have the sources send no more. Returns how many messages they have sent, by topic.

        They stay for a second, but `stop` should follow at once: an episode that goes on without
        commands says that the gate was gone at its end.
        """
        for source in self._sources:
            source.send_signal(signal.SIGINT)
        told = [self.folder / f'{kind}.json' for kind in self._hz]
        end_s = time.monotonic() + ANSWER_S
        while not all(path.exists() for path in told):
            if time.monotonic() > end_s:
                raise TimeoutError('the sources do not say what they have sent')
            time.sleep(0.01)
        sent: dict[str, int] = {}
        for path in told:
            sent |= json.loads(path.read_text())
        return sent

    def stop(self, bag: Path) -> Manifest:
        """End the episode."""
        outcome = int(Outcome.SUCCESS)
        name = f'{self.namespace}/episode/stop'
        self._client.call(StopEpisode, name, outcome=outcome, reason='enough')
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
        if topic in sent and not topic.endswith(SHARED)
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
