"""The choices of a graph's arguments that registries know: read when somebody asks, not on
import."""

from __future__ import annotations

from il_core.registry import Registry

_NAMES = Registry(
    'list of choices',
    {
        'gate': 'il_gating.api:GATES',
        'policy': 'il_policy.api:POLICIES',
        'style': 'il_teleop.experts.config:Style',
    },
)


def gate_names() -> tuple[str, ...]:
    return tuple(_NAMES.load('gate').names())


def policy_names() -> tuple[str, ...]:
    return tuple(_NAMES.load('policy').names())


def style_names() -> tuple[str, ...]:
    return tuple(style.value for style in _NAMES.load('style'))
