"""What a node says about itself once a second (REP-107)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from il_core.findings import Finding, Findings


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

    @classmethod
    def of(cls, finding: Finding, values: Mapping[str, object] | None = None) -> Health:
        return cls(Level[finding.level], finding.text, values or {})


@enum.unique
class NodeFindings(Findings):
    """What every node may find about itself."""

    INACTIVE = (
        'WARN',
        '{state}',
        'the node is there and does nothing',
        '{step}',
    )
    FAILED = (
        'ERROR',
        '{complaint}',
        'the node could not be configured or activated',
        'put that right, then {step}',
    )
    REFUSED = (
        'ERROR',
        '{complaint}',
        'a message broke a rule and was left out',
        'put its sender right; the log of {node} has one a second',
    )
    CLASH = (
        'ERROR',
        '{clashes}',
        'a topic carries two types: nothing arrives',
        'stop the sender of the wrong type: `ros2 topic info --verbose` names it',
    )
    OVERRUN = (
        'WARN',
        '{missed} of the last {ticks} ticks were late or took longer than a period',
        'the node does not keep its rate: other work keeps the cores busy, or a tick is too long',
        'stop what else runs here, or set realtime_priority of {node} to 20',
    )
    FINE = ('OK', 'ok', 'nothing to say')


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


def log(node: Any, text: str, level: str = 'OK') -> None:
    """Log at the severity of a finding."""
    logger = node.get_logger()
    if level == 'OK':
        logger.info(text)
    elif level == 'WARN':  # not by one call: rclpy refuses another severity from the same line
        logger.warning(text)
    else:
        logger.error(text)


def _text(value: object) -> str:
    return f'{value:.4g}' if isinstance(value, float) else str(value)
