"""What the simulator finds about itself."""

from __future__ import annotations

import enum

from il_core.findings import Finding, Findings
from il_sim.stage import Stage


@enum.unique
class SimFindings(Findings):
    """What the simulator says about its task."""

    RUNS = ('OK', '{task} runs', 'an episode goes on')
    OVER = ('OK', '{task} is over', 'the episode has an outcome; sim/reset begins the next')
    SLOW = (
        'WARN',
        '{task} runs slower than asked for: {missed} of the last {ticks} steps were late or took '
        'longer than {period_s:.3g} s',
        'simulated time passes slower than speed says; everybody follows',
        'leave gui and camera out, stop what else runs here, or set speed of {node} lower',
    )
    STILL = ('OK', '{task} stands still', 'nobody acts: it waits for a command that is not HOLD')


def found(stage: Stage, task: str) -> Finding:
    """Return what a stage says about its task."""
    still = SimFindings.OVER if stage.over else SimFindings.STILL
    return (SimFindings.RUNS if stage.running else still)(task=task)
