"""What every gate is to the rest of the system. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from il_core.errors import UserError
from il_core.quick import quick
from il_core.registry import Registry
from il_core.types import Decision, ExpertAction, Mode, Proposal


@quick
@dataclass(frozen=True, slots=True, eq=False)
class GateInputs:
    """What a gate may look at in one tick. `expert` is None where there is no fresh expert
    action."""

    proposal: Proposal
    expert: ExpertAction | None
    mode: Mode


class Gate(Protocol):
    """Says at every tick who should act. A plain object: no clock, no I/O; `rng` comes with
    `reset`.

    `needs_expert_action`: it must see the expert's action at every step (`dagger`,
    `ensemble_dagger`), so it runs only with an expert that declares continuous labels.
    `autonomous_start`: an episode begins with the policy.
    """

    name: str
    needs_expert_action: bool
    autonomous_start: bool

    def reset(self, rng: np.random.Generator) -> None:
        """Begin an episode."""

    def decide(self, inputs: GateInputs) -> Decision:
        """Return who should act now, why, and the scores behind it."""


@runtime_checkable
class Budgeted(Protocol):
    """A gate that asks within a budget."""

    def set_budget(self, alpha: float) -> None:
        """Ask on this share of the policy's states from now on. Raises UserError."""


# Parameters with which a gate learns nothing from what it sees, for those that do.
STEADY: Mapping[str, Mapping[str, object]] = {'thrifty_dagger': {'online': False}}


def set_budget(gate: Gate, alpha: float) -> None:
    """Set the budget of a gate. Raises UserError where it has none, or the share is not one."""
    if not isinstance(gate, Budgeted):
        raise UserError('gate', gate.name, 'has no budget to set')
    if not 0 <= alpha <= 1:
        raise UserError('alpha', alpha, 'must be 0 to 1')
    gate.set_budget(alpha)


class Fitted(NamedTuple):
    """A gate, and the id of the checkpoint it was fitted for (empty: it fits every policy)."""

    gate: Gate
    checkpoint_id: str


# name -> `module:Class`; built as Class.build(spec, checkpoint: Path | None, params: Mapping) ->
# Gate.
GATES = Registry(
    'gate',
    {
        'policy_only': 'il_gating.gates.fixed:PolicyOnly',
        'expert_only': 'il_gating.gates.fixed:ExpertOnly',
        'hg_dagger': 'il_gating.gates.hg_dagger:HgDagger',
        'dagger': 'il_gating.gates.dagger:Dagger',
        'ensemble_dagger': 'il_gating.gates.ensemble_dagger:EnsembleDagger',
        'random': 'il_gating.gates.random:Random',
        'novelty': 'il_gating.gates.novelty:Novelty',
        'safe_dagger': 'il_gating.gates.safe_dagger:SafeDagger',
        'lazy_dagger': 'il_gating.gates.lazy_dagger:LazyDagger',
        'thrifty_dagger': 'il_gating.gates.thrifty_dagger:ThriftyDagger',
    },
)
