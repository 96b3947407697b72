"""How good it is that the gate is where it is: for diagnostics and the log."""

from __future__ import annotations

from il_core.types import Cause, GateState, Mode

FAULTS = (
    Cause.STALE_OBSERVATION,
    Cause.STALE_JOYSTICK,
    Cause.POLICY_FAULT,
    Cause.CHECKPOINT_MISMATCH,
    Cause.REQUEST_TIMEOUT,
    Cause.RIVAL,
)


def verdict(state: GateState) -> tuple[str, str]:
    """Return (level, sentence), level one of OK, WARN, ERROR."""
    sentence = f'{state.mode.name}: {state.detail}'
    if state.mode is Mode.ESTOP:
        return 'ERROR', sentence
    if state.mode is Mode.HOLD and state.cause in FAULTS:
        return 'ERROR', sentence
    return ('WARN' if state.mode is Mode.REQUESTING else 'OK'), sentence
