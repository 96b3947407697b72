"""A gate core from names: what GateNode and the loop start from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from il_core.errors import UserError
from il_core.spec import Spec
from il_gating.api import GATES, Fitted
from il_gating.config import GateConfig
from il_gating.core import GateCore
from il_policy.checkpoint import load


def build_core(
    spec: Spec,
    gate: str,
    config: GateConfig,
    checkpoint: Path | None = None,
    params: Mapping[str, object] | None = None,
    continuous_labels: bool = False,
) -> GateCore:
    """Return the core of a gate by name.

    With a checkpoint, proposals of any other policy are refused at run time.
    `continuous_labels`: the expert gives an action at every tick, whoever owns the robot.

    Raises:
        UserError: unknown gate or parameter, a checkpoint that is not whole or of another spec, or
            without the fit that the gate needs, or an expert that does not suit the gate.
    """
    fitted = build_gate(spec, gate, checkpoint, params, continuous_labels)
    return GateCore(spec, fitted, config)


def build_gate(
    spec: Spec,
    gate: str,
    checkpoint: Path | None = None,
    params: Mapping[str, object] | None = None,
    continuous_labels: bool = False,
) -> Fitted:
    """Return a gate by name, and the id of its checkpoint. Arguments and errors as of
    `build_core`."""
    built = GATES.load(gate).build(spec, checkpoint, params or {})
    if built.needs_expert_action and not continuous_labels:
        rule = (
            'needs an expert that acts at every tick, whoever owns the robot; this one does not: '
            'take `--operator scripted --style always`, or another gate'
        )
        raise UserError('gate', gate, rule)
    own = '' if checkpoint is None else load(checkpoint, spec).id
    return Fitted(built, own)


def parse_params(text: str) -> dict[str, Any]:
    """Return a gate's parameters from JSON or YAML text. Raises UserError."""
    try:
        params = yaml.safe_load(text) if text else {}
    except yaml.YAMLError as error:
        raise UserError('gate_params', text, f'is neither JSON nor YAML ({error})') from error
    if not isinstance(params, dict):
        raise UserError('gate_params', text, 'must be a mapping, {name: value}')
    return params
