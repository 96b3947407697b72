"""`il doctor`: look at install, transport, joystick, clock, disk and running graph."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from il_core import screen
from il_core.errors import UserError
from il_core.writable import check_file
from il_ros import environment
from il_ros.doctor.api import CHECKS, Level, Result, Settings, examine, worst

EXAMPLE = """example:
  il doctor                              everything, in 30 s; exit code 1 where something FAILs
  il doctor --only transport joystick
  il doctor --folder /data/runs --json doctor.json
"""
COLOURS = {Level.OK: 'green', Level.WARN: 'yellow', Level.FAIL: 'bold red'}


def main(argv: Sequence[str]) -> int:
    """Run `il doctor`. Returns 1 where a check FAILs, else 0."""
    args = _parser().parse_args(argv)
    names = args.only or list(ORDER)
    for name in names:
        if name not in CHECKS.names():
            raise UserError('--only', name, 'no such check', CHECKS.names())
    console, begun_s = screen.console(), time.monotonic()
    check_file('--json', args.json)
    found: list[tuple[str, Result]] = []
    with console.status('looking') as status:
        for name, result in examine(names, Settings(args.folder, args.hosts)):
            found.append((name, result))
            status.update(escape(f'{name}: {result.what}'))
    seconds = time.monotonic() - begun_s
    console.print(_table(found))
    counts = [sum(r.level is level for _, r in found) for level in Level]
    words = ', '.join(f'{n} {level.name}' for n, level in zip(counts, Level, strict=True))
    console.print(f'{words} in {seconds:.0f} s')
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(_plain(found, seconds), indent=1) + '\n')
    return int(worst([result for _, result in found]) is Level.FAIL)


# As one would look: what comes first explains what comes after.
ORDER = ('install', 'disk', 'clock', 'joystick', 'transport', 'graph')


def _table(found: Sequence[tuple[str, Result]]) -> Table:
    table = screen.table('check', 'what', '', 'finding and remedy')
    for name, result in found:
        colour = COLOURS[result.level]
        text = escape(result.finding)
        if result.remedy:
            text += escape(f'\n-> {result.remedy}')
        table.add_row(name, escape(result.what), f'[{colour}]{result.level.name}', text)
    return table


def _plain(found: Sequence[tuple[str, Result]], seconds: float) -> dict[str, Any]:
    rows = [{'check': n, **r._asdict(), 'level': r.level.name} for n, r in found]
    return {'seconds': seconds, 'results': rows}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        'il doctor',
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--only', nargs='+', metavar='CHECK', help=', '.join(ORDER))
    parser.add_argument(
        '--folder', type=Path, default=Path('runs'), help='where episodes are recorded'
    )
    parser.add_argument(
        '--hosts', choices=environment.HOSTS, default='one', help='as the graph was started with'
    )
    parser.add_argument('--json', type=Path, help='write the results there, too')
    return parser
