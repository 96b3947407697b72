"""What one process at a time makes: a round in a run folder, a whole demo, a checkpoint."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from il_core.errors import UserError

LOCK = '.round.lock'


def locked(folder: Path) -> AbstractContextManager[None]:
    """Hold a run folder until the block ends, or the process, however that ends. Where the file
    system knows no locks, nobody is kept apart.

    Raises:
        UserError: somebody else holds it; says who.
    """
    return _held(folder / LOCK, 'run folder', folder, 'a round is being made in it by')


def demonstrating(folder: Path) -> AbstractContextManager[None]:
    """As `locked`, for a demo from its first stage to its last; its rounds are locked apart."""
    return _held(folder / '.demo.lock', 'run folder', folder, 'a demo runs in it:')


def training(out: Path) -> AbstractContextManager[None]:
    """As `locked`, for the checkpoint `out` and the state that its training leaves behind."""
    lock = out.with_name(f'.{out.name}.lock')
    return _held(lock, 'checkpoint', out, 'is being trained by')


@contextlib.contextmanager
def _held(lock: Path, what: str, path: Path, doing: str) -> Iterator[None]:
    """Hold `lock`. The file stays: who removed it could take the lock of a third."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open('a+') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            who = file.read().strip() or 'another process'
            rule = f'{doing} {who}; wait for its end, or stop it'
            raise UserError(what, str(path), rule) from error
        except OSError:
            pass
        file.truncate(0)
        file.write(f'process {os.getpid()} since {time.strftime("%F %T")}: {shlex.join(sys.argv)}')
        file.flush()
        yield
