"""Two kinds of error: the user's, which says what to change, and ours, which is a defect."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something that a user wrote, passed or plugged in breaks a rule.

    Args:
        what: the thing that is wrong, as the user knows it (`axis kind`, `robot panda.yaml:
        axes[0].low`). value: what was found.
        rule: what must hold.
        choices: the valid values, where there is a list of them.
    """

    def __init__(self, what: str, value: object, rule: str, choices: Iterable[str] = ()) -> None:
        self.what, self.value, self.rule = what, value, rule
        self.choices = tuple(choices)
        super().__init__(self._message())

    def _message(self) -> str:
        text = f'{self.what} is {self.value!r}: {self.rule}'
        if not self.choices:
            return text
        near = difflib.get_close_matches(str(self.value), self.choices, n=1)
        hint = f' (did you mean {near[0]}?)' if near else ''
        return f'{text}; choices: {", ".join(self.choices)}{hint}'


class InternalError(Exception):
    """An invariant of this program does not hold: a defect, not a mistake of the user."""
