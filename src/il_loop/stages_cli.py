"""Long work in named stages: says what it is doing, how long it took, and skips what is there."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console


class Stages:
    """Announces stages `k/n` on a console and times them.

    Args:
        total: how many stages there will be.
        console: where to say it.
    """

    def __init__(self, total: int, console: Console) -> None:
        self._total, self._console = total, console
        self._count = 0
        self._begin = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first stage."""
        return time.monotonic() - self._begin

    def run(self, words: str, present: Callable[[], str], work: Callable[[], str]) -> None:
        """Do one stage.

        Args:
            words: what it does, for the reader.
            present: says in words what is there already, empty where the stage must run.
            work: does it and says in words what came out. What it raises stops the whole.
        """
        self._count += 1
        self._console.print(f'[bold]{self._count}/{self._total}[/] {words}')
        found = present()
        if found:
            self._console.print(f'    [dim]skipped: {found}[/]')
            return
        begin = time.monotonic()
        result = work()
        self._console.print(f'    {result} [dim]({time.monotonic() - begin:.1f} s)[/]')
