"""`il evaluate`, `il report`; neither needs torch."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from il_core import screen
from il_core.writable import check_file
from il_data.episode import Episode
from il_gating.api import STEADY
from il_loop import evaluate as evaluation
from il_loop.cast import ALONE, Cast, aided, make_loop, play
from il_loop.options import Defaults, check_numbers
from il_loop.report_page import points, rate
from il_loop.run_folder import RunFolder
from il_loop.sides import Seeds, check_sides, is_checkpoint, to_run
from il_policy import checkpoint
from il_sim.api import make_world

CONSOLE = screen.console(soft_wrap=True)


def evaluate(argv: list[str]) -> int:
    """Success of one checkpoint, or of two on the same seeds."""
    parser = command_parser(
        'evaluate',
        'success of a checkpoint with n, interval and seeds; of two with their paired difference',
        'il evaluate runs/a/round_2/checkpoint --against runs/a/round_0/checkpoint -n 100',
    )
    parser.add_argument('checkpoint', type=Path, help='checkpoint folder, or a folder of bags')
    parser.add_argument('--against', type=Path, help='the one to compare with, on the same seeds')
    parser.add_argument('-n', '--episodes', type=int, default=50, help='episodes of each')
    parser.add_argument('--seed', type=int, default=10_000, help='first seed')
    parser.add_argument(
        '--gate',
        default='',
        help='with this gate, as it was fitted, and a scripted human; of bags, the recorded one',
    )
    parser.add_argument('--out', type=Path, help='JSON file for the result')
    args = parser.parse_args(argv)
    check_numbers(vars(args))
    check_file('--out', args.out)
    check_sides(*filter(None, (args.checkpoint, args.against)), gate=args.gate)
    seeds = range(args.seed, args.seed + args.episodes)
    cast = aided(args.gate, STEADY.get(args.gate)) if args.gate else ALONE
    # Bags first: they take no time, and may lack the seeds.
    paths = sorted({args.checkpoint, args.against or args.checkpoint}, key=is_checkpoint)
    found: dict[Path, evaluation.Evaluation] = {}
    for path in paths:
        these, words = to_run(path, seeds, *found.values())
        CONSOLE.print(words, end='')
        found[path] = _evaluated(path, these, cast)
    result: evaluation.Evaluation | evaluation.Comparison = found[args.checkpoint]
    if args.against:
        result = evaluation.compare(found[args.against], found[args.checkpoint])
    CONSOLE.print('\n'.join(evaluation_words(result)))
    if args.out:
        CONSOLE.print(f'written to {evaluation.save(result, args.out)}')
    return 0


def report(argv: list[str]) -> int:
    """Write the HTML page of a run folder."""
    from il_loop.report import write_report

    parser = command_parser(
        'report', 'one self-contained HTML page of a run folder', 'il report runs/a'
    )
    parser.add_argument('run', type=Path, help='run folder')
    parser.add_argument('--no-pictures', action='store_true', help='do not render episodes again')
    args = parser.parse_args(argv)
    with CONSOLE.status('reading bags, drawing'):
        path = write_report(RunFolder(args.run), pictures=not args.no_pictures)
    CONSOLE.print(f'report: {path.resolve()}')
    return 0


def evaluation_words(result: evaluation.Evaluation | evaluation.Comparison) -> list[str]:
    """Return lines that a person reads."""
    if isinstance(result, evaluation.Comparison):
        lines = [*evaluation_words(result.before), *evaluation_words(result.after)]
        gain = f'paired difference: {points(result.difference)}, {result.difference.n} pairs'
        return [*lines, gain + ', 95 % interval of Tango']
    helps = result.human and result.gate not in ('', 'policy_only')
    helped = f'; with {result.gate} and {result.human}' if helps else ''
    return [
        f'{result.label}: success {rate(result.success)}, n = {result.success.n}, seeds '
        f'{evaluation.seed_spans(result.seeds)}; {result.length_s.value:.1f} s per episode{helped}'
    ]


@contextmanager
def bar(words: str) -> Iterator[Progress]:
    """Give a progress bar that vanishes when it is done."""
    columns = (TextColumn(words), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=CONSOLE, transient=True) as progress:
        yield progress


def _evaluated(path: Path, seeds: Seeds, cast: Cast) -> evaluation.Evaluation:
    if is_checkpoint(path):
        return evaluate_checkpoint(path, seeds, cast)
    counted = evaluation.from_bags(path, seeds, label=str(path))
    if len(counted.seeds) < len(seeds):
        CONSOLE.print(f'{path} has {len(counted.seeds)} of the {len(seeds)} seeds asked for')
    return counted


def evaluate_checkpoint(path: Path, seeds: Seeds, cast: Cast = ALONE) -> evaluation.Evaluation:
    """Run one episode per seed without ROS and count."""
    world = make_world(checkpoint.load(path).policy.spec)
    try:
        with bar(f'episodes of {path.parent.name}') as progress:
            task = progress.add_task('', total=len(seeds))

            def step(_: Episode) -> None:
                progress.advance(task)

            episodes = play(make_loop(world, cast, path), seeds, progress=step)
    finally:
        world.close()
    return evaluation.from_episodes(episodes, label=str(path), gate=cast.gate, human=cast.human)


def command_parser(name: str, words: str, example: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=f'il {name}',
        description=words,
        epilog=f'example: {example}',
        formatter_class=Defaults,
    )
