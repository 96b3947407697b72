"""Look at the domain for a few seconds and print all about it as JSON: who is there, in which
state, what they publish and say."""

from __future__ import annotations

import functools
import json
import sys
import time
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import GetState
from rcl_interfaces.srv import GetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from il_ros.parting import let_go, parted

NAME = 'il_doctor'
DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray'
# Nodes that run announce themselves every 3 s, and speak once a second when they were found.
LOOK_S = 5.0
ANSWER_S = 1.5


class Look:
    """What can be seen from one node."""

    def __init__(self) -> None:
        self.node = rclpy.create_node(NAME)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.diagnostics: dict[str, tuple[int, str]] = {}
        self.heard: set[str] = set()

    def see(self) -> dict[str, Any]:
        self._spin(LOOK_S)
        names = [f'{ns.rstrip("/")}/{n}' for n, ns in self.node.get_node_names_and_namespaces()]
        names = sorted(name for name in names if not name.startswith(f'/{NAME}'))
        services = dict(self.node.get_service_names_and_types())
        states = self._ask(GetState, 'get_state', names, services, GetState.Request())
        wanted = GetParameters.Request(names=['use_sim_time'])
        params = self._ask(GetParameters, 'get_parameters', names, services, wanted)
        return {
            'nodes': names,
            'states': {name: answer.current_state.label for name, answer in states.items()},
            'sim_time': [n for n, a in params.items() if a.values and a.values[0].bool_value],
            'topics': self._topics(),
            'diagnostics': self.diagnostics,
        }

    def _listen(self) -> None:
        """Hear the diagnostics of every namespace, as they are discovered."""
        for topic, types in self.node.get_topic_names_and_types():
            own = DIAGNOSTICS in types and topic.endswith('/diagnostics')  # no aggregator's
            if own and topic not in self.heard:
                self.heard.add(topic)
                hear = functools.partial(self._hear, topic.rpartition('/')[0].strip('/'))
                self.node.create_subscription(DiagnosticArray, topic, hear, 50)

    def _hear(self, namespace: str, message: Any) -> None:
        for status in message.status:
            name = f'{namespace}/{status.name}' if namespace else status.name
            self.diagnostics[name] = (status.level[0], status.message)

    def _spin(self, span_s: float) -> None:
        end_s = time.monotonic() + span_s
        while time.monotonic() < end_s:
            self._listen()
            self.executor.spin_once(0.05)

    def _ask(
        self, kind: Any, what: str, names: list[str], services: dict[str, Any], request: Any
    ) -> dict[str, Any]:
        """Return the answers of those nodes that offer a service and answer in time."""
        asked = {name: f'{name}/{what}' for name in set(names) if f'{name}/{what}' in services}
        clients = {name: self.node.create_client(kind, full) for name, full in asked.items()}
        self._spin(0.2)
        ready = {name: c for name, c in clients.items() if c.service_is_ready()}
        futures = {name: client.call_async(request) for name, client in ready.items()}
        end_s = time.monotonic() + ANSWER_S
        while time.monotonic() < end_s and not all(f.done() for f in futures.values()):
            self.executor.spin_once(0.05)
        return {name: f.result() for name, f in futures.items() if f.done()}

    def _topics(self) -> dict[str, Any]:
        return {
            name: {
                'types': types,
                'publishers': _ends(self.node.get_publishers_info_by_topic(name)),
                'subscriptions': _ends(self.node.get_subscriptions_info_by_topic(name)),
            }
            for name, types in self.node.get_topic_names_and_types()
        }


def _ends(infos: list[Any]) -> list[dict[str, Any]]:
    return [
        {
            'node': f'{info.node_namespace.rstrip("/")}/{info.node_name}',
            'reliable': info.qos_profile.reliability == ReliabilityPolicy.RELIABLE,
            'latched': info.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL,
        }
        for info in infos
        if not info.node_name.startswith(NAME)
    ]


def main() -> None:
    rclpy.init()
    look = Look()
    sys.stdout.write('\n' + json.dumps(look.see()))
    let_go([look.node])
    sys.exit(parted(0))


if __name__ == '__main__':
    main()
