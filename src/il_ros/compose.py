"""Run a whole graph in one process: less to start, nothing to respawn."""

from __future__ import annotations

import importlib
import threading
import traceback
from collections.abc import Sequence

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.logging import get_logger
from rclpy.signals import SignalHandlerOptions

from il_core.errors import UserError
from il_core.extras import refusal
from il_ros import environment
from il_ros.exchange import WIRE, Exchange, Wire
from il_ros.graph import NodeSpec
from il_ros.lifecycle import IlNode
from il_ros.parting import bounded, let_go, parted
from il_ros.priority import raise_priority
from il_ros.run import StopFlag, make_executor, not_taken, spin
from il_ros.ticking import settle_memory


def run_composed(specs: Sequence[NodeSpec]) -> int:
    """Run every node of the graph in this process until a signal.

    Nodes that need SingleThreadedExecutor get a thread of their own. Returns the exit code.

    Raises:
        UserError: a node belongs to another package, which has to be a process.
    """
    if others := [f'{spec.package}/{spec.executable}' for spec in specs if not spec.module]:
        ours = [spec.name for spec in specs if spec.module]
        raise UserError('composed', others, 'cannot be part of one process of our nodes', ours)
    hosts = 'many' if any(spec.hosts == 'many' for spec in specs) else 'one'
    environment.use_transport(any(spec.images for spec in specs), hosts)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    stop, nodes = StopFlag(), list[tuple[NodeSpec, IlNode]]()
    try:
        code = _live(specs, nodes, stop)
    finally:
        let_go([node for _, node in nodes])
    return parted(code)


def _live(specs: Sequence[NodeSpec], nodes: list[tuple[NodeSpec, IlNode]], stop: StopFlag) -> int:
    threads: list[threading.Thread] = []
    code = 2
    try:
        exchange = Exchange()
        nodes += [(s, _make(s, exchange if s.executor == 'events' else WIRE)) for s in specs]
        raise_priority(max((n.params.realtime_priority for _, n in nodes), default=0))
        if all(node.autostart() for _, node in nodes):
            settle_memory([node for _, node in nodes])
            code = _spin(nodes, stop, threads)
    except UserError as error:
        get_logger('interactive_il').error(str(error))
    except Exception:
        get_logger('interactive_il').fatal(f'a callback raised:\n{traceback.format_exc()}')
        code = 1
    stop.is_set = True
    for thread in threads:
        thread.join()
    code = code or next((node.exit_code for _, node in nodes if node.exit_code), 0)
    for _, node in nodes if code else ():
        node.request_exit(code)
    with bounded():
        for _, node in sorted(nodes, key=lambda pair: pair[0].stop_rank):
            node.close()
    return code


def _spin(
    nodes: Sequence[tuple[NodeSpec, IlNode]], stop: StopFlag, threads: list[threading.Thread]
) -> int:
    executor = make_executor('events')
    together = [node for spec, node in nodes if spec.executor == 'events']
    for node in together:
        executor.add_node(node)
    for spec, node in nodes:
        if spec.executor == 'single':
            threads.append(threading.Thread(target=_spin_alone, args=(node, stop)))
            threads[-1].start()
    return spin(executor, together, stop)


def _spin_alone(node: IlNode, stop: StopFlag) -> None:
    executor = make_executor('single')
    executor.add_node(node)
    try:
        spin(executor, [node], stop)
    except ExternalShutdownException:
        return
    except Exception:
        node.get_logger().fatal(f'a callback raised:\n{traceback.format_exc()}')
        node.request_exit(1)
        stop.is_set = True


def _make(spec: NodeSpec, exchange: Wire) -> IlNode:
    try:
        cls = getattr(importlib.import_module(spec.module), spec.cls)
    except ImportError as error:
        raise refusal(error) or error from None
    try:
        node: IlNode = cls(exchange=exchange, cli_args=spec.ros_args())
    except RuntimeError as error:
        raise not_taken(error) from error
    return node
