"""What a node says about itself once a second (REP-107)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue


class Level(enum.IntEnum):
    """Numbers equal DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class Health:
    """How a node is: level, one sentence, and the numbers behind it."""

    level: Level = Level.OK
    message: str = 'ok'
    values: Mapping[str, object] = field(default_factory=dict)


def diagnostics(name: str, health: Health, stamp: Any) -> DiagnosticArray:
    """Return the message of one node."""
    status = DiagnosticStatus(
        level=bytes([health.level]),
        name=name,
        message=health.message,
        hardware_id='interactive_il',
        values=[KeyValue(key=k, value=_text(v)) for k, v in health.values.items()],
    )
    message = DiagnosticArray(status=[status])
    message.header.stamp = stamp
    return message


def _text(value: object) -> str:
    return f'{value:.4g}' if isinstance(value, float) else str(value)
