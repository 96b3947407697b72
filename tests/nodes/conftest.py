"""Real nodes on one executor in the test's process, and a hand that plays the gate."""

from __future__ import annotations

import time

import pytest
import rclpy
from interactive_il.msg import EpisodeEvent, Proposal
from interactive_il.msg import ExpertAction as ExpertActionMsg
from interactive_il.srv import ResetSim, StepSim
from rclpy.experimental import EventsExecutor

from il_core.types import Command, Mode, Owner
from il_ros.messages import command_to_msg, event_from_msg, expert_from_msg, proposal_from_msg
from il_ros.rules import arguments
from il_ros.topics import TOPICS, create_publisher, create_subscription


class Stand:
    """Nodes under test plus a node `hand` that listens to everything and can answer ticks."""

    def __init__(self):
        self.executor = EventsExecutor()
        self.hand = rclpy.create_node('hand')
        self.executor.add_node(self.hand)
        self.nodes = []
        self.proposals, self.supervisor, self.events = [], [], []
        self._listen(Proposal, 'policy/proposal', proposal_from_msg, self.proposals)
        self._listen(ExpertActionMsg, 'sim/supervisor', expert_from_msg, self.supervisor)
        self._listen(EpisodeEvent, 'episode/events', event_from_msg, self.events)
        self.commands = create_publisher(self.hand, TOPICS['command'], lockstep=True)
        self._clients = {}

    def _listen(self, kind, topic, convert, into):
        create_subscription(
            self.hand, TOPICS[topic], lambda m: into.append(convert(m)), lockstep=True
        )

    def add(self, cls, **params):
        node = cls(cli_args=['--ros-args', *arguments(params)])
        self.executor.add_node(node)
        self.nodes.append(node)
        return node

    def spin(self, until, limit_s=10.0, every_s=0.0):
        """Spin until `until()`, asked every `every_s`, is true; returns whether it became so."""
        end, last = time.monotonic() + limit_s, 0.0
        while time.monotonic() < end:
            if time.monotonic() - last >= every_s:
                last = time.monotonic()
                if until():
                    return True
            self.executor.spin_once(0.01)
        return False

    def send(self, stamp_ns, action, mode=Mode.AUTONOMOUS, tick=0):
        command = Command(tick, stamp_ns, action, mode, Owner.POLICY)
        self.commands.publish(command_to_msg(command, tuple('a' * len(action))))

    def call(self, kind, name, **fields):
        if name not in self._clients:
            self._clients[name] = self.hand.create_client(kind, name)
        assert self.spin(self._clients[name].service_is_ready)
        future = self._clients[name].call_async(kind.Request(**fields))
        assert self.spin(future.done)
        return future.result()

    def reset(self, seed):
        return self.call(ResetSim, 'sim/reset', seed=seed)

    def step(self, n, pause=False):
        return self.call(StepSim, 'sim/step', n=n, pause=pause)


@pytest.fixture
def stand():
    rclpy.init()
    stand = Stand()
    yield stand
    for node in stand.nodes:
        node.close()
    stand.executor.shutdown()  # or its participant would haunt the tests after it
    stand.hand.destroy_node()
    rclpy.try_shutdown()
