"""ROS namespaces: what one may be called."""

from __future__ import annotations

import re

from il_core.errors import UserError

RULE = (
    'must be parts of letters, digits and underscores with / between them, none of which begins '
    'with a digit; empty: none'
)
_PART = '[A-Za-z_][A-Za-z0-9_]*'
_NAMESPACE = re.compile(f'/?{_PART}(/{_PART})*')


def check_namespace(text: str) -> None:
    """Raise UserError where ROS would not take `text` as a namespace."""
    if text and not _NAMESPACE.fullmatch(text):
        raise UserError('namespace', text, RULE)
