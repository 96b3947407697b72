"""ROS namespaces: what one may be called, and in which of them a service is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from il_core.errors import UserError

if TYPE_CHECKING:
    from rclpy.node import Node

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


def not_here(node: Node, service: str, lacking: str) -> UserError:
    """Return the error that `lacking` is not in the node's namespace; names those that have
    `service`."""
    found = namespaces_with(service, (name for name, _ in node.get_service_names_and_types()))
    here = node.get_namespace()
    rule = f'there is no {lacking} in it; is the graph up and active, and --hosts as there?'
    return UserError('namespace', here, rule, [name for name in found if name != here])
