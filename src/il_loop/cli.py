"""`il train`, `il round`, `il evaluate`, `il report`."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from il_core.errors import UserError
from il_core.load import load_spec
from il_core.writable import check_writable
from il_data.dataset import DEMONSTRATIONS, INTERVENTIONS, labels, notes
from il_data.episode import Episode
from il_data.read import read_episodes
from il_data.weighting import WEIGHTINGS
from il_loop import evaluate as evaluation
from il_loop.cast import ALONE, Cast, aided, make_loop, play
from il_loop.fits import ASKING, FITS, PROBED, PROBES
from il_loop.options import check_file, check_numbers
from il_loop.probe import prober
from il_loop.report_page import points, rate
from il_loop.round_episodes import content_hash
from il_loop.rounds import RoundConfig, make_round, read_bags
from il_loop.run_folder import RoundFile, RunFolder
from il_loop.sides import Seeds, check_sides, is_checkpoint, to_run
from il_policy import bc, checkpoint
from il_policy.critic import CriticConfig
from il_policy.fitting import Progress as Trained
from il_sim.api import make_world

CONSOLE = Console(soft_wrap=True, highlight=False)


def train(argv: list[str]) -> int:
    """Clone a policy from a folder of bags; a stopped training goes on when called again."""
    parser = _parser(
        'train', 'clone a policy from recorded episodes', 'il train runs/a/bags --out runs/a/bc'
    )
    parser.add_argument('bags', type=Path, help='folder of bags')
    parser.add_argument('--out', type=Path, required=True, help='checkpoint folder to write')
    parser.add_argument('--only-successful', action='store_true', help='leave other episodes out')
    parser.add_argument('--task', default='', help='task of bags that do not say it (foreign)')
    parser.add_argument('--robot', default='', help="robot, where it is not the task's own")
    _training_arguments(parser)
    args = parser.parse_args(argv)
    check_numbers(vars(args))
    if not args.out.exists():  # a checkpoint that is there is refused, and not touched
        check_writable('--out', args.out)
    chosen = DEMONSTRATIONS if args.only_successful else INTERVENTIONS
    chosen = dataclasses.replace(chosen, weighting=args.weighting)
    if args.robot and not args.task:
        raise UserError('--robot', args.robot, 'needs --task, the task of bags that do not say it')
    named = load_spec(args.task, args.robot) if args.task else None
    spec = named or read_episodes(args.bags)[0].spec
    episodes = read_episodes(args.bags, spec)
    found = labels(episodes, chosen)
    for item in found.left_out:
        CONSOLE.print(f'left out: {item.episode_id}: {item.reason}')
    config = bc.BcConfig(epochs=args.epochs, members=args.members, threads=args.threads)
    with training_bar() as step:
        bc.train(
            found.columns,
            spec,
            config,
            seed=args.seed,
            out=args.out,
            progress=step,
            episodes={e.episode_id: content_hash(e) for e in episodes},
            notes=notes(found, chosen, episodes),
        )
    CONSOLE.print(f'{len(found.columns)} labels; checkpoint in {args.out}')
    return 0


def round_(argv: list[str]) -> int:
    """Make the next round of a run folder."""
    args = _round_parser().parse_args(argv)
    check_numbers(vars(args))
    run = RunFolder(args.run)
    config = RoundConfig(
        bc.BcConfig(epochs=args.epochs, members=args.members, threads=args.threads),
        args.gate,
        args.alpha,
        CriticConfig(steps=args.critic_steps, threads=args.threads),
        args.weighting,
        args.seed,
        args.probes,
    )
    _check_used(args)  # now the gate's name is known to be one
    number = run.next_number()
    episodes = read_bags(run)
    check_writable('run folder', run.path)
    probe = prober(episodes[0].spec, config, number)
    with training_lines() if args.json else training_bar() as step:
        made = make_round(run, episodes, config, step, probe)
    words = f'{round_words(made)}; in {run.round(made.number)}'
    if made.number < number:
        words = f'nothing new: round {made.number} has seen all {len(made.episodes)} bags'
    if args.json:
        result = str(run.checkpoint(made.number))
        print(json.dumps({'message': words, 'result': result}), flush=True)
    else:
        CONSOLE.print(words)
    return 0


def evaluate(argv: list[str]) -> int:
    """Success of one checkpoint, or of two on the same seeds."""
    parser = _parser(
        'evaluate',
        'success of a checkpoint with n, interval and seeds; of two with their paired difference',
        'il evaluate runs/a/round_2/checkpoint --against runs/a/round_0/checkpoint -n 100',
    )
    parser.add_argument('checkpoint', type=Path, help='checkpoint folder, or a folder of bags')
    parser.add_argument('--against', type=Path, help='the one to compare with, on the same seeds')
    parser.add_argument('-n', '--episodes', type=int, default=50, help='episodes of each')
    parser.add_argument('--seed', type=int, default=10_000, help='first seed')
    parser.add_argument(
        '--gate', default='', help='with this gate and a scripted human; of bags, the recorded one'
    )
    parser.add_argument('--out', type=Path, help='JSON file for the result')
    args = parser.parse_args(argv)
    check_numbers(vars(args))
    check_file('--out', args.out)
    check_sides(*filter(None, (args.checkpoint, args.against)), gate=args.gate)
    seeds = range(args.seed, args.seed + args.episodes)
    cast = aided(args.gate) if args.gate else ALONE
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

    parser = _parser('report', 'one self-contained HTML page of a run folder', 'il report runs/a')
    parser.add_argument('run', type=Path, help='run folder')
    parser.add_argument('--no-pictures', action='store_true', help='do not render episodes again')
    args = parser.parse_args(argv)
    with CONSOLE.status('reading bags, drawing'):
        path = write_report(RunFolder(args.run), pictures=not args.no_pictures)
    CONSOLE.print(f'report: {path.resolve()}')
    return 0


def round_words(made: RoundFile) -> str:
    """Say what a round was made from."""
    return (
        f'round {made.number}: {made.labels} labels ({made.new_labels} new) from '
        f'{sum(e.labels > 0 for e in made.episodes)} of {len(made.episodes)} episodes'
    )


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
        f'{result.seeds[0]}..{result.seeds[-1]}; {result.length_s.value:.1f} s per episode{helped}'
    ]


@contextmanager
def bar(words: str) -> Iterator[Progress]:
    """Give a progress bar that vanishes when it is done."""
    columns = (TextColumn(words), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=CONSOLE, transient=True) as progress:
        yield progress


@contextmanager
def training_bar() -> Iterator[Callable[[Trained], None]]:
    """Give a function for `progress` of a training."""
    with bar('training') as progress:
        task = progress.add_task('')

        def show(report: Trained) -> None:
            progress.update(task, completed=report.step, total=report.steps)

        yield show


@contextmanager
def training_lines() -> Iterator[Callable[[Trained], None]]:
    """Give a function for `progress` of a training that prints a line of JSON per report."""

    def show(report: Trained) -> None:
        print(json.dumps({'progress': report.step / report.steps}), flush=True)

    yield show


def _evaluated(path: Path, seeds: Seeds, cast: Cast) -> evaluation.Evaluation:
    if is_checkpoint(path):
        return evaluate_checkpoint(path, seeds, cast)
    return evaluation.from_bags(path, seeds, label=str(path))


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


def _round_parser() -> argparse.ArgumentParser:
    parser = _parser(
        'round', 'retrain from all bags of a run folder and fit the gate', 'il round runs/a'
    )
    parser.add_argument('run', type=Path, help='run folder; its bags/ holds the episodes')
    parser.add_argument(
        '--gate',
        default='novelty',
        help='gate that collects and, where it has something to fit '
        f'({", ".join(FITS.names())}), is fitted; empty: none',
    )
    parser.add_argument(
        '--alpha', type=float, help="share of states it may ask on; None: the gate's own"
    )
    parser.add_argument(
        '--probes',
        type=int,
        default=PROBES,
        help='in simulation, for gates with a critic: episodes of the new policy alone',
    )
    steps = CriticConfig().steps
    parser.add_argument('--critic-steps', type=int, default=steps, help='of a gate with critics')
    parser.add_argument('--json', action='store_true', help='say how it goes for programs')
    _training_arguments(parser)
    return parser


def _check_used(args: argparse.Namespace) -> None:
    """Raise UserError for a setting that this gate has no use for."""
    critics = {'probes': PROBES, 'critic_steps': CriticConfig().steps}
    for name, default, gates in (
        ('alpha', None, ASKING),
        *((name, default, PROBED) for name, default in critics.items()),
    ):
        value = getattr(args, name)
        if value != default and args.gate not in gates:
            rule = f'does nothing with gate {args.gate or "none"}; leave it out, or choose a gate'
            raise UserError(f'--{name.replace("_", "-")}', value, rule, gates)


def _training_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--epochs', type=float, default=200.0, help='passes over the labels')
    parser.add_argument('--members', type=int, default=5, help='nets in the ensemble')
    parser.add_argument(
        '--weighting',
        default='',
        help="let the policy's own steps count too, and weigh interventions against them "
        f"({', '.join(WEIGHTINGS)}); empty: the human's actions alone",
    )
    parser.add_argument('--seed', type=int, default=0, help='of the training')
    parser.add_argument(
        '--threads', type=int, default=1, help='members trained at a time; changes no bit'
    )


def _parser(name: str, words: str, example: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=f'il {name}',
        description=words,
        epilog=f'example: {example}',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
