"""`il swap`: let policy and gate of a running graph run another checkpoint."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from il_core.errors import UserError
from il_ros import environment
from il_ros.namespaces import check_namespace
from il_ros.swapping import Swapper

FIND_S = 5.0
ANSWER_S = 10.0


def main(argv: list[str]) -> int:
    """Swap, or take the last swap back."""
    parser = _parser()
    args = parser.parse_args(argv)
    if (args.checkpoint is None) != args.rollback:
        parser.error('give either the folder of a checkpoint or --rollback')
    check_namespace(args.namespace)
    environment.use_transport(hosts=args.hosts)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.SIGINT)
    try:
        print(_swap(args))
    finally:
        rclpy.try_shutdown()
    return 0


def _swap(args: argparse.Namespace) -> str:
    node, executor = rclpy.create_node('swap', namespace=args.namespace), SingleThreadedExecutor()
    executor.add_node(node)
    swapper, end_s = Swapper(node), time.monotonic() + FIND_S
    while swapper.missing() and time.monotonic() < end_s:
        executor.spin_once(0.05)
    if args.rollback:
        task = executor.create_task(swapper.rollback, args.wait)
    else:
        task = executor.create_task(swapper.swap, args.checkpoint, args.wait)
    executor.spin_until_future_complete(task, args.wait + ANSWER_S)
    if not task.done():
        raise UserError('graph', 'policy and gate', f'gave no answer in {ANSWER_S:g} s')
    done = task.result()
    return f'policy and gate run {done}' if done else 'policy and gate run what they ran before'


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='il swap',
        description='let policy and gate of a running graph run another checkpoint: both or '
        'neither, while the gate holds or between episodes',
        epilog='example: il swap runs/a/round_2/checkpoint',
    )
    parser.add_argument('checkpoint', type=Path, nargs='?', help='checkpoint folder')
    parser.add_argument('--rollback', action='store_true', help='take the last swap back')
    parser.add_argument('--wait', type=float, default=60.0, help='seconds for the gate to hold')
    parser.add_argument('--namespace', default='', help='ROS namespace of the graph')
    parser.add_argument(
        '--hosts', choices=environment.HOSTS, default='one', help='as the graph was started with'
    )
    return parser
