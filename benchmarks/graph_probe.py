"""Run one node with a note of every publish call and every receipt; used by latency.py.

    python benchmarks/graph_probe.py OUT.json il_policy.node --ros-args ...

A note is (kind, topic, header stamp in ns, monotonic clock in ns); messages without a header are
not noted. The monotonic clock is the same in every process of one machine.
"""

from __future__ import annotations

import atexit
import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rclpy.publisher import Publisher

from il_core.types import NS_PER_S
from il_ros import topics
from il_ros.build import to_ns
from il_ros.raw import STAMP

NOTES: list[tuple[str, str, int, int]] = []


def note(kind: str, topic: str, message: Any) -> None:
    now_ns = time.monotonic_ns()
    if isinstance(message, bytes):
        sec, nanosec = STAMP.unpack_from(message)
        NOTES.append((kind, topic.lstrip('/'), sec * NS_PER_S + nanosec, now_ns))
    elif hasattr(message, 'header'):
        NOTES.append((kind, topic.lstrip('/'), to_ns(message.header.stamp), now_ns))


def watch_publishers() -> None:
    publish = Publisher.publish

    def noted(self: Publisher, message: Any) -> None:
        note('out', self.topic_name, message)
        publish(self, message)

    Publisher.publish = noted


def watch_subscriptions() -> None:
    create = topics.create_subscription

    def noted(node: Any, topic: Any, callback: Callable[[Any], None], **options: Any) -> Any:
        def call(message: Any) -> None:
            note('in', topic.name, message)
            callback(message)

        return create(node, topic, call, **options)

    topics.create_subscription = noted


def main() -> None:
    out, module = Path(sys.argv[1]), sys.argv[2]
    sys.argv = [module, *sys.argv[3:]]
    watch_publishers()
    watch_subscriptions()
    atexit.register(lambda: out.write_text(json.dumps(NOTES)))
    importlib.import_module(module).main()


if __name__ == '__main__':
    main()
