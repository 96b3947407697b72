"""Run the recorder with a note of slow writes, and with messages dropped before it sees them.

    python benchmarks/recorder_probe.py OUT.json DROPS.json --ros-args ...

DROPS holds topic name -> publication sequence numbers that are thrown away between the middleware
and the recorder's callback. OUT gets the durations of writes and flushes above 1 ms, and what was
dropped.
"""

from __future__ import annotations

import atexit
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from il_data import node
from il_data.bag import BagWriter

SLOW_NS = 1_000_000


def timed(call: Callable[..., Any], into: list[float]) -> Callable[..., Any]:
    def run(*args: Any) -> Any:
        begun_ns = time.monotonic_ns()
        result = call(*args)
        took_ns = time.monotonic_ns() - begun_ns
        if took_ns > SLOW_NS:
            into.append(took_ns / 1e6)
        return result

    return run


def dropping(
    take: Callable[..., None], drops: dict[str, set[int]], dropped: dict[str, list[int]]
) -> Callable[..., None]:
    def call(self: Any, name: str, data: bytes, info: Any) -> None:
        number = info['publication_sequence_number']
        if number in drops.get(name, ()):
            dropped.setdefault(name, []).append(number)
        else:
            take(self, name, data, info)

    return call


def main() -> None:
    out, drops = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    sys.argv = [sys.argv[0], *sys.argv[3:]]
    slow: list[float] = []
    dropped: dict[str, list[int]] = {}
    BagWriter.write = timed(BagWriter.write, slow)
    BagWriter.flush_if_due = timed(BagWriter.flush_if_due, slow)
    if drops:
        chosen = {name: set(numbers) for name, numbers in drops.items()}
        take = node.RecorderNode.on_message
        node.RecorderNode.on_message = dropping(take, chosen, dropped)
    atexit.register(lambda: out.write_text(json.dumps({'slow_ms': slow, 'dropped': dropped})))
    node.main()


if __name__ == '__main__':
    main()
