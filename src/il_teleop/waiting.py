"""Lockstep: an input waits for the answers to the one before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar('T')


class Turn(Generic[T]):
    """Hold back the input of tick k until every answer to tick k-1 has arrived.

    Messages of different topics overtake each other, so an input may come before the answers that
    its sender had seen. Answers that never come (nobody was connected yet) do not block: when a
    newer input arrives while one waits, the newer one is due at once.

    Args:
        answers: names of the topics to wait for; none: nothing ever waits.
    """

    def __init__(self, answers: Iterable[str]) -> None:
        self._answered_ns = dict.fromkeys(answers, -1)
        self._last_ns = -1
        self._waiting: tuple[T, int] | None = None

    def input(self, value: T, stamp_ns: int) -> T | None:
        """Take an input; return the one that is due, if any."""
        if stamp_ns < self._last_ns:
            self._answered_ns = dict.fromkeys(self._answered_ns, -1)
            self._last_ns = -1
        given_up = self._waiting is not None
        self._waiting = (value, stamp_ns)
        return self._take() if given_up or self._complete() else None

    def answer(self, name: str, stamp_ns: int) -> T | None:
        """Take an answer, by the stamp of the tick that it answers; return the input that is due,
        if any."""
        self._answered_ns[name] = stamp_ns
        return self._take() if self._waiting is not None and self._complete() else None

    def _complete(self) -> bool:
        return all(stamp_ns >= self._last_ns for stamp_ns in self._answered_ns.values())

    def _take(self) -> T | None:
        if self._waiting is None:
            return None
        value, self._last_ns = self._waiting
        self._waiting = None
        return value
