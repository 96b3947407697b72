"""Where config/ and launch/ are: beside the source tree, in a pip environment, or in an ament
install."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from il_core.errors import UserError

PACKAGE = 'interactive_il'
ENDINGS = ('.yaml', '.yml')


def share_dir() -> Path:
    """Return the folder that holds config/. Raises UserError that lists the places looked at."""
    places = list(_candidates())
    for place in places:
        if (place / 'config' / 'robots').is_dir():
            return place
    looked = ', '.join(str(place) for place in places)
    raise UserError(
        'share folder',
        PACKAGE,
        f'no config/robots below any of: {looked}; install the package again',
    )


def find(kind: str, name: str) -> Path:
    """Return the YAML file of `name` in config/`kind`, or `name` itself where it is a path to a
    YAML file.

    Args:
        kind: folder below config/ (`robots`, `tasks`, `joysticks`, `params`).
        name: a name without ending, or a path that ends in .yaml.

    Raises:
        UserError: there is no such file; lists the names that exist.
    """
    what = {
        'robots': 'robot',
        'tasks': 'task',
        'joysticks': 'joystick',
        'params': 'parameter set',
    }.get(kind, kind)
    if name.endswith(ENDINGS):
        if not Path(name).is_file():
            raise UserError(f'{what} file', name, 'no such file')
        return Path(name)
    path = share_dir() / 'config' / kind / f'{name}.yaml'
    if not path.is_file():
        raise UserError(what, name, 'not known', names(kind))
    return path


def names(kind: str) -> tuple[str, ...]:
    """Return the names that config/`kind` ships, sorted."""
    return tuple(sorted(path.stem for path in (share_dir() / 'config' / kind).glob('*.yaml')))


def _candidates() -> list[Path]:
    source = Path(__file__).resolve().parents[2]
    ament = [Path(p) for p in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if p]
    return [source, *(p / 'share' / PACKAGE for p in ament), Path(sys.prefix) / 'share' / PACKAGE]
