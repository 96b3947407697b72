"""An ensemble at work, without torch: ONNX Runtime or plain numpy, one thread, the same numbers.

Of continuous axes `mean` and `variance` are over the members, in action units (squared). Of a
discrete axis `mean` is the class with the highest probability averaged over the members (as
float), `members` the class each member would choose, `variance` their disagreement: the variance
of a class' probability over the members, summed over classes (0 where all agree, below 1).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import onnxruntime

from il_core.errors import UserError
from il_core.types import Vector
from il_policy.checkpoint import GRAPH, Checkpoint
from il_policy.nets import Head, Net, Weights
from il_policy.normalize import Normalization


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """`mean` and `variance` (A,), `members` (M, A) of one frame; (N, A) and (M, N, A) of N."""

    mean: Vector
    variance: Vector
    members: Vector


class Runtime(Protocol):
    """Maps observations to actions. One caller at a time."""

    def decide(self, frame: Vector) -> Output:
        """Return the output for one frame (F,)."""

    def predict(self, observations: Vector) -> Output:
        """Return the output for (N, F) observations."""


class OnnxGraph:
    """An ONNX graph whose inputs and outputs are float64 with rows first.

    Args:
        graph: contents of the file. One thread runs it, the fastest for small nets.
    """

    def __init__(self, graph: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            graph, options, providers=['CPUExecutionProvider']
        )
        # One row goes through buffers that are bound once; a run finds its tensors in place.
        self._binding = self._session.io_binding()
        self._inputs = self._bind(self._session.get_inputs(), self._binding.bind_input)
        self._outputs = self._bind(self._session.get_outputs(), self._binding.bind_output)

    def row(self, *inputs: Vector) -> list[Vector]:
        """Return every output of one row; overwritten by the next run. Inputs as in the graph."""
        for buffer, value in zip(self._inputs, inputs, strict=True):
            buffer[0] = value
        self._session.run_with_iobinding(self._binding)
        return self._outputs

    def rows(self, **inputs: Vector) -> list[Vector]:
        """Return every output of N rows, inputs by name."""
        outputs: list[Vector] = self._session.run(None, inputs)
        return outputs

    @staticmethod
    def _bind(tensors: list[onnxruntime.NodeArg], bind: Callable[..., None]) -> list[Vector]:
        buffers = [np.zeros([1 if size == 'N' else size for size in t.shape]) for t in tensors]
        for tensor, buffer in zip(tensors, buffers, strict=True):
            bind(tensor.name, 'cpu', 0, np.float64, buffer.shape, buffer.ctypes.data)
        return buffers


class OnnxRuntime:
    """Runs the exported graph; argument as of `OnnxGraph`."""

    def __init__(self, graph: bytes) -> None:
        self._graph = OnnxGraph(graph)

    def decide(self, frame: Vector) -> Output:
        mean, variance, members = self._graph.row(frame)
        return Output(mean[0].copy(), variance[0].copy(), members[:, 0].copy())

    def predict(self, observations: Vector) -> Output:
        return Output(*self._graph.rows(observation=observations))


class NumpyRuntime:
    """Runs the weights themselves."""

    def __init__(self, net: Net, normalization: Normalization, weights: Weights) -> None:
        self._net, self._low = net, np.array(normalization.low, np.float64)
        self._mean, self._std = np.array(normalization.mean), np.array(normalization.std)
        self._scale, self._offset = normalization.scale, normalization.offset
        self._average = np.full(net.members, 1 / net.members)
        # All members see the same observation: their first layers are one wide layer.
        self._wide = np.ascontiguousarray(np.concatenate(weights['weight_0'], axis=1))
        # A product with one row is fastest where the columns are contiguous.
        columns = (weights[f'weight_{k}'].mT for k in range(1, len(net.layers)))
        self._weights = [np.ascontiguousarray(rows).mT for rows in columns]
        self._biases = [weights[f'bias_{k}'] for k in range(len(net.layers))]
        self._zeros = [np.zeros_like(bias) for bias in self._biases[:-1]]

    def decide(self, frame: Vector) -> Output:
        output = self.predict(frame)
        return Output(output.mean[0], output.variance[0], output.members[:, 0])

    def predict(self, observations: Vector) -> Output:
        x = ((observations - self._mean) / self._std).astype(np.float32)
        y = (x @ self._wide).reshape(-1, self._net.members, self._net.layers[0][1]).swapaxes(0, 1)
        y = y + self._biases[0]
        for weight, bias, zero in zip(self._weights, self._biases[1:], self._zeros, strict=True):
            y = np.matmul(np.maximum(y, zero, out=y), weight)
            y += bias
        return self._classes(y) if self._net.head is Head.LOGITS else self._actions(y)

    def _actions(self, y: Vector) -> Output:
        if self._net.head is Head.TANH:
            np.tanh(y, out=y)
        members = y * self._scale
        members += self._offset
        shape, flat = members.shape[1:], members.reshape(len(members), -1)
        mean = self._average.dot(flat)
        apart = flat - mean
        apart *= apart
        return Output(mean.reshape(shape), self._average.dot(apart).reshape(shape), members)

    def _classes(self, logits: Vector) -> Output:
        shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        mean = shares.mean(axis=0).argmax(axis=-1, keepdims=True) + self._low
        variance = shares.var(axis=0).sum(axis=-1, keepdims=True).astype(np.float64)
        return Output(mean, variance, shares.argmax(axis=-1, keepdims=True) + self._low)


def _numpy(checkpoint: Checkpoint) -> Runtime:
    policy = checkpoint.policy
    return NumpyRuntime(policy.net, policy.normalization, checkpoint.weights())


def _onnx(checkpoint: Checkpoint) -> Runtime:
    return OnnxRuntime(checkpoint.read(GRAPH))


def _fastest(checkpoint: Checkpoint) -> Runtime:
    """Return whichever is faster here and now; which one it is may differ from run to run, and
    with it the last bits of an action."""
    frame = np.array(checkpoint.policy.normalization.mean)
    return min((_onnx(checkpoint), _numpy(checkpoint)), key=lambda r: _time_s(r, frame))


def _time_s(runtime: Runtime, frame: Vector) -> float:
    times = []
    for _ in range(200):
        begin = time.perf_counter()
        runtime.decide(frame)
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


RUNTIMES: Mapping[str, Callable[[Checkpoint], Runtime]] = {
    'onnx': _onnx,
    'numpy': _numpy,
    'fastest': _fastest,
}


def make_runtime(checkpoint: Checkpoint, name: str = 'onnx') -> Runtime:
    """Return the runtime `name` for a checkpoint. Raises UserError that lists the names."""
    if name not in RUNTIMES:
        raise UserError('runtime', name, 'not known', RUNTIMES)
    return RUNTIMES[name](checkpoint)
