"""A run folder that one round at a time is made in."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from il_core.errors import UserError

LOCK = '.round.lock'


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder until the block ends, or the process, however that ends. The file stays:
    who removed it could take the lock of a third. Where the file system knows no locks, nobody is
    kept apart.

    Raises:
        UserError: somebody else holds it; says who.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open('a+') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            who = file.read().strip() or 'another process'
            rule = f'a round is being made in it by {who}; wait for its end, or stop it'
            raise UserError('run folder', str(folder), rule) from error
        except OSError:
            pass
        file.truncate(0)
        file.write(f'process {os.getpid()} since {time.strftime("%F %T")}: {shlex.join(sys.argv)}')
        file.flush()
        yield
