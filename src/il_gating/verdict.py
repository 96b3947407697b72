"""How good it is that the gate is where it is: for diagnostics and the log."""

from __future__ import annotations

import enum
import math

from il_core.findings import Finding, Findings
from il_core.types import Cause, GateState, Mode
from il_gating.transitions import RESTING


@enum.unique
class GateFindings(Findings):
    """What the gate finds about itself."""

    RIVAL = (
        'ERROR',
        'another node writes to {rival}',
        'only the gate may command the robot, which stands meanwhile',
        'stop that node: `ros2 topic info --verbose TOPIC` names it; then `il call gate/resume`',
    )
    UNFED = (
        'WARN',
        'no proposal {since}',
        'the policy node is not there, not active, or gets no observation',
        'see the diagnostics of policy, and `ros2 topic hz policy/proposal`',
    )
    ESTOP = (
        'ERROR',
        'ESTOP: {detail}',
        'the emergency stop is latched',
        'when it is safe, `il call gate/reset_estop`, then `il call gate/resume`',
    )
    STALE_OBSERVATION = (
        'ERROR',
        'HOLD: {detail}',
        'the robot stands because there is no usable observation',
        'see the diagnostics of policy for the stream; then `il call gate/resume`',
    )
    STALE_JOYSTICK = (
        'ERROR',
        'HOLD: {detail}',
        'the human who should drive is not there',
        'hold the dead-man, or `il call gate/resume` to let the policy go on; `ros2 topic hz joy` '
        'shows whether the joystick speaks',
    )
    POLICY_FAULT = (
        'ERROR',
        'HOLD: {detail}',
        'the policy gave no action that may be sent',
        'take over, or run another checkpoint (`il swap`), then `il call gate/resume`',
    )
    CHECKPOINT_MISMATCH = (
        'ERROR',
        'HOLD: {detail}',
        'the gate was fitted for another policy than the one that runs',
        '`il swap CHECKPOINT` gives both the same one; then `il call gate/resume`',
    )
    REQUEST_TIMEOUT = (
        'ERROR',
        'HOLD: {detail}',
        'the gate asked for the human, and nobody came within timeout_s: the episode is over',
        'start the next one with somebody at the joystick, or raise timeout_s of gate',
    )
    HELD_FOR_RIVAL = (
        'ERROR',
        'HOLD: {detail}',
        "another node wrote to the robot's commands",
        'when that node is gone, `il call gate/resume`',
    )
    REQUESTING = (
        'WARN',
        'REQUESTING: {detail}',
        'the gate asks for the human, the robot stands',
        'hold the dead-man to take over; after `il call gate/release` the policy goes on, unless '
        'the gate still wants the human and asks again',
    )
    RESTING = (
        'WARN',
        'SUPERVISOR: {detail}',
        'the dead-man is not held; a gate that called the human does not take the robot back yet',
        'hold the dead-man to drive on, or `il call gate/release` to give the robot back',
    )
    FINE = ('OK', '{mode}: {detail}', 'control is where it should be')


FAULTS = {
    Cause.STALE_OBSERVATION: GateFindings.STALE_OBSERVATION,
    Cause.STALE_JOYSTICK: GateFindings.STALE_JOYSTICK,
    Cause.POLICY_FAULT: GateFindings.POLICY_FAULT,
    Cause.CHECKPOINT_MISMATCH: GateFindings.CHECKPOINT_MISMATCH,
    Cause.REQUEST_TIMEOUT: GateFindings.REQUEST_TIMEOUT,
    Cause.RIVAL: GateFindings.HELD_FOR_RIVAL,
}


def verdict(state: GateState) -> GateFindings:
    """Return what `state` means; its message takes `mode` and `detail`."""
    if state.mode is Mode.ESTOP:
        return GateFindings.ESTOP
    if state.mode is Mode.REQUESTING:
        return GateFindings.REQUESTING
    if state.mode is Mode.SUPERVISOR and state.detail == RESTING:
        return GateFindings.RESTING
    held = FAULTS if state.mode is Mode.HOLD else {}
    return held.get(state.cause, GateFindings.FINE)


def finding(state: GateState | None, silent_s: float, patience_s: float) -> Finding:
    """Return what diagnostics say.

    Args:
        state: of the last tick, None before the first.
        silent_s: since the last proposal.
        patience_s: so long a silence says nothing.
    """
    found = GateFindings.UNFED if state is None else verdict(state)
    if state is None or (found is GateFindings.FINE and silent_s > patience_s):
        since = f'for {silent_s:.1f} s' if math.isfinite(silent_s) else 'yet'
        return GateFindings.UNFED(since=since)
    return found(mode=state.mode.name, detail=state.detail)
