"""Parting from ROS: what a process has of the transport is given up, or left behind."""

from __future__ import annotations

import atexit
import ctypes
import faulthandler
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import rclpy
from rclpy.node import Node

from il_ros.told_to_go import LONGEST_CLOSE_S

LET_GO_S = 2.0  # takes under 0.1 s, 1 s on a machine with five times as much to do as it can
RCL = 'librcl.so'
STDERR = 2  # the descriptor: `sys.stderr` may be closed, or None

_left: list[Sequence[Node]] = []


@contextmanager
def bounded() -> Iterator[None]:
    """Leave with code 1, and say where this was, where what is inside takes longer than
    LONGEST_CLOSE_S, deaf to every signal."""
    faulthandler.dump_traceback_later(LONGEST_CLOSE_S, exit=True, file=STDERR)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def let_go(nodes: Sequence[Node]) -> None:
    """Destroy all nodes of a process, once no executor holds on to what they have, then the
    context; `parted` has to follow.

    With its last node a process gives up its DDS participant, and Fast DDS 2.14, as the wheels
    have it, may never come back from that: it waits for a callback of its discovery, with the lock
    that this needs to end (eProsima/Fast-DDS#6513). It takes nodes that come and go at the same
    time, as at the end of a graph. rclpy would wait with the GIL, so rcl is asked without it.
    """
    with bounded():
        for executor in {node.executor for node in nodes if node.executor}:
            executor.shutdown(0.0)
        for node in nodes:
            _empty(node)
        rclpy.try_shutdown()
    thread = threading.Thread(target=_finish, args=(nodes,), daemon=True)
    thread.start()
    thread.join(LET_GO_S)
    if thread.is_alive():
        _left.append(nodes)
        atexit.register(_bound_the_end)


def parted(code: int) -> int:
    """Return `code`; where `let_go` left something behind, end the process with it here, as
    Python's own end would wait for it."""
    if _left:
        sys.stdout.flush()
        os._exit(code)
    return code


def _bound_the_end() -> None:
    """For who ends without `parted`."""
    faulthandler.dump_traceback_later(LET_GO_S, exit=True, file=STDERR)


def _empty(node: Node) -> None:
    """Destroy what a node has, but not the node."""
    for made, destroy in (
        (node.publishers, node.destroy_publisher),
        (node.subscriptions, node.destroy_subscription),
        (node.clients, node.destroy_client),
        (node.services, node.destroy_service),
        (node.timers, node.destroy_timer),
        (node.guards, node.destroy_guard_condition),
    ):
        for each in list(made):
            destroy(each)
    life_cycle = getattr(node, '_state_machine', None)  # of a LifecycleNode
    if life_cycle is not None:
        life_cycle.destroy_when_not_in_use()


def _finish(nodes: Sequence[Node]) -> None:
    """Let rcl destroy nodes; that rclpy does it again later is without effect."""
    try:
        rcl = ctypes.CDLL(RCL)
    except OSError:  # an install that keeps it elsewhere: rclpy destroys them alone
        return
    for node in nodes:
        rcl.rcl_node_fini(ctypes.c_void_p(node.handle.pointer))
