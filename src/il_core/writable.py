"""Whether a folder can be written, found out before the work whose result goes there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from il_core.errors import UserError


def check_writable(what: str, path: Path, folder: Path | None = None) -> None:
    """Make sure that something can be written; nothing of it stays.

    Args:
        what: the user's name for it. path: as it was given.
        folder: that is written into, or made; None: `path`.

    Raises:
        UserError: it cannot; says what the system has against it.
    """
    folder = path if folder is None else folder
    there = next(p for p in (folder, *folder.absolute().parents) if os.path.lexists(p))
    try:
        with tempfile.TemporaryDirectory(prefix='.il_', dir=there):
            pass
    except OSError as error:
        rule = f'cannot be written: {error.strerror} ({there})'
        raise UserError(what, str(path), rule) from error


def check_file(option: str, path: Path | None) -> None:
    """As `check_writable`, for a file. None is none asked for."""
    if path is not None and path.is_dir():
        raise UserError(option, str(path), 'is a folder; name a file')
    if path is not None:
        check_writable(option, path, path.parent)
