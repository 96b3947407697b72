"""What a node may find about itself: a level, the cause, and what to do about it."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Finding(NamedTuple):
    """One verdict: `level` is OK, WARN or ERROR; `text` names the cause and the remedy."""

    level: str
    text: str


class Findings(enum.Enum):
    """All that a node may find: members are (level, message, meaning, remedy).

    Calling a member with what `message` and `remedy` have in braces gives the Finding.
    docs/reference/diagnostics.md is made from the members.
    """

    def __init__(self, level: str, message: str, meaning: str, remedy: str = '') -> None:
        self.level, self.message, self.meaning, self.remedy = level, message, meaning, remedy

    def __call__(self, **fields: object) -> Finding:
        parts = filter(None, [self.message, self.remedy])
        return Finding(self.level, '; '.join(parts).format(**fields))
