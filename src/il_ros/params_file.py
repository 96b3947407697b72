"""Which parameters a ROS parameter file gives a node, by rcl's rules for names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from il_core.errors import UserError

BODY = 'ros__parameters'


def in_file(path: str, node: str) -> set[str]:
    """Return the names that the file gives `node` (`/NAMESPACE/NAME`); an empty path gives none.

    Raises:
        UserError: the file cannot be read, or is no parameter file.
    """
    if not path:
        return set()
    try:
        content = yaml.safe_load(Path(path).read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError('params', path, f'cannot be read: {error}') from error
    found = list(_bodies('', content))
    if not found:
        raise UserError('params', path, f'must hold NODE: {BODY}: NAME: VALUE')
    return {name for key, body in found if _pattern(key).fullmatch(node) for name in body}


def _bodies(key: str, content: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name of nodes, parameters); names may be nested."""
    for part, inside in content.items() if isinstance(content, dict) else ():
        if part == BODY and isinstance(inside, dict):
            yield key, inside
        else:
            yield from _bodies(f'{key}/{str(part).strip("/")}', inside)


def _pattern(key: str) -> re.Pattern[str]:
    """`*` is any one part of a name, `**` any number of parts."""
    escaped = re.escape(key).replace(r'/\*\*', '(/[^/]+)*')
    return re.compile(escaped.replace(r'\*', '[^/]+'))
