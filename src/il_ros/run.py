"""The main of every node: one executor, signals that leave time for last words, exit code 0."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import rclpy
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.experimental import EventsExecutor
from rclpy.logging import get_logger
from rclpy.signals import SignalHandlerOptions

from il_core.errors import UserError
from il_ros.environment import PARENT
from il_ros.lifecycle import IlNode
from il_ros.parting import STDERR, bounded, let_go, parted
from il_ros.priority import raise_priority
from il_ros.ticking import settle_memory
from il_ros.told_to_go import SIGNALS, on_stop

ExecutorKind = Literal['events', 'single']
SPIN_S = 0.1
PR_SET_PDEATHSIG = 1


class StopFlag:
    """Set by whatever tells a process to go. rclpy's own handlers would end the context before a
    stop command is out. A crash, or SIGABRT, prints where every thread was."""

    def __init__(self) -> None:
        self.is_set = False
        faulthandler.enable(STDERR)
        on_stop(self._set)

    def _set(self) -> None:
        self.is_set = True


def follow_parent() -> None:
    """Be told (SIGTERM) when `il run` dies, however it dies; at once where it did while this
    process was starting. Linux only; elsewhere nothing happens."""
    parent = os.environ.get(PARENT, '')
    if sys.platform != 'linux' or not parent:
        return
    child = parent == str(os.getppid())
    if child:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # One that is no parent may have another process between (a debugger): it is alive.
    if (child and os.getppid() != int(parent)) or not _lives(parent):
        signal.raise_signal(signal.SIGTERM)


def _lives(pid: str) -> bool:
    """Return whether a process is there, and not only its exit code."""
    try:
        stat = Path('/proc', pid, 'stat').read_text()
    except OSError:
        return False
    return stat.rpartition(')')[2].split()[0] not in 'ZX'


def make_executor(kind: ExecutorKind) -> Executor:
    """`events` is the fastest; `single` where callbacks take MessageInfo (it crashes the other
    one)."""
    return EventsExecutor() if kind == 'events' else SingleThreadedExecutor()


def not_taken(error: RuntimeError) -> UserError:
    """Return what rcl has against arguments (a parameter file, a name) or ROS_DOMAIN_ID, without
    the lines of its source."""
    why = str(error).partition(', at /')[0]
    return UserError('ROS', 'not started', f'it does not take what it was given: {why}')


def run(make: Callable[[], IlNode], executor: ExecutorKind = 'events') -> None:
    """Run one node until a signal or its own wish; never returns.

    Exits with 0 after a signal, 2 where ROS does not take its arguments or it cannot be configured
    or activated, 1 where a callback raises later, or going takes too long (`bounded`).
    """
    stop = StopFlag()
    try:
        rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        get_logger('interactive_il').error(str(not_taken(error)))
        sys.exit(2)
    follow_parent()
    code, spun = 1, make_executor(executor)
    try:
        code = _live(make, spun, stop)
    except (KeyboardInterrupt, ExternalShutdownException):
        code = 0
    finally:
        let_go(spun.get_nodes())
    for number in SIGNALS:  # a second one does not hide the exit code
        signal.signal(number, signal.SIG_IGN)
    sys.stdout.flush()
    sys.exit(parted(code))


def spin(executor: Executor, nodes: Sequence[IlNode], stop: StopFlag) -> int:
    """Spin until `stop` or until a node wants to exit; returns the exit code."""
    while not stop.is_set and rclpy.ok():
        executor.spin_once(SPIN_S)
        for node in nodes:
            if node.exit_code is not None:
                return node.exit_code
    return 0


def _live(make: Callable[[], IlNode], executor: Executor, stop: StopFlag) -> int:
    try:
        node = make()
        executor.add_node(node)
        raise_priority(node.params.realtime_priority)
    except UserError as error:
        get_logger('interactive_il').error(str(error))
        return 2
    if not node.autostart():
        return 2
    settle_memory([node])
    try:
        code = spin(executor, [node], stop)
    except ExternalShutdownException:
        return 0
    except Exception:
        node.get_logger().fatal(f'a callback raised:\n{traceback.format_exc()}')
        code = 1
        node.request_exit(code)
    with bounded():
        node.close()
    return code
