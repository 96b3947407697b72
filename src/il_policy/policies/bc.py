"""A cloned policy at work: one frame in, the ensemble's mean and spread out."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import Frame, Proposal
from il_policy import checkpoint as checkpoints
from il_policy.runtime import Runtime, make_runtime


class BcPolicy:
    """Runs an ensemble. Whatever goes wrong with one frame becomes that proposal's fault."""

    def __init__(self, spec: Spec, checkpoint_id: str, runtime: Runtime) -> None:
        self.spec, self.checkpoint_id = spec, checkpoint_id
        self._runtime, self._fields = runtime, len(spec.frame_fields)

    def reset(self) -> None:
        pass

    def propose(self, frame: Frame) -> Proposal:
        if frame.fault:
            return self._faulty(frame, frame.fault)
        if frame.vector.shape != (self._fields,):
            return self._faulty(frame, f'frame has shape {frame.vector.shape}, not {self._fields}')
        if not np.isfinite(frame.vector).all():
            return self._faulty(frame, 'frame is not finite')
        begin = time.perf_counter()
        output = self._runtime.decide(frame.vector)
        inference_s = time.perf_counter() - begin
        if not np.isfinite(output.members).all():
            return self._faulty(frame, 'policy: action is not finite')
        return Proposal(
            frame,
            self.checkpoint_id,
            self.spec.hash,
            output.mean,
            output.variance,
            output.members,
            inference_s=inference_s,
        )

    def _faulty(self, frame: Frame, fault: str) -> Proposal:
        return Proposal(frame, self.checkpoint_id, self.spec.hash, fault=fault)


def load(spec: Spec, checkpoint: Path | None, runtime: str = 'onnx') -> BcPolicy:
    """Return the policy of a checkpoint folder.

    Raises:
        UserError: there is no checkpoint, it is not whole, or it is for another spec.
    """
    if checkpoint is None:
        raise UserError('checkpoint', None, 'policy `bc` needs one; train it with `il train`')
    loaded = checkpoints.load(checkpoint, spec)
    return BcPolicy(spec, loaded.id, make_runtime(loaded, runtime))
