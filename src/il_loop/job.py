"""Long work in a process of its own, at the lowest priority, watched without blocking."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

# After an interrupt a training saves its state; one that takes longer is killed.
PATIENCE_S = 10.0


class Job:
    """An `il` command that prints lines of JSON.

    Args:
        command: of `il`, without `il`.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'il_core.cli', *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: os.nice(19),
        )
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
        self._rest = {'out': '', 'err': ''}
        self._kill_s: float | None = None
        self.cancelled = False

    def news(self) -> list[Mapping[str, Any]]:
        """Return what it said since the last call."""
        if self._kill_s is not None and time.monotonic() > self._kill_s:
            self._process.kill()
        self._rest['err'] += _read(self._process.stderr)
        *lines, self._rest['out'] = (self._rest['out'] + _read(self._process.stdout)).split('\n')
        return [json.loads(line) for line in lines if line.startswith('{')]

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    @property
    def complaint(self) -> str:
        """The last line of what it said on stderr; of one that was killed, the exit code."""
        lines = self._rest['err'].strip().splitlines()
        killed = self.code is not None and self.code < 0
        return lines[-1] if lines and not killed else f'exit code {self.code}'

    def cancel(self) -> None:
        """Interrupt it; what it trained stays."""
        if not self.cancelled:
            self.cancelled, self._kill_s = True, time.monotonic() + PATIENCE_S
            self._process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """End it at once and wait for that."""
        if self.code is None:
            self._process.terminate()
        self._process.communicate()


def _read(pipe: Any) -> str:
    """Return what is there now."""
    return (pipe.read() or b'').decode(errors='replace')
