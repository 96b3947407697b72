"""What was fitted beside a policy, at work: one number per state, without torch."""

from __future__ import annotations

from il_core.types import Vector
from il_policy.runtime import OnnxGraph

CRITIC, CLASSIFIER = 'critic.onnx', 'classifier.onnx'  # their files in a checkpoint


class Scorer:
    """Runs a graph with the one output `value` (N,).

    Args:
        graph: contents of an ONNX file; a critic takes `observation` (N, F) and `action` (N, A),
            a classifier `observation` alone.
    """

    def __init__(self, graph: bytes) -> None:
        self._graph = OnnxGraph(graph)

    def __call__(self, *inputs: Vector) -> float:
        """Return the value of one state: observation (F,), action (A,)."""
        return float(self._graph.row(*inputs)[0][0])

    def batch(self, **inputs: Vector) -> Vector:
        """Return (N,) values; inputs by name."""
        return self._graph.rows(**inputs)[0]
