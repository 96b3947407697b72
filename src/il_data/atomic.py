"""Files that are there whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from il_core.errors import UserError


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` in one rename, with everything on the disk before it."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """As `write_text`."""
    part = path.with_name(f'.{path.name}.part')
    with part.open('wb') as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def sync(path: Path) -> None:
    """Have a file on the disk before going on; of a folder, the names in it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by `value` as JSON in one rename. NaN is refused: other readers choke on
    it."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + '\n')


def read_json(path: Path) -> Any:
    """Return the value in a file. Raises UserError where it is no JSON."""
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise UserError(str(path), str(error), 'is not JSON') from error
