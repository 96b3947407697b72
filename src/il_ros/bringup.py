"""Start a graph and keep it alive: a process per node, respawn, an orderly end."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from il_core.errors import UserError
from il_ros import environment
from il_ros.graph import NodeSpec
from il_ros.told_to_go import LONGEST_CLOSE_S

Say = Callable[[str, str], None]  # (name of the node, one line of text)

FIRST_DELAY_S = 0.5
LAST_DELAY_S = 8.0
STEADY_S = 30.0  # after so long the next death counts as the first again
GRACE_S = LONGEST_CLOSE_S + 1.0  # a node that is stuck goes by itself, and says where it was
LAST_WORDS_S = 1.0  # for one that is deaf to that: SIGABRT prints its stack (`il_ros.run`)
BAD_CONFIGURATION = 2


@dataclass
class Child:
    """One node of the graph: its process, and when it may come back."""

    node: NodeSpec
    process: subprocess.Popen[str] | None = None
    started_s: float = 0.0
    delay_s: float = FIRST_DELAY_S
    due_s: float = 0.0
    readers: list[threading.Thread] = field(default_factory=list)

    @property
    def code(self) -> int | None:
        return self.process.poll() if self.process else None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Bringup:
    """A running graph.

    `start` returns at once; call `poll` often: it respawns what died (a gate comes up in HOLD, or
    in ESTOP where it died in that) and returns an exit code when the graph is to end. `stop` is
    needed at the end and safe at any time: the gate goes first, so that its last command still
    finds everybody, then the recorder, then the rest.

    Args:
        nodes: what `graph` returned.
        say: is given every line that a node prints, from threads.
    """

    def __init__(self, nodes: Sequence[NodeSpec], say: Say) -> None:
        self._children = [Child(node) for node in nodes]
        self._say = say
        self._killed = False

    def start(self) -> None:
        for child in self._children:
            self._spawn(child)

    def poll(self) -> int | None:
        """Look after the children once. Returns None while the graph lives, else an exit code."""
        now_s = time.monotonic()
        for child in self._children:
            if child.alive:
                continue
            if child.code == BAD_CONFIGURATION:
                return BAD_CONFIGURATION
            if child.code == 0 and child.node.terminal:
                return 0
            if child.due_s == 0.0 and child.process is not None:
                self._schedule(child, now_s)
            elif child.process is not None and now_s >= child.due_s:
                self._spawn(child)
        return None

    def stop(self) -> int:
        """End every node in order. Returns 0 where all went by themselves, 1 where one had to be
        killed."""
        for rank in sorted({child.node.stop_rank for child in self._children}):
            self._stop_all([c for c in self._children if c.node.stop_rank == rank and c.alive])
        for child in self._children:
            for reader in child.readers:
                reader.join(1.0)
        if self._killed:
            environment.clean_shared_memory()
        return int(self._killed)

    def _spawn(self, child: Child) -> None:
        command = self._command(child.node)
        if command is None:
            self._say(child.node.name, f'package {child.node.package} is not installed here')
            return
        child.started_s, child.due_s = time.monotonic(), 0.0
        pipe = None if child.node.terminal else subprocess.PIPE
        child.process = subprocess.Popen(
            command,
            env=environment.of_children(child.node.images, child.node.hosts),
            stdin=None if child.node.terminal else subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe and subprocess.STDOUT,
            text=True,
            errors='replace',
            # Ctrl-C in the terminal is for us; the children are told in order.
            start_new_session=not child.node.terminal,
        )
        if pipe:
            reader = threading.Thread(target=self._read, args=(child,), daemon=True)
            child.readers.append(reader)
            reader.start()

    def _command(self, node: NodeSpec) -> list[str] | None:
        if node.module:
            return [sys.executable, '-m', 'il_core.nodes', node.module, *node.ros_args()]
        path = environment.foreign_executable(
            node.package, node.executable, environment.of_children()
        )
        return [str(path), *node.ros_args()] if path else None

    def _schedule(self, child: Child, now_s: float) -> None:
        if now_s - child.started_s > STEADY_S:
            child.delay_s = FIRST_DELAY_S
        child.due_s = now_s + child.delay_s
        text = f'ended with code {child.code}, starts again in {child.delay_s:g} s'
        self._say(child.node.name, text)
        child.delay_s = min(2 * child.delay_s, LAST_DELAY_S)

    def _stop_all(self, children: Sequence[Child]) -> None:
        self._signal(children, signal.SIGTERM)  # not SIGINT: it is a traceback during the imports
        self._wait(children, GRACE_S)
        self._killed |= any(c.alive for c in children)
        self._signal(children, signal.SIGABRT)
        self._wait(children, LAST_WORDS_S)
        self._signal(children, signal.SIGKILL)
        for child in children:
            if child.process:
                child.process.wait()

    @staticmethod
    def _wait(children: Sequence[Child], limit_s: float) -> None:
        end_s = time.monotonic() + limit_s
        while any(c.alive for c in children) and time.monotonic() < end_s:
            time.sleep(0.005)

    def _signal(self, children: Sequence[Child], number: signal.Signals) -> None:
        for child in children:
            if child.process and child.alive:
                child.process.send_signal(number)

    def _read(self, child: Child) -> None:
        stream = child.process.stdout if child.process else None
        if stream is None:
            raise UserError('node', child.node.name, 'has no output to read')
        for line in stream:
            # A full disk, or a pipe that was closed: what is not read on holds the node up.
            with contextlib.suppress(OSError):
                self._say(child.node.name, line.rstrip('\n'))
