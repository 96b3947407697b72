"""What the watchdog finds about itself."""

from __future__ import annotations

import enum

from il_core.findings import Findings


@enum.unique
class WatchdogFindings(Findings):
    """Whether commands come."""

    SILENT = (
        'ERROR',
        'commands are silent: the robot is stopped',
        'the gate is not there, or nothing tells it where the robot is',
        'see the diagnostics of gate; the next command passes by itself',
    )
    PASSES = ('OK', 'passes commands on', 'commands come in time')
