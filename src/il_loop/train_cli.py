"""`il train`, `il round`."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from il_core.errors import UserError
from il_core.load import load_spec
from il_core.writable import check_writable
from il_data.dataset import DEMONSTRATIONS, INTERVENTIONS, beyond_limits, labels, notes
from il_data.read import read_episodes
from il_data.weighting import WEIGHTINGS
from il_loop.cli import CONSOLE, bar, command_parser
from il_loop.fits import ASKING, FITS, PROBED
from il_loop.options import check_numbers
from il_loop.probe import prober
from il_loop.round_episodes import content_hash, trained_on
from il_loop.rounds import RoundConfig, make_round, read_bags
from il_loop.run_folder import RoundFile, RunFolder
from il_loop.run_lock import training
from il_policy import bc
from il_policy.checkpoint import check_new
from il_policy.critic import CriticConfig
from il_policy.fitting import Progress

DEFAULT = RoundConfig()


def train(argv: list[str]) -> int:
    """Clone a policy from a folder of bags; a stopped training goes on when called again."""
    parser = command_parser(
        'train', 'clone a policy from recorded episodes', 'il train runs/a/bags --out runs/a/bc'
    )
    parser.add_argument('bags', type=Path, help='folder of bags')
    parser.add_argument('--out', type=Path, required=True, help='checkpoint folder to write')
    parser.add_argument('--only-successful', action='store_true', help='leave other episodes out')
    parser.add_argument('--task', default='', help='task of bags of `ros2 bag record`')
    parser.add_argument('--robot', default='', help="robot, where it is not the task's own")
    _training_arguments(parser)
    args = parser.parse_args(argv)
    check_numbers(vars(args))
    check_new(args.out)
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
    if found.unusable:
        why = 'a stream was missing or older than its max_age_s, or there was no action'
        CONSOLE.print(f'left out: {found.unusable} steps: {why}')
    for line in beyond_limits(found.columns, spec):
        CONSOLE.print(line)
    config = bc.BcConfig(epochs=args.epochs, members=args.members, threads=args.threads)
    hashes = {e.episode_id: content_hash(e) for e in episodes}
    with training(args.out), training_bar() as step:
        bc.train(
            found.columns,
            spec,
            config,
            seed=args.seed,
            out=args.out,
            progress=step,
            episodes=trained_on(episodes, found, hashes),
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
        made = make_round(run, episodes, config, step, probe, number)
    words = f'{round_words(made)}; in {run.round(made.number)}'
    if made.number < number:
        words = f'nothing new: round {made.number} has seen all {len(made.episodes)} bags'
    if args.json:
        result = str(run.checkpoint(made.number))
        print(json.dumps({'message': words, 'result': result}), flush=True)
    else:
        for item in made.episodes:
            if item.new and item.note and made.number == number:
                CONSOLE.print(f'left out: {item.id}: {item.note}')
        CONSOLE.print(words)
    return 0


def round_words(made: RoundFile) -> str:
    """Say what a round was made from."""
    return (
        f'round {made.number}: {made.labels} labels ({made.new_labels} new) from '
        f'{sum(e.labels > 0 for e in made.episodes)} of {len(made.episodes)} episodes'
    )


@contextmanager
def training_bar() -> Iterator[Callable[[Progress], None]]:
    """Give a function for `progress` of a training."""
    with bar('training') as progress:
        task = progress.add_task('')

        def show(report: Progress) -> None:
            progress.update(task, completed=report.step, total=report.steps)

        yield show


@contextmanager
def training_lines() -> Iterator[Callable[[Progress], None]]:
    """Give a function for `progress` of a training that prints a line of JSON per report."""

    def show(report: Progress) -> None:
        print(json.dumps({'progress': report.step / report.steps}), flush=True)

    yield show


def _round_parser() -> argparse.ArgumentParser:
    parser = command_parser(
        'round', 'retrain from all bags of a run folder and fit the gate', 'il round runs/a'
    )
    parser.add_argument('run', type=Path, help='run folder; its bags/ holds the episodes')
    parser.add_argument(
        '--gate',
        default=DEFAULT.gate,
        help='gate that collects and, where it has something to fit '
        f'({", ".join(FITS.names())}), is fitted; empty: none',
    )
    parser.add_argument(
        '--alpha',
        type=float,
        help='share of states to ask on (default: 0.2, of thrifty_dagger 0.01)',
    )
    parser.add_argument(
        '--probes',
        type=int,
        default=DEFAULT.probes,
        help='in simulation, for gates with a critic: episodes of the new policy alone',
    )
    steps = DEFAULT.critic.steps
    parser.add_argument(
        '--critic-steps', type=int, default=steps, help='steps of training for each critic'
    )
    parser.add_argument('--json', action='store_true', help='print progress as lines of JSON')
    _training_arguments(parser)
    return parser


def _check_used(args: argparse.Namespace) -> None:
    """Raise UserError for a setting that this gate has no use for."""
    critics = {'probes': DEFAULT.probes, 'critic_steps': DEFAULT.critic.steps}
    for name, default, gates in (
        ('alpha', None, ASKING),
        *((name, default, PROBED) for name, default in critics.items()),
    ):
        value = getattr(args, name)
        if value != default and args.gate not in gates:
            rule = f'does nothing with gate {args.gate or "none"}; leave it out, or choose a gate'
            raise UserError(f'--{name.replace("_", "-")}', value, rule, gates)


def _training_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--epochs', type=float, default=DEFAULT.bc.epochs, help='passes over the labels'
    )
    parser.add_argument(
        '--members', type=int, default=DEFAULT.bc.members, help='nets in the ensemble'
    )
    parser.add_argument(
        '--weighting',
        default=DEFAULT.weighting,
        help="let the policy's own steps count too, and weigh interventions against them "
        f"({', '.join(WEIGHTINGS)}); empty: the human's actions alone",
    )
    parser.add_argument('--seed', type=int, default=DEFAULT.seed, help='seed of the training')
    words = 'members trained at a time; changes no bit'
    parser.add_argument('--threads', type=int, default=DEFAULT.bc.threads, help=words)
