"""Run nodes with a note of every publish call and every receipt; used by latency.py.

    python benchmarks/graph_probe.py OUT.json il_policy.node --ros-args ...
    python benchmarks/graph_probe.py OUT.json composed policy_only CHECKPOINT SPEED PRIORITY

Rounds of the garbage collector are noted, too: ('', 'gc', generation, duration in ns, end).
A note is (node, kind, topic, header stamp in ns, monotonic clock in ns); messages without a
header are not noted. The monotonic clock is the same in every process of one machine.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rclpy.publisher import Publisher

from il_core.types import NS_PER_S
from il_ros.build import to_ns
from il_ros.exchange import Writer
from il_ros.lifecycle import IlNode
from il_ros.raw import STAMP

NOTES: list[tuple[str, str, str, int, int]] = []


def note(node: str, kind: str, topic: str, message: Any) -> None:
    now_ns = time.monotonic_ns()
    if isinstance(message, bytes):
        sec, nanosec = STAMP.unpack_from(message)
        NOTES.append((node, kind, topic.lstrip('/'), sec * NS_PER_S + nanosec, now_ns))
    elif hasattr(message, 'header'):
        NOTES.append((node, kind, topic.lstrip('/'), to_ns(message.header.stamp), now_ns))


def watch_publishers() -> None:
    """Only one node publishes on each topic that matters: which one is left open."""
    for kind in (Publisher, Writer):
        _watch(kind)


def _watch(kind: Any) -> None:
    publish = kind.publish

    def noted(self: Any, message: Any) -> None:
        note('', 'out', self.topic_name, message)
        publish(self, message)

    kind.publish = noted


def watch_subscriptions() -> None:
    subscribe = IlNode.subscribe

    def noted(node: IlNode, topic: Any, callback: Callable[[Any], None], **options: Any) -> Any:
        name = node.get_name()
        full = topic if isinstance(topic, str) else topic.name

        def call(message: Any) -> None:
            note(name, 'in', full, message)
            callback(message)

        return subscribe(node, topic, call, **options)

    IlNode.subscribe = noted  # type: ignore[method-assign]


def watch_collector() -> None:
    begun_ns = [0]

    def noted(phase: str, info: dict[str, int]) -> None:
        now_ns = time.monotonic_ns()
        if phase == 'start':
            begun_ns[0] = now_ns
        else:
            NOTES.append(('', 'gc', str(info['generation']), now_ns - begun_ns[0], now_ns))

    gc.callbacks.append(noted)


def composed(gate: str, checkpoint: str, speed: str, priority: str) -> None:
    """Run the simulated graph in this process."""
    from il_ros.compose import run_composed
    from il_ros.graph import graph
    from il_ros.graph_args import GraphArgs

    args = GraphArgs(
        checkpoint=checkpoint,
        gate=gate,
        operator='none',
        handover='instant',
        speed=float(speed),
        set=f'policy.realtime_priority={priority}',
    )
    sys.exit(run_composed(graph(args)))


def main() -> None:
    out, module = Path(sys.argv[1]), sys.argv[2]
    watch_publishers()
    watch_subscriptions()
    watch_collector()
    atexit.register(lambda: out.write_text(json.dumps(NOTES)))
    if module == 'composed':
        composed(*sys.argv[3:])
    else:
        sys.argv = [module, *sys.argv[3:]]
        importlib.import_module(module).main()


if __name__ == '__main__':
    main()
