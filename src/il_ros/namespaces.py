"""ROS namespaces: what one may be called, and in which of them a service is."""

from __future__ import annotations

import re
from collections.abc import Iterable

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


def namespaces_with(service: str, services: Iterable[str]) -> list[str]:
    """Return the namespaces that have `service`, of the full names of all services."""
    found = (name.removesuffix(f'/{service}') for name in services if name.endswith(f'/{service}'))
    return sorted(namespace or '/' for namespace in found)
