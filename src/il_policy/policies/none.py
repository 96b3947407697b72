"""No policy: demonstrations need the frames, and nobody to act on them."""

from __future__ import annotations

from pathlib import Path

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import Frame, Proposal


class NonePolicy:
    """Proposes nothing; its proposals carry the frame."""

    checkpoint_id = ''

    def __init__(self, spec: Spec, checkpoint: Path | None = None) -> None:
        if checkpoint is not None:
            raise UserError('checkpoint', str(checkpoint), 'policy `none` has no checkpoint')
        self.spec = spec

    def reset(self) -> None:
        pass

    def propose(self, frame: Frame) -> Proposal:
        return Proposal(frame, spec_hash=self.spec.hash, fault=frame.fault)
