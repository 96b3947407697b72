"""What a check is, and the one list of them: a check is one file and one line here.

Nothing here needs rclpy, so that a broken install can say so.
"""

from __future__ import annotations

import enum
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from il_core.registry import Registry

# name -> `module:check`, called as check(settings).
CHECKS = Registry(
    'check',
    {
        'install': 'il_ros.doctor.install:check',
        'transport': 'il_ros.doctor.transport:check',
        'joystick': 'il_ros.doctor.joystick:check',
        'clock': 'il_ros.doctor.clock:check',
        'disk': 'il_ros.doctor.disk:check',
        'graph': 'il_ros.doctor.graph:check',
    },
)


class Level(enum.IntEnum):
    """OK; WARN: some uses will not work; FAIL: the loop will not."""

    OK = 0
    WARN = 1
    FAIL = 2


class Result(NamedTuple):
    """One finding: what was looked at, how it is in numbers, and what to do in one sentence."""

    what: str
    level: Level
    finding: str
    remedy: str = ''


@dataclass(frozen=True)
class Settings:
    """`folder` is where episodes are recorded; it need not exist yet. `hosts`: of the graph that
    is looked at, one or many."""

    folder: Path = Path('runs')
    hosts: str = 'one'


Check = Callable[[Settings], Iterator[Result]]


def ok(what: str, finding: str) -> Result:
    return Result(what, Level.OK, finding)


def warn(what: str, finding: str, remedy: str) -> Result:
    return Result(what, Level.WARN, finding, remedy)


def fail(what: str, finding: str, remedy: str) -> Result:
    return Result(what, Level.FAIL, finding, remedy)


def examine(names: Sequence[str], settings: Settings) -> Iterator[tuple[str, Result]]:
    """Run checks and yield (check, result) as they come. A check that raises is a FAIL."""
    for name in names:
        try:
            for result in CHECKS.load(name)(settings):
                yield name, result
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f'{Path(last.filename).name}:{last.lineno}'
            finding = f'{type(error).__name__}: {error} ({where})'
            yield name, fail('the check itself', finding, 'a defect of il doctor: report it')


def worst(results: Sequence[Result]) -> Level:
    """Return the worst level, OK where there is no result."""
    return max((result.level for result in results), default=Level.OK)
