"""What every policy is to the rest of the system. Torch-free."""

from __future__ import annotations

from typing import Protocol

from il_core.registry import Registry
from il_core.spec import Spec
from il_core.types import Frame, Proposal


class Policy(Protocol):
    """Maps a frame to a proposal. Not thread-safe; one instance belongs to one node or rollout."""

    spec: Spec
    checkpoint_id: str

    def reset(self) -> None:
        """Forget whatever belongs to the episode that ended."""

    def propose(self, frame: Frame) -> Proposal:
        """Return the proposal for `frame`. A frame with a fault gives a proposal with that fault;
        never raises for it."""


# What can run: name -> `module:factory`, called as factory(spec, checkpoint: Path | None) ->
# Policy.
POLICIES = Registry(
    'policy',
    {
        'none': 'il_policy.policies.none:NonePolicy',
        'bc': 'il_policy.policies.bc:load',
    },
)
