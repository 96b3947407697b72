"""`il swap`: let policy and gate of a running graph run another checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path

from rclpy.executors import Executor
from rclpy.node import Node

from il_core.errors import UserError
from il_ros import environment
from il_ros.asking import asker, wait
from il_ros.parting import parted
from il_ros.swapping import Swapper

FIND_S = 5.0
ANSWER_S = 10.0
LONGEST_WAIT_S = 86_400.0


def main(argv: list[str]) -> int:
    """Swap, or take the last swap back."""
    parser = _parser()
    args = parser.parse_args(argv)
    if (args.checkpoint is None) != args.rollback:
        parser.error('give either the folder of a checkpoint or --rollback')
    if not 0.0 <= args.wait <= LONGEST_WAIT_S:
        raise UserError('--wait', args.wait, f'must be 0 to {LONGEST_WAIT_S:g} s')
    with asker('swap', args.namespace, args.hosts) as (node, executor):
        print(_swap(node, executor, args))
    return parted(0)


def _swap(node: Node, executor: Executor, args: argparse.Namespace) -> str:
    swapper = Swapper(node)
    wait(executor, lambda: not swapper.missing(), FIND_S)
    if args.rollback:
        task = executor.create_task(swapper.rollback, args.wait)
    else:
        task = executor.create_task(swapper.swap, args.checkpoint, args.wait)
    if not wait(executor, task.done, args.wait + ANSWER_S):
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
    parser.add_argument(
        '--wait', type=float, default=60.0, help='seconds for the gate to hold (default: 60)'
    )
    parser.add_argument('--namespace', default='', help='ROS namespace of the graph')
    parser.add_argument(
        '--hosts', choices=environment.HOSTS, default='one', help='as the graph was started with'
    )
    return parser
