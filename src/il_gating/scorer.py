"""What was fitted beside a policy, at work: one number per state, without torch."""

from __future__ import annotations

import numpy as np
import onnxruntime

from il_core.types import Vector

CRITIC, CLASSIFIER = 'critic.onnx', 'classifier.onnx'  # their files in a checkpoint


class Scorer:
    """Runs a graph with the output `value` (N,) over named inputs (N, ...), on one thread.

    Args:
        graph: contents of an ONNX file.
    """

    def __init__(self, graph: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            graph, options, providers=['CPUExecutionProvider']
        )

    def __call__(self, **inputs: Vector) -> float:
        """Return the value of one state; inputs (F,), (A,)."""
        rows = {name: np.asarray(value, np.float64)[None] for name, value in inputs.items()}
        return float(self.batch(**rows)[0])

    def batch(self, **inputs: Vector) -> Vector:
        """Return (N,) values; inputs (N, F), (N, A)."""
        values: Vector = self._session.run(None, inputs)[0]
        return values
