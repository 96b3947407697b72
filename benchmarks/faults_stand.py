"""The real graph with hands on it: used by faults.py.

Simulator, policy, gate, teleop and recorder run as processes under `Bringup`, as `il run` starts
them. Proposals, the human's actions and one stream of observations pass through relays here, so
that they can be lost, late or doubled. The joystick is played here.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import processes
import random_policy
import rclpy
import yaml
from faults_judge import Judge
from interactive_il.srv import LoadCheckpoint, ResetSim, StartEpisode, StopEpisode
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Joy
from std_srvs.srv import Trigger

from il_core import share
from il_core.codecs import codec
from il_core.load import load_spec
from il_core.types import EventKind, GateState, Mode, Outcome
from il_gating.gate_file import GATE_FILE, Fit, gate_json
from il_policy.checkpoint import GRAPH, extend, load
from il_ros.bringup import Bringup, Say
from il_ros.build import header, to_ns
from il_ros.compose import run_composed
from il_ros.graph import NodeSpec, graph
from il_ros.graph_args import GraphArgs
from il_ros.messages import (
    command_from_msg,
    event_from_msg,
    proposal_from_msg,
    state_from_msg,
)
from il_ros.topics import (
    TOPICS,
    command_topic,
    create_publisher,
    create_subscription,
    stream_topic,
)

SPIN_S = 0.004
JOY_S = 0.05
DEAD_MAN, TAKEOVER, RELEASE = 0, 1, 2
STALE_S = 0.2
RELAYS = {'policy/proposal': 'gate', 'teleop/action': 'gate', 'ee_pose': 'policy'}
SERVICES = {
    'sim/reset': ResetSim,
    'episode/start': StartEpisode,
    'episode/stop': StopEpisode,
    'gate/resume': Trigger,
    'gate/prepare': LoadCheckpoint,
    'policy/prepare': LoadCheckpoint,
    'policy/commit': Trigger,
    'policy/rollback': Trigger,
}


class Relay:
    """Passes messages on; `delay_s`, `copies` and `change` say how. No copies: they are lost."""

    def __init__(self, publish: Callable[[Any], None]) -> None:
        self._publish, self._queue = publish, deque[tuple[float, Any]]()
        self.clear()

    def clear(self) -> None:
        self.delay_s, self.copies = 0.0, 1
        self.change: Callable[[Any], Any] = lambda message: message

    def take(self, message: Any) -> None:
        self._queue.extend([(time.monotonic() + self.delay_s, message)] * self.copies)
        self.work()

    def work(self) -> None:
        while self._queue and self._queue[0][0] <= time.monotonic():
            self._publish(self.change(self._queue.popleft()[1]))


class OneProcess:
    """A graph in one process; the calls of Bringup that a stand needs."""

    def __init__(self, args: list[Path], say: Say) -> None:
        self._args, self._say = args, say

    def start(self) -> None:
        pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.STDOUT}
        self.process = processes.spawn(__file__, *map(str, self._args), **pipes)
        threading.Thread(target=self._read, daemon=True).start()

    def poll(self) -> int | None:
        return self.process.poll()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        finally:
            self.process.kill()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self._say('graph', line.rstrip('\n'))


class Stand:
    """A running graph, everything it says, and hands to play with."""

    def __init__(self, folder: Path, seed: int, composed: bool = False) -> None:
        self.folder, self.bags = folder, folder / 'run' / 'bags'
        self.bags.mkdir(parents=True, exist_ok=True)
        task = _task(folder)
        self.spec = load_spec(str(task))
        self.checkpoints = [_checkpoint(folder, self.spec, seed + k) for k in (0, 1)]
        self.log: list[str] = []
        args = [task, self.checkpoints[0], folder / 'run']
        self.nodes = _nodes(*args)
        self.bringup = OneProcess(args, self._say) if composed else Bringup(self.nodes, self._say)
        self.judge = Judge(self.spec, STALE_S)
        self.ended: dict[str, str] = {}
        self.episode, self.episodes = '', 0
        self.joy_on, self.buttons = True, [0] * 7
        self.axes = [0.3, -0.2, 0.1, 0.0]
        self._joy_s, self._until = 0.0, deque[tuple[float, Callable[[], None]]]()
        self._connect()
        self.bringup.start()

    def _connect(self) -> None:
        self.node, self.executor = rclpy.create_node('faults'), SingleThreadedExecutor()
        self.executor.add_node(self.node)
        judge = self.judge
        self._listen('command', lambda m, i: judge.command(command_from_msg(m), _sent_s(i)))
        self._listen('gate/status', lambda m, i: judge.state(state_from_msg(m), _sent_s(i)))
        self._listen('episode/events', lambda m, i: self._on_event(event_from_msg(m)))
        for plan in self.spec.robot.commands:
            decode = codec('command', plan.codec).decoder(plan.fields)
            topic = command_topic(plan)
            create_subscription(
                self.node,
                topic,
                lambda m, i, d=decode, t=topic.name: judge.robot(
                    np.asarray(d(m)), t, _stamp_ns(m), _sent_s(i)
                ),
                depth=100,
            )
        self.relays = {name: self._relay(name) for name in RELAYS}
        self.joy = create_publisher(self.node, TOPICS['joy'])
        self.clients = {n: self.node.create_client(kind, n) for n, kind in SERVICES.items()}

    def _listen(self, name: str, take: Callable[[Any, Any], None]) -> None:
        create_subscription(self.node, TOPICS[name], take, depth=1000)

    def _relay(self, name: str) -> Relay:
        of_spec = {s.topic: stream_topic(s) for s in self.spec.observed}
        topic = TOPICS.get(name) or of_spec[name]
        out = create_publisher(self.node, dataclasses.replace(topic, name=f'relayed/{name}'))
        relay = Relay(out.publish)

        def take(message: Any, info: Any) -> None:
            if name == 'policy/proposal':
                stamp_ns = proposal_from_msg(message).frame.stamp_ns
                self.judge.proposed(stamp_ns, _sent_s(info))
            relay.take(message)

        create_subscription(self.node, topic, take, depth=50)
        return relay

    # What was said.

    def _on_event(self, event: Any) -> None:
        if event.kind is EventKind.ENDED:
            self.ended[event.episode_id] = event.detail
            if event.episode_id == self.episode:
                self.episode = ''

    @property
    def state(self) -> GateState | None:
        """What the gate said in the last half second."""
        if not self.judge.states:
            return None
        heard_s, state = self.judge.states[-1]
        return state if time.time() - heard_s < 0.5 else None

    @property
    def mode(self) -> Mode:
        return self.state.mode if self.state else Mode.UNKNOWN

    # Hands.

    def _say(self, name: str, line: str) -> None:
        self.log.append(f'{name} | {line}')

    def process(self, name: str) -> Any:
        """Return the process of a node."""
        if isinstance(self.bringup, OneProcess):
            return self.bringup.process
        (child,) = [c for c in self.bringup._children if c.node.name == name]
        return child.process

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self.process(name).pid, number)

    def press(self, button: int) -> None:
        """Press a button for three messages."""
        self.buttons[button] = 1
        self.later(4 * JOY_S, lambda: self.buttons.__setitem__(button, 0))

    def later(self, delay_s: float, do: Callable[[], None]) -> None:
        self._until.append((time.monotonic() + delay_s, do))

    def send_joy(self, axes: Any = None) -> None:
        values = [float(v) for v in (self.axes if axes is None else axes)]
        self.joy.publish(Joy(header=header(time.time_ns()), axes=values, buttons=self.buttons))

    def call(self, name: str, limit_s: float = 3.0, **fields: Any) -> Any:
        """Return the answer of a service, None where there is none in time."""
        client = self.clients[name]
        if not self.spin(client.service_is_ready, limit_s):
            return None
        future = client.call_async(SERVICES[name].Request(**fields))
        return future.result() if self.spin(future.done, limit_s) else None

    def spin(self, until: Callable[[], bool], limit_s: float) -> bool:
        """Play the joystick, relay and respawn until `until()`; returns whether it came true."""
        end_s = time.monotonic() + limit_s
        while not until():
            now_s = time.monotonic()
            if now_s > end_s:
                return False
            if self.joy_on and now_s >= self._joy_s:
                self._joy_s = now_s + JOY_S
                self.send_joy()
            for relay in self.relays.values():
                relay.work()
            for item in [i for i in self._until if i[0] <= now_s]:
                self._until.remove(item)
                item[1]()
            if self.bringup.poll() is not None:
                raise RuntimeError('the graph ended: ' + '\n'.join(self.log[-20:]))
            self.executor.spin_once(SPIN_S)
        return True

    def rest(self, seconds: float) -> None:
        self.spin(lambda: False, seconds)

    # Episodes.

    def ready(self, wanted: Mode, limit_s: float = 40.0) -> bool:
        """Let an episode run in `wanted` (AUTONOMOUS or SUPERVISOR)."""
        end_s = time.monotonic() + limit_s
        while time.monotonic() < end_s:
            state = self.state
            if state is None:
                self.rest(0.1)
            elif not state.episode_id or state.episode_id != self.episode:
                self._begin()
            elif self.mode is wanted:
                return True
            else:
                self._lead_to(wanted)
        return False

    def _begin(self) -> None:
        self.buttons[DEAD_MAN] = 0
        if self.state is not None and self.state.episode_id:
            self.call('episode/stop', outcome=int(Outcome.ABORTED), reason='faults')
            self.spin(lambda: self.state is not None and not self.state.episode_id, 2.0)
        self.episodes += 1
        self.call('sim/reset', seed=self.episodes)
        self.judge.forget()
        self.judge.asked(time.time())
        answer = self.call('episode/start', 6.0, seed=self.episodes, wait_s=5.0)
        if answer is not None and answer.success:
            self.episode = answer.episode_id
            self.spin(lambda: self.mode is Mode.AUTONOMOUS, 2.0)

    def _lead_to(self, wanted: Mode) -> None:
        if self.mode is Mode.HOLD:
            self.judge.asked(time.time())
            self.call('gate/resume', 1.0)
        elif wanted is Mode.SUPERVISOR:
            self.buttons[DEAD_MAN] = 1
            self.press(TAKEOVER)
        elif self.mode is Mode.SUPERVISOR:
            self.buttons[DEAD_MAN] = 0
            self.judge.asked(time.time())
            self.press(RELEASE)
        self.spin(lambda: self.mode is wanted, 0.6)

    def end_episode(self) -> None:
        """End the running episode as a success, and wait for its bag."""
        if self.episode:
            self.call('episode/stop', 12.0, outcome=int(Outcome.SUCCESS), reason='')
        self.spin(lambda: not self.episode, 3.0)

    def close(self) -> None:
        second = getattr(self, 'second', None)  # what a fault started must not outlive its graph
        if second is not None and second.poll() is None:
            second.kill()
        self.bringup.stop()
        self.executor.shutdown()
        self.node.destroy_node()


def _sent_s(info: Any) -> float:
    """When a message was published: this process may hear of it late."""
    return float(info['source_timestamp']) * 1e-9


def _stamp_ns(message: Any) -> int:
    return to_ns(message.header.stamp) if hasattr(message, 'header') else 0


def _nodes(task: Path, checkpoint: Path, run: Path) -> list[NodeSpec]:
    args = GraphArgs(
        task=str(task),
        checkpoint=str(checkpoint),
        gate='novelty',
        operator='scripted',
        run=str(run),
        set='gate.auto_resume=false recorder.reserve_mb=5',
    )
    nodes = []
    for node in graph(args):
        if node.name == 'operator':
            continue
        relayed = {t: f'relayed/{t}' for t, hears in RELAYS.items() if hears == node.name}
        nodes.append(dataclasses.replace(node, remaps={**node.remaps, **relayed}))
    return nodes


def _task(folder: Path) -> Path:
    """Task reach, without an end by collision or time: a random policy drives."""
    data = yaml.safe_load(share.find('tasks', 'reach').read_text())
    data['horizon_s'] = 3600.0
    data['params'] |= {'hard_contact_n': 1e9, 'contact_ticks': 10**6}
    path = folder / 'reach.yaml'
    path.write_text(yaml.safe_dump(data))
    return path


def _checkpoint(folder: Path, spec: Any, seed: int) -> Path:
    """A random policy and a gate that never asks."""
    plain = load(random_policy.write(folder / f'plain_{seed}', spec, seed), spec)
    fit = Fit({'novelty': 1e9, 'hand_back': 1e9, 'discrepancy': 0.0}, 0.1, 1)
    files = {GATE_FILE: gate_json(plain.read(GRAPH), spec, {'novelty': fit})}
    return extend(plain.path, folder / f'checkpoint_{seed}', files).path


if __name__ == '__main__':
    sys.exit(run_composed(_nodes(*map(Path, sys.argv[1:]))))
