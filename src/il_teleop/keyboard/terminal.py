"""The terminal itself: characters as they are typed, and one line that is written over."""

from __future__ import annotations

import os
import select
import termios
import tty
from collections.abc import Iterable

from il_core.errors import UserError


class Terminal:
    """The controlling terminal in cbreak mode: no echo, no waiting for Enter; Ctrl-C still works.

    Args:
        path: of a terminal device.

    Raises:
        UserError: it is not a terminal.
    """

    def __init__(self, path: str = '/dev/tty') -> None:
        self._fd = -1
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
            self._before = termios.tcgetattr(self._fd)
        except (OSError, termios.error) as error:
            if self._fd >= 0:
                os.close(self._fd)
            rule = f'{error}; the keyboard needs a terminal window of its own'
            raise UserError('terminal', path, rule) from error
        tty.setcbreak(self._fd, termios.TCSADRAIN)

    @property
    def width(self) -> int:
        """Characters that the last line shows."""
        return (os.get_terminal_size(self._fd).columns or 80) - 1

    def read(self) -> bytes:
        """Return what was typed since the last call, without waiting."""
        ready, _, _ = select.select([self._fd], [], [], 0)
        return os.read(self._fd, 1024) if ready else b''

    def forget(self) -> None:
        """Drop what was typed and not read yet."""
        termios.tcflush(self._fd, termios.TCIFLUSH)

    def show(self, lines: Iterable[str]) -> None:
        """Write lines below each other."""
        self._write(''.join(f'\r\x1b[K{line}\r\n' for line in lines))

    def status(self, line: str) -> None:
        """Write over the last line."""
        self._write(f'\r\x1b[K{line[: self.width]}')

    def close(self) -> None:
        """Give the terminal back as it was. Safe to call twice."""
        if self._fd < 0:
            return
        self._write('\r\n')
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)
        os.close(self._fd)
        self._fd = -1

    def _write(self, text: str) -> None:
        os.write(self._fd, text.encode())
