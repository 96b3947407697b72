"""What every gate is to the rest of the system. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

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
        'novelty': 'il_gating.gates.novelty:Novelty',
    },
)
