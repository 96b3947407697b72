"""Rules of options that several commands have, checked before the work that would break on
them."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping

from il_core.errors import UserError

# option -> what holds, in words and as a test; a NaN passes none of the tests.
RULES: Mapping[str, tuple[str, Callable[[float], bool]]] = {
    'seed': ('must be 0 or above', lambda x: x >= 0),
    'epochs': ('must be a finite number above 0', lambda x: 0 < x < math.inf),
    'members': ('must be at least 1', lambda x: x >= 1),
    'threads': ('must be at least 1', lambda x: x >= 1),
    'episodes': ('must be at least 1', lambda x: x >= 1),
    'critic_steps': ('must be at least 1', lambda x: x >= 1),
    'alpha': ('is a share of states: must be 0 to 1', lambda x: 0 <= x <= 1),
}


def check_numbers(options: Mapping[str, object]) -> None:
    """Check the numbers among a command's options. Raises UserError that names the option."""
    for name, (rule, holds) in RULES.items():
        value = options.get(name)
        if isinstance(value, int | float) and not holds(value):
            raise UserError(f'--{name.replace("_", "-")}', value, rule)


class Defaults(argparse.ArgumentDefaultsHelpFormatter):
    """Help with the default of every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False or action.default == '':
            return action.help
        return super()._get_help_string(action)
