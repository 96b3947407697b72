"""Teleop nodes as processes of their own, and a node in the test that plays everybody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Joy

from il_core.types import Cause, Command, Frame, GateState, Mode, Owner, Proposal
from il_ros.build import header, to_array
from il_ros.messages import (
    command_to_msg,
    event_from_msg,
    expert_from_msg,
    expert_to_msg,
    proposal_to_msg,
    state_to_msg,
)
from il_ros.rules import arguments
from il_ros.topics import TOPICS, create_publisher, create_subscription

SOURCE = Path(__file__).resolve().parents[2] / 'src'
AXES = ('x', 'y', 'z', 'gripper')
HEARD = {
    'teleop/action': expert_from_msg,
    'episode/events': event_from_msg,
    'joy': lambda m: m,
    'joy/set_feedback': lambda m: m.intensity,
    'diagnostics': lambda m: m.status[0],
    'teleop/alarm': lambda m: (m.level[0], m.name),
}


def start(module: str, first: Path = SOURCE, **params: object) -> subprocess.Popen[str]:
    """Start a node as `python -m module`. Modules in `first` win over all others."""
    path = os.pathsep.join([str(first), str(SOURCE), os.environ.get('PYTHONPATH', '')])
    command = [sys.executable, '-m', module, '--ros-args', *arguments({'task': 'reach', **params})]
    return subprocess.Popen(
        command,
        env={**os.environ, 'PYTHONPATH': path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class Others:
    """Everybody but teleop: publishes what a test says and keeps what it hears, by topic."""

    def __init__(self, lockstep: bool = False) -> None:
        rclpy.init()
        self.node = rclpy.create_node('others')
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.heard: dict[str, list] = {name: [] for name in HEARD}
        self._out: dict[str, object] = {}
        self._lockstep = lockstep
        self._processes: list[subprocess.Popen[str]] = []
        for name, convert in HEARD.items():
            into = self.heard[name]
            create_subscription(
                self.node,
                TOPICS[name],
                lambda m, c=convert, i=into: i.append(c(m)),
                lockstep=lockstep,
            )

    def start(self, module: str, listens: str, **params: object) -> subprocess.Popen[str]:
        """Start a node and wait until it hears `listens`."""
        return self.adopt(start(module, lockstep=self._lockstep, **params), listens)

    def adopt(self, process: subprocess.Popen[str], listens: str) -> subprocess.Popen[str]:
        """Wait until a node that was started hears `listens`, and end it with the others."""
        self._processes.append(process)
        assert any('is active' in line for line in process.stdout), process.wait(5)
        publisher = self.publisher(listens)
        assert self.spin(lambda: publisher.get_subscription_count() > 0, 30), process
        return process

    def publisher(self, name: str):
        if name not in self._out:
            self._out[name] = create_publisher(self.node, TOPICS[name], self._lockstep)
        return self._out[name]

    def spin(self, until, limit_s: float = 15.0, every=None, every_s: float = 0.03) -> bool:
        """Spin until `until()`; meanwhile do `every()` each `every_s`. Returns whether it came."""
        end, last = time.monotonic() + limit_s, 0.0
        while time.monotonic() < end:
            if until():
                return True
            if every and time.monotonic() - last >= every_s:
                last = time.monotonic()
                every()
            self.executor.spin_once(0.01)
        return False

    def joystick(self, axes, *down: int, stamp_ns: int = 5, buttons: int = 11) -> None:
        pressed = [int(i in down) for i in range(buttons)]
        joy = Joy(header=header(stamp_ns), axes=to_array(axes, 'f'))
        joy.buttons = to_array(pressed, 'i')
        self.publisher('joy').publish(joy)

    def last(self, topic: str):
        """Return the newest message heard of `topic`, None before any."""
        return self.heard[topic][-1] if self.heard[topic] else None

    def supervisor(self, expert) -> None:
        self.publisher('sim/supervisor').publish(expert_to_msg(expert))

    def command(self, stamp_ns: int, action, owner: Owner = Owner.POLICY) -> None:
        command = Command(0, stamp_ns, action, Mode.AUTONOMOUS, owner)
        self.publisher('command').publish(command_to_msg(command, AXES))

    def status(self, stamp_ns: int, mode: Mode) -> None:
        state = GateState(0, stamp_ns, mode, Owner.NOBODY, Cause.NONE)
        self.publisher('gate/status').publish(state_to_msg(state))

    def proposal(self, stamp_ns: int, mean) -> None:
        frame = Frame(0, stamp_ns, mean, ())
        self.publisher('policy/proposal').publish(proposal_to_msg(Proposal(frame, mean=mean)))

    def close(self) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGINT)
        for process in self._processes:
            process.communicate(timeout=20)
        self.node.destroy_node()
        rclpy.try_shutdown()
