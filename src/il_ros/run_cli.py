"""Start the graph of nodes without the launch package."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence

from il_ros.bringup import Bringup
from il_ros.graph import NodeSpec, graph
from il_ros.options import add_graph_options, graph_args
from il_ros.preflight import check_files, check_start
from il_ros.told_to_go import on_stop

EXAMPLE = """example:
  il run --mode demonstrate --operator keyboard --gui --run runs/first     drive a simulated arm
  il run --mode demonstrate --operator scripted --run runs/first           a script drives it
  il run --checkpoint runs/first/round_0/checkpoint --gate novelty --gui --run runs/first
  il collect --run runs/first --seeds 100-109       in another terminal: begins the episodes
"""
COLOURS = (36, 33, 32, 35, 34, 31, 96, 93)
POLL_S = 0.1
BELL = '\a'


def main(argv: Sequence[str]) -> int:
    """`il run`: start a graph and look after it until Ctrl-C. Returns the exit code."""
    options = _parser().parse_args(argv)
    args = graph_args(options)
    check_files(args)
    nodes = graph(args)
    if args.warning:
        print(f'warning: {args.warning}', file=sys.stderr)
    if options.print_graph:
        print(table(nodes))
        return 0
    check_start(args, nodes)
    if options.composed:
        from il_ros.compose import run_composed

        return run_composed(nodes)
    return supervise(Bringup(nodes, Printer([n.name for n in nodes])))


def supervise(bringup: Bringup) -> int:
    """Start, look after, and stop a graph; a signal ends it."""
    stop = threading.Event()
    on_stop(stop.set)
    bringup.start()
    code = None
    while code is None and not stop.is_set():
        stop.wait(POLL_S)
        code = bringup.poll()
    return bringup.stop() or code or 0


def table(nodes: Sequence[NodeSpec]) -> str:
    """Return the nodes as a Markdown table."""
    lines = ['| node | runs | what it does | parameters |', '|---|---|---|---|']
    for node in nodes:
        runs = node.module or f'{node.package}/{node.executable}'
        params = ', '.join(
            f'{k}={_short(v)}' for k, v in {**node.params, **node.overrides}.items() if v != ''
        )
        lines.append(f'| {node.name} | `{runs}` | {node.summary} | {params} |')
    return '\n'.join(lines)


class Printer:
    """Prints lines of several nodes, each with its name in its own colour; a line that is
    the terminal bell rings it."""

    def __init__(self, names: Sequence[str]) -> None:
        self._width = max(map(len, names), default=0)
        self._colours = {n: COLOURS[i % len(COLOURS)] for i, n in enumerate(names)}
        self._lock, self._plain = threading.Lock(), not sys.stdout.isatty()

    def __call__(self, name: str, line: str) -> None:
        if line == BELL:
            sys.stdout.write(BELL)
            sys.stdout.flush()
            return
        prefix = f'{name:>{self._width}} | '
        if not self._plain:
            prefix = f'\033[{self._colours.get(name, 37)}m{prefix}\033[0m'
        with self._lock:
            print(prefix + line, flush=True)


def _short(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='il run',
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--print-graph', action='store_true', help='print the nodes and end')
    parser.add_argument(
        '--composed',
        action='store_true',
        help='all nodes in one process; joy: reads the gamepad with joystick_node',
    )
    add_graph_options(parser)
    return parser
