"""A command that asks a running graph for something, and waits for the answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rclpy
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from il_ros import environment
from il_ros.namespaces import check_namespace
from il_ros.parting import let_go

SPIN_S = 0.1


@contextmanager
def asker(name: str, namespace: str, hosts: str) -> Iterator[tuple[Node, Executor]]:
    """Yield a node beside a graph, and what spins it.

    Signals are Python's: rclpy's own handler would end the context beside whoever uses it.

    Whoever uses it ends with `parting.parted`.

    Raises:
        UserError: ROS would not take such a namespace.
    """
    check_namespace(namespace)
    environment.use_transport(hosts=hosts)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    executor = SingleThreadedExecutor()
    try:
        node = rclpy.create_node(name, namespace=namespace)
        executor.add_node(node)
        yield node, executor
    finally:
        let_go(executor.get_nodes())


def wait(executor: Executor, until: Callable[[], bool], limit_s: float) -> bool:
    """Spin until something is true; returns whether it is. In short turns: a signal is heard
    between them."""
    end_s = time.monotonic() + limit_s
    while not until() and time.monotonic() < end_s:
        executor.spin_once(SPIN_S)
    return until()
