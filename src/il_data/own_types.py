"""Names of our own message types that are read from bags by name."""

from __future__ import annotations

COMMAND = 'interactive_il/msg/Command'
EXPERT = 'interactive_il/msg/ExpertAction'
STATUS = 'interactive_il/msg/GateStatus'
EVENT = 'interactive_il/msg/EpisodeEvent'
