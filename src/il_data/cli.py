"""`il bags`: look at, explain, check and repair recorded episodes."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from il_core import screen
from il_core.errors import UserError
from il_core.load import load_spec
from il_core.spec import Spec
from il_core.told import change
from il_core.types import Cause, EpisodeEvent, Mode, Outcome
from il_data import manifest
from il_data.check import check, damage
from il_data.explain import explain
from il_data.manifest import Manifest, Verdict
from il_data.read import (
    BEING_RECORDED,
    bag_folders,
    being_recorded,
    no_bags,
    raw,
    read_episode,
)
from il_data.repair import repair

EXAMPLES = """examples:
  il bags info runs/first/bags             one line per episode
  il bags info runs/first/bags/20261122T210000_0001
  il bags explain runs/first/bags/20261122T210000_0001   who drove, and why that changed
  il bags check runs/first/bags            exit code 1 where a bag is not to be trusted
  il bags repair runs/first/bags           make whole what was cut off
  il bags info plain_bag --task reach      a bag of `ros2 bag record`
"""
CHOICES = ('info', 'explain', 'check', 'repair')
WHAT = """info: outcome, verdict and who drove how long
explain: who drove when, and why that changed
check: can the recording be trusted
repair: make whole what was cut off"""
READING = ('info', 'check')  # these read bags by a spec
COLORS = {Verdict.OK: 'green', Verdict.SUSPECT: 'yellow', Verdict.BAD: 'red'}


def main(argv: Sequence[str]) -> int:
    """Run `il bags ...`. Returns 0, or 1 where a bag is BAD, damaged or unfinished."""
    args = _parser().parse_args(list(argv))
    _check_used(args)
    bags = bag_folders(args.path)
    if not bags:
        raise no_bags(args.path)
    spec = load_spec(args.task, args.robot) if args.task else None
    console = screen.console(soft_wrap=True)
    if args.what == 'repair':
        return _repair(bags, console)
    if args.what == 'explain':
        return _explain(bags, console)
    return _info(bags, spec, console) if args.what == 'info' else _check(bags, spec, console)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        'il bags',
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument('what', choices=CHOICES, help=WHAT)
    parser.add_argument('path', type=Path, help='a bag, or a folder of bags')
    parser.add_argument(
        '--task', default='', help='info, check: task of bags of `ros2 bag record`'
    )
    parser.add_argument('--robot', default='', help="robot, where it is not the task's own")
    return parser


def _check_used(args: argparse.Namespace) -> None:
    """Raise UserError for an option that does nothing here."""
    for option, value in (('--task', args.task), ('--robot', args.robot)):
        if value and args.what not in READING:
            rule = f'does nothing with {args.what}, only with {" and ".join(READING)}'
            raise UserError(option, value, f'{rule}; leave it out')
    if args.robot and not args.task:
        raise UserError('--robot', args.robot, 'needs --task, the task of bags that do not say it')


def _info(bags: Sequence[Path], spec: Spec | None, console: Console) -> int:
    table = screen.table('episode', 'outcome', 'verdict', 'steps', 'human', 'robot', 'switches')
    notes: list[str] = []
    worst = 0
    for bag in bags:
        if being_recorded(bag):
            table.add_row(escape(bag.name), '', BEING_RECORDED)
            continue
        try:
            episode = read_episode(bag, spec)
        except UserError as error:
            worst = 1
            table.add_row(escape(bag.name), '', '[red]unreadable')
            notes.append(f'{bag.name}: {error}')
            continue
        known = episode.manifest
        counts = (len(episode), episode.human_actions, episode.robot_actions, episode.switches)
        table.add_row(
            escape(known.episode_id),
            known.outcome.name.lower(),
            _colored(known.verdict),
            *map(str, counts),
        )
        notes += [f'{bag.name}: {line}' for line in (known.reason, *known.reasons) if line]
    _show(table, notes, console)
    if len(bags) == 1 and (bags[0] / manifest.FILE).exists():
        with contextlib.suppress(UserError):  # it is damaged, as was said
            console.print(_topics(manifest.load(bags[0])))
    return worst


def _topics(known: Manifest) -> Table:
    table = screen.table('topic', 'count', 'Hz', 'gap (s)', 'lost', 'early', 'type')
    for topic in known.topics:
        lost = 'not known' if topic.lost < 0 else str(topic.lost)
        pace = (f'{topic.rate_hz:.1f}', f'{topic.max_gap_s:.3f}')
        row = (topic.name, str(topic.count), *pace, lost, str(topic.early), topic.type)
        table.add_row(*row)
    return table


def _explain(bags: Sequence[Path], console: Console) -> int:
    worst = 0
    for bag in bags:
        if being_recorded(bag):
            console.print(f'{bag.name} {BEING_RECORDED}', markup=False)
            continue
        try:
            line = explain(bag)
        except UserError as error:
            if len(bags) == 1:
                raise
            worst = 1
            console.print(f'{bag.name}: {error}', markup=False)
            continue
        head = ('at (s)', 'for (s)', 'step', 'tick', 'from', 'to', 'driver', 'cause')
        table = screen.table(*head, title=escape(bag.name))
        for span in line.spans:
            now = span.state
            before = '' if span.before is Mode.UNKNOWN else span.before.name
            times = (f'{span.begin_s:.2f}', f'{span.duration_s:.2f}', str(now.step), str(now.tick))
            table.add_row(*times, before, now.mode.name, now.owner.name.lower(), now.cause.name)
        console.print(table)
        said = [(span.begin_s, change(span.before, span.state)) for span in line.spans]
        said += [(at_s, _told(event)) for at_s, event in line.events]
        for at_s, words in sorted(said, key=lambda pair: pair[0]):
            console.print(f'{at_s:8.2f} s  {words}', markup=False)
    return worst


def _told(event: EpisodeEvent) -> str:
    outcome = event.outcome.name.lower() if event.outcome is not Outcome.UNKNOWN else ''
    cause = event.cause.name if event.cause not in (Cause.UNKNOWN, Cause.NONE) else ''
    words = (outcome, cause, event.detail)
    what = ', '.join(word for word in words if word)
    return f'event {event.kind.name}{": " if what else ""}{what}'


def _check(bags: Sequence[Path], spec: Spec | None, console: Console) -> int:
    table, notes = screen.table('episode', 'verdict'), list[str]()
    worst = 0
    for bag in bags:
        found = check(bag, spec)
        worst = max(worst, int(found.verdict is Verdict.BAD))
        table.add_row(escape(bag.name), _colored(found.verdict))
        notes += [f'{bag.name}: {line}' for line in found.lines]
    _show(table, notes, console)
    return worst


def _repair(bags: Sequence[Path], console: Console) -> int:
    table, notes = screen.table('episode', 'verdict', 'what was done'), list[str]()
    worst = 0
    for bag in bags:
        if being_recorded(bag):
            table.add_row(escape(bag.name), '', f'{BEING_RECORDED}, left alone')
            continue
        try:
            if not damage(bag):
                table.add_row(escape(bag.name), _left_alone(bag), 'whole, left alone')
                continue
            done = repair(bag)
            table.add_row(escape(bag.name), _colored(done.verdict), 'recovered')
            notes += [f'{bag.name}: {line}' for line in done.reasons]
        except UserError as error:
            worst = 1
            table.add_row(escape(bag.name), '[red]BAD', 'nothing')
            notes.append(f'{bag.name}: {error}')
    _show(table, notes, console)
    return worst


def _left_alone(bag: Path) -> str:
    """Return the verdict of a bag without damage to its one MCAP file. Raises UserError where it
    has none, or several files that cannot be read: those are not of our recorder."""
    if len(list(bag.glob('*.mcap'))) != 1:
        raw(bag, ())
    judged = (bag / manifest.FILE).is_file()
    return _colored(manifest.load(bag).verdict) if judged else 'a plain bag'


def _show(table: Table, notes: Sequence[str], console: Console) -> None:
    """Print a table and, below it where no column cuts them short, the reasons."""
    console.print(table)
    for note in notes:
        console.print(note, markup=False)


def _colored(verdict: Verdict) -> str:
    return f'[{COLORS[verdict]}]{verdict.value}'
