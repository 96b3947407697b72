"""A file of this machine that one holder at a time has, and words in it that outlive it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
import time
from pathlib import Path

# What the holder before has written counts for so long after it was last there.
FRESH_S = 60.0


class LockFile:
    """Held until `close`, or until the system ends the process, however that ends.

    Where the machine has no place for such a file, or it is another user's, what cannot be done
    is left out.

    Args:
        what: is held; the same words are the same lock.

    Raises:
        BlockingIOError: somebody else holds it.

    Attributes:
        found: what the holder before wrote last; empty where that was long ago.
    """

    def __init__(self, what: str) -> None:
        name = f'interactive_il_{hashlib.sha256(what.encode()).hexdigest()[:16]}.lock'
        self._handle = _open(Path(tempfile.gettempdir()) / name)
        self.found = ''
        if self._handle is None:
            return
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise
        if time.time() - os.fstat(self._handle).st_mtime < FRESH_S:
            self.found = os.pread(self._handle, 10_000, 0).decode(errors='replace')

    def write(self, text: str) -> None:
        """Leave `text` for the next holder."""
        if self._handle is not None:
            with contextlib.suppress(OSError):  # opened for reading, or the disk is full
                os.pwrite(self._handle, text.encode(), 0)
                os.ftruncate(self._handle, len(text.encode()))

    def touch(self) -> None:
        """Say that the holder is still there."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                os.utime(self._handle)

    def close(self) -> None:
        """Let go. Safe to call twice."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _open(path: Path) -> int | None:
    """Return a descriptor, for writing where that is allowed: reading is enough for a lock."""
    for flags in (os.O_RDWR | os.O_CREAT, os.O_RDWR, os.O_RDONLY):
        with contextlib.suppress(OSError):
            return os.open(path, flags, 0o644)
    return None
