"""Start processes of a graph, and read what the system says of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from il_ros import environment

TICKS_PER_S = os.sysconf('SC_CLK_TCK')
MEGABYTE = 1_000_000


class Look(NamedTuple):
    """One look at a process. `time_s` is the monotonic clock, `cpu_s` user and system."""

    time_s: float
    cpu_s: float
    rss_mb: float
    handles: int
    threads: int


def spawn(
    script: str | Path, *args: str, images: bool = False, **options: object
) -> subprocess.Popen[str]:
    """Start a Python script (or `-m module`) with the environment of a graph's processes."""
    command = [sys.executable, *str(script).split(), *args]
    return subprocess.Popen(
        command,
        env=environment.of_children(images),
        text=True,
        **options,  # type: ignore[call-overload]
    )


def look(pid: int) -> Look:
    """Look at a process now. Raises FileNotFoundError where it has ended."""
    root = Path(f'/proc/{pid}')
    fields = (root / 'stat').read_text().rpartition(')')[2].split()
    pages = int(fields[21])
    return Look(
        time.monotonic(),
        (int(fields[11]) + int(fields[12])) / TICKS_PER_S,
        pages * os.sysconf('SC_PAGE_SIZE') / MEGABYTE,
        len(os.listdir(root / 'fd')),
        int(fields[17]),
    )


class Watcher:
    """Looks at processes every `period_s` on a thread, between `with` and its end.

    Attributes:
        looks: name to the looks at that process.
    """

    def __init__(self, pids: dict[str, int], period_s: float) -> None:
        self._pids, self._period_s = pids, period_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.looks: dict[str, list[Look]] = {name: [] for name in pids}

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def shares(self, name: str) -> list[float]:
        """Return percent of one core between every two looks."""
        looks = self.looks[name]
        return [100 * (b.cpu_s - a.cpu_s) / (b.time_s - a.time_s) for a, b in pairwise(looks)]

    def _run(self) -> None:
        due_s = time.monotonic()
        while True:
            for name, pid in self._pids.items():
                self.looks[name].append(look(pid))
            due_s += self._period_s
            if self._stop.wait(max(due_s - time.monotonic(), 0.0)):
                return


def end(processes: Sequence[subprocess.Popen[str]], limit_s: float = 15.0) -> None:
    """End processes by SIGINT and wait; what does not go is killed, and raises TimeoutExpired."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    try:
        for process in processes:
            process.wait(limit_s)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
