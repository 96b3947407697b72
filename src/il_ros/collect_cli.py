"""Run episodes on a running graph and record them."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from il_core.types import Mode
from il_core.writable import check_file
from il_ros.collect import Plan, Report, Watch, collect, parse_seeds
from il_ros.collected import Collected
from il_ros.graph_args import GraphArgs
from il_ros.options import add_graph_options, graph_args
from il_ros.parting import parted

EXAMPLE = """example:
  il run --mode demonstrate --operator keyboard --gui --run runs/first   in one terminal
  il collect --run runs/first --seeds 0-9                                in another

  il collect --run runs/first --seeds 0-2 --start-graph --mode demonstrate --lockstep \\
      --handover instant                             everything by itself, as fast as it goes
  il collect --run runs/real --seeds 0-9 --mode robot    on a robot graph that is running
"""
INTERRUPTED = 130
# What a robot stands for.
WAITS = {
    Mode.HOLD: 'the robot stands; take over, or `il call gate/resume`',
    Mode.ESTOP: 'emergency stop; when it is safe, `il call gate/reset_estop`',
}


def main(argv: Sequence[str]) -> int:
    """`il collect`: returns 0 where every seed has an episode, 130 after Ctrl-C."""
    options = _parser().parse_args(argv)
    args = graph_args(options, run=options.run) if options.start_graph else None
    seeds = parse_seeds(options.seeds)
    check_file('--out', options.out)
    there = args or GraphArgs(options.mode, simulate=options.simulate, hosts=options.hosts)
    plan = Plan(
        Path(options.run),
        seeds,
        options.operator_name,
        options.namespace,
        options.again,
        options.stall,
        there.simulated,
        there.hosts,
    )
    todo = len(plan.todo())
    print(f'{len(seeds) - todo} of {len(seeds)} present, {todo} to go', file=sys.stderr)
    with Bar(todo) as bar:
        report = collect(plan, args, bar)
    if options.out:
        report.save(options.out)
    say_result(report, plan)
    return parted(0 if report.complete else INTERRUPTED)


def say_result(report: Report, plan: Plan) -> None:
    """Print how the episodes ended and where they are."""
    counts = Counter(e.outcome for e in report.episodes)
    words = ', '.join(f'{n} {name}' for name, n in counts.most_common()) or 'no episode'
    print(f'{len(report.episodes)} of {len(plan.seeds)} in {plan.run}/bags: {words}')
    if report.lacking:
        seeds = ', '.join(map(str, report.lacking))
        print(f'no episode that counts of seeds {seeds}: collect again', file=sys.stderr)
    for episode in report.episodes:
        if episode.verdict != 'OK':
            print(f'{episode.folder}: {episode.verdict}; see `il bags info`', file=sys.stderr)


class Bar(Watch):
    """A progress bar, one step per episode."""

    def __init__(self, total: int) -> None:
        # Imported late: rich draws a random number at import.
        from rich import progress as rich
        from rich.console import Console

        columns = (rich.TextColumn('{task.description}'), rich.BarColumn())
        more = (rich.MofNCompleteColumn(), rich.TimeElapsedColumn())
        console = Console(stderr=True)
        self._bar = rich.Progress(*columns, *more, console=console, transient=True)
        self._task = self._bar.add_task('waiting for the graph', total=total)

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def waiting(self, names: list[str]) -> None:
        text = f'waiting for {", ".join(names)}; is `il run` up?'
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def step(self, seed: int, step: int) -> None:
        self._bar.update(self._task, description=f'seed {seed}, step {step}')

    def holding(self, seed: int, mode: Mode) -> None:
        self._bar.update(self._task, description=f'seed {seed}: {WAITS[mode]}')

    def done(self, episode: Collected) -> None:
        self._bar.update(self._task, advance=1)


def _file(text: str) -> Path | None:
    return Path(text) if text else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='il collect',
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--run', required=True, help='run folder that the recorder writes into')
    parser.add_argument('--seeds', required=True, help='initial states: 0-49 or 1,5,9')
    parser.add_argument('--again', action='store_true', help='also seeds that are there already')
    parser.add_argument(
        '--operator-name',
        default='',
        help="name of the person at the controls, kept in each episode's manifest",
    )
    parser.add_argument(
        '--stall',
        type=float,
        default=20.0,
        help='discard the episode and end after so many seconds in which nobody acts (default: '
        '20); on a robot that waits for its human only where something else is broken',
    )
    parser.add_argument('--out', type=_file, help='write the episodes as JSON into this file')
    parser.add_argument(
        '--start-graph',
        action='store_true',
        help='start the graph below for the duration; without it --mode, --simulate, '
        '--namespace and --hosts say what is running, and the rest is not looked at',
    )
    add_graph_options(parser, skip=('run', 'seed'), operator='scripted')
    return parser
